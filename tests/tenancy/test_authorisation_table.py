"""Walks every RPC × role × own, foreign and unknown tenant × state of the tenant through the gate."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from contracts.calls import Actor, AuthenticatedBy
from contracts.errors import TenantUnknown, TenetError
from contracts.events import tenancy
from contracts.events.base import Event, Sealed
from contracts.ids import PROVIDER, TenantId
from contracts.roles import CUSTOMER_ROLES, PROVIDER_ROLES, Role
from infra.auth.authorisation import EVERY_ROLE, RULES, Scope
from infra.auth.authority import Authority
from infra.auth.directory import Directory
from infra.auth.directory_state import TenantState
from infra.auth.errors import RoleMissing, TenantStateForbids
from infra.auth.gate import Addressed, Caller
from infra.auth.jwks import HttpKeySource, IssuerKeys
from infra.auth.tokens import TokenVerifier
from infra.grpc import Hosted, serve
from tests.fixtures.provider_ledger import NOW, ProviderLedger, as_feed
from tests.infra.auth.conftest import Notes
from tests.tenancy.conftest import Rpc, rpcs, services

MATRIX = Path(__file__).parent / "matrix.txt"
OWN, FOREIGN, UNKNOWN = TenantId("own"), TenantId("foreign"), TenantId("nowhere")
STATES: dict[TenantState, Event | None] = {
    TenantState.ONBOARDING: None,
    TenantState.ACTIVE: tenancy.TenantActivated(tenant_id=OWN),
    TenantState.SUSPENDED: tenancy.TenantSuspended(tenant_id=OWN, reason=Sealed(subject="s")),
    TenantState.LEAVING: tenancy.TenantLeavingStarted(tenant_id=OWN, reason=Sealed(subject="s")),
    TenantState.CLOSED: tenancy.TenantClosed(tenant_id=OWN, export_sha256="0" * 64, entries=1),
}
WRITES_IN_ANY_STATE = (
    "/tenet.tenancy.",
    "/tenet.detections.v1.DetectionsAdminService/",
    "/tenet.detections.v1.RulesAdminService/",
    "/tenet.assets.v1.VulnerabilitiesAdminService/",
    "/tenet.cases.v1.CasesRota",
    "/tenet.ledger.v1.LedgerAdmin",
    "/tenet.ledger.v1.LedgerAudit",
    "/tenet.ledger.v1.LedgerErasureAdmin",
    "/tenet.operations.",
)
"""Administration, taking one's records along, and being forgotten: none of these ends with a suspension."""
EXPORTS = ("/tenet.ledger.v1.LedgerAdmin", "/tenet.ledger.v1.LedgerAudit")
"""An auditor may take a copy along, which the ledger records."""


def home_of(role: Role) -> TenantId:
    return PROVIDER if role in PROVIDER_ROLES else OWN


def caller_of(role: Role) -> Caller:
    home = home_of(role)
    return Caller(Actor(f"principal-{role}", AuthenticatedBy.OIDC, home), frozenset({home}))


async def gate_over(ledger: ProviderLedger) -> Authority:
    directory = Directory(as_feed(ledger))
    await directory.refresh()
    tokens = TokenVerifier(directory, IssuerKeys(HttpKeySource(), lambda: 0.0), lambda: 0.0)
    return Authority(directory, tokens, Notes(), b"k" * 32, lambda: NOW)


def ledger_with(state: TenantState = TenantState.ACTIVE) -> ProviderLedger:
    """One principal for each role, which it has for the tenant `own` only; an administrator for the provider."""
    ledger = ProviderLedger()
    for tenant in (OWN, FOREIGN):
        ledger.tenant(tenant, active=False)
    for role in EVERY_ROLE:
        ledger.person(f"principal-{role}", home_of(role))
        ledger.grant(f"principal-{role}", role, PROVIDER if role is Role.ADMIN else OWN)
    if (event := STATES[state]) is not None:
        ledger.append(event)
    return ledger


def addressed(rpc: Rpc, tenant: TenantId) -> Addressed:
    match RULES[rpc.name].scope:
        case Scope.TENANT:
            return Addressed(tenant)
        case Scope.TENANTS:
            return Addressed(None, (tenant,))
        case _:
            return Addressed()


async def outcome(gate: Authority, rpc: Rpc, role: Role, tenant: TenantId) -> type[TenetError] | None:
    try:
        admission = await gate.admit(caller_of(role), rpc.name, addressed(rpc, tenant))
    except TenetError as error:
        return type(error)
    if RULES[rpc.name].scope in (Scope.TENANT, Scope.TENANTS):
        assert admission.tenants == (tenant,)
    return None


def test_every_rpc_is_in_the_table_and_the_table_holds_nothing_else(every_rpc: list[Rpc]) -> None:
    assert {rpc.name for rpc in every_rpc} == set(RULES)


def test_a_rules_scope_fits_the_fields_of_the_request(every_rpc: list[Rpc]) -> None:
    for rpc in every_rpc:
        match RULES[rpc.name].scope:
            case Scope.TENANT:
                assert rpc.shape.tenant_id, rpc.name
            case Scope.TENANTS:
                assert rpc.shape.tenant_ids, rpc.name
            case Scope.ANYONE:
                assert not rpc.shape.request_id, rpc.name
            case Scope.PROVIDER:
                assert not rpc.shape.tenant_ids, rpc.name


async def test_each_role_is_admitted_to_its_own_tenant_exactly_where_the_table_says_so(every_rpc: list[Rpc]) -> None:
    gate = await gate_over(ledger_with())
    for rpc, role in itertools.product(every_rpc, sorted(EVERY_ROLE)):
        rule = RULES[rpc.name]
        expected: type[TenetError] | None
        if rule.scope is Scope.ANYONE:
            expected = None
        elif rule.scope is Scope.PROVIDER:
            expected = None if role is Role.ADMIN and role in rule.roles else RoleMissing
        elif role is Role.ADMIN:
            expected = None if role in rule.provider_roles else TenantUnknown
        else:
            expected = None if role in rule.roles else RoleMissing
        assert await outcome(gate, rpc, role, OWN) is expected, f"{role} {rpc.name}"


async def test_a_foreign_and_an_unknown_tenant_are_the_same_for_every_rpc_and_role(every_rpc: list[Rpc]) -> None:
    gate = await gate_over(ledger_with())
    for rpc, role in itertools.product(every_rpc, sorted(EVERY_ROLE - {Role.ADMIN})):
        if RULES[rpc.name].scope in (Scope.TENANT, Scope.TENANTS):
            for tenant in (FOREIGN, UNKNOWN):
                assert await outcome(gate, rpc, role, tenant) is TenantUnknown, f"{role} {rpc.name} {tenant}"


async def test_an_administrator_of_the_provider_gets_no_look_at_what_customers_do(every_rpc: list[Rpc]) -> None:
    gate = await gate_over(ledger_with())
    admitted = {rpc.name for rpc in every_rpc if await outcome(gate, rpc, Role.ADMIN, OWN) is None}
    for service in ("assets", "cases", "reporting", "ledger.v1.LedgerReadService"):
        assert not [name for name in admitted if name.startswith(f"/tenet.{service}")]


@pytest.mark.parametrize("state", list(TenantState))
async def test_a_tenants_state_closes_what_the_table_says(every_rpc: list[Rpc], state: TenantState) -> None:
    gate = await gate_over(ledger_with(state))
    for rpc in every_rpc:
        rule = RULES[rpc.name]
        if rule.scope not in (Scope.TENANT, Scope.TENANTS):
            continue
        role = min(rule.roles or rule.provider_roles)
        expected = None if state in rule.states else TenantStateForbids
        assert await outcome(gate, rpc, role, OWN) is expected, f"{rpc.name} while {state}"


def test_nothing_is_written_to_a_tenant_that_is_suspended_leaving_or_closed(every_rpc: list[Rpc]) -> None:
    still = {TenantState.SUSPENDED, TenantState.LEAVING, TenantState.CLOSED}
    for rpc in every_rpc:
        if rpc.shape.request_id and not rpc.name.startswith(WRITES_IN_ANY_STATE):
            assert RULES[rpc.name].states.isdisjoint(still), rpc.name


def test_those_who_only_look_write_nothing(every_rpc: list[Rpc]) -> None:
    for rpc in every_rpc:
        if rpc.shape.request_id and not rpc.name.startswith(EXPORTS):
            assert RULES[rpc.name].roles.isdisjoint({Role.AUDITOR, Role.BILLING}), rpc.name


def test_a_read_service_asks_for_no_request_id(every_rpc: list[Rpc]) -> None:
    assert [rpc.name for rpc in every_rpc if "ReadService/" in rpc.name and rpc.shape.request_id] == []


def test_a_verdict_and_a_response_are_the_work_of_the_providers_people(every_rpc: list[Rpc]) -> None:
    for word in ("Validate", "Withdraw", "DecidePlan", "DispatchAction", "OpenCase", "CloseCase"):
        named = [name for name in RULES if name.rpartition("/")[2].startswith(word)]
        assert named
        for name in named:
            assert RULES[name].roles <= PROVIDER_ROLES, name


def test_only_the_customer_signs_for_the_customer() -> None:
    for name in ("SignPreauthorisation", "AnswerEnquiry", "AcknowledgeNotice"):
        assert RULES[f"/tenet.cases.v1.CasesWriteService/{name}"].roles <= CUSTOMER_ROLES
    assert RULES["/tenet.cases.v1.CasesAdminService/ApproveCharter"].roles <= CUSTOMER_ROLES


def test_telemetry_comes_from_sensors_alone() -> None:
    for name, rule in RULES.items():
        if "TelemetryIngestService" in name:
            assert rule.roles == {Role.SENSOR}


def matrix() -> str:
    """The table as one line an RPC, for people to read and for reviews to notice a change."""
    lines = []
    for name, rule in sorted(RULES.items()):
        roles = ",".join(sorted(rule.roles)) if rule.roles != EVERY_ROLE else "every role"
        anywhere = f" | of the provider: {','.join(sorted(rule.provider_roles))}" if rule.provider_roles else ""
        states = ",".join(state for state in TenantState if state in rule.states)
        lines.append(f"{name.removeprefix('/tenet.')} [{rule.scope.value}] {roles}{anywhere} | {states}")
    return "\n".join(lines) + "\n"


def test_the_table_is_as_it_was_last_reviewed() -> None:
    """After a change that is meant: `python -m tests.tenancy.test_authorisation_table` writes the file anew."""
    assert matrix() == MATRIX.read_text()


async def test_no_rpc_answers_anything_without_a_credential() -> None:
    """Every service behind the kit, each method of which would answer: none does, not even with a wrong request."""
    gate = await gate_over(ledger_with())
    hosted = [Hosted(service, _Answering()) for service in services()]
    async with (
        serve(hosted, gate) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        codes = await asyncio.gather(*(_code(channel, rpc) for rpc in rpcs()))
    assert set(codes) == {grpc.StatusCode.UNAUTHENTICATED}


class _Answering:
    """A servicer that has every method, in the form that its RPC asks for."""

    def __getattr__(self, name: str) -> Any:
        method = next(rpc.method for rpc in rpcs() if rpc.method.name == name)
        return _stream if method.server_streaming else _answer


async def _answer(request: Any, context: Any) -> None:
    pytest.fail("a servicer was reached")


async def _stream(request: Any, context: Any) -> AsyncIterator[None]:
    await _answer(request, context)
    yield


async def _code(channel: grpc.aio.Channel, rpc: Rpc) -> grpc.StatusCode:
    kind = (rpc.method.client_streaming, rpc.method.server_streaming)
    make: Any = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }[kind]
    request: Any = iter([b""]) if rpc.method.client_streaming else b""
    call = make(rpc.name)(request, timeout=20)
    code: grpc.StatusCode = await call.code()
    return code


if __name__ == "__main__":
    MATRIX.write_text(matrix())
