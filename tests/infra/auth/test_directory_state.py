"""How grants count: trees, homes, bindings, time."""

from datetime import timedelta

import pytest

from contracts.events import tenancy
from contracts.events.base import Sealed
from contracts.ids import PROVIDER, TenantId
from contracts.roles import Role
from infra.auth.directory_state import DirectoryState, TenantState
from tests.fixtures.provider_ledger import NOW, ProviderLedger

EVERYWHERE = frozenset({PROVIDER})


@pytest.fixture
async def ledger() -> ProviderLedger:
    """A customer tree (group over clinic over ward), a retailer; Ana of the provider, Cleo of the group."""
    ledger = ProviderLedger()
    ledger.tenant("group")
    ledger.tenant("clinic", "group")
    ledger.tenant("ward", "clinic")
    ledger.tenant("retailer")
    ledger.person("ana")
    ledger.person("cleo", home="group")
    return ledger


def fold(ledger: ProviderLedger) -> DirectoryState:
    state = DirectoryState()
    for recorded in ledger.entries:
        state.apply(recorded)
    return state


def roles(ledger: ProviderLedger, principal: str, tenant: str, bound_to: frozenset[TenantId] = EVERYWHERE) -> set[Role]:
    state = fold(ledger)
    return set(state.held(state.principals[principal], TenantId(tenant), NOW, bound_to).roles)


async def test_a_grant_counts_for_its_tenant_only(ledger: ProviderLedger) -> None:
    ledger.grant("ana", Role.ANALYST, "clinic")
    assert roles(ledger, "ana", "clinic") == {Role.ANALYST}
    for other in ("group", "ward", "retailer", "provider"):
        assert roles(ledger, "ana", other) == set()


async def test_an_inherited_grant_counts_for_everything_below_and_nothing_beside_or_above(
    ledger: ProviderLedger,
) -> None:
    ledger.grant("ana", Role.LEAD, "clinic", inherited=True)
    assert roles(ledger, "ana", "ward") == roles(ledger, "ana", "clinic") == {Role.LEAD}
    assert roles(ledger, "ana", "group") == roles(ledger, "ana", "retailer") == set()
    state = fold(ledger)
    assert state.reach(state.principals["ana"]) == {"clinic", "ward"}


async def test_what_was_granted_for_the_provider_does_not_spread_to_customers(ledger: ProviderLedger) -> None:
    ledger.grant("ana", Role.ADMIN, "provider", inherited=True)
    assert roles(ledger, "ana", "provider") == {Role.ADMIN}
    assert roles(ledger, "ana", "clinic") == set()


async def test_a_revoked_grant_counts_no_more(ledger: ProviderLedger) -> None:
    grant_id = ledger.grant("ana", Role.ANALYST, "clinic")
    ledger.append(tenancy.GrantRevoked(grant_id=grant_id))
    assert roles(ledger, "ana", "clinic") == set()


async def test_a_grant_ends_at_its_instant(ledger: ProviderLedger) -> None:
    ledger.grant("ana", Role.ANALYST, "clinic", expires_at=NOW)
    ledger.grant("ana", Role.LEAD, "clinic", expires_at=NOW + timedelta(microseconds=1))
    assert roles(ledger, "ana", "clinic") == {Role.LEAD}


async def test_a_deactivated_principal_holds_nothing(ledger: ProviderLedger) -> None:
    ledger.grant("ana", Role.ANALYST, "clinic")
    ledger.append(tenancy.PrincipalDeactivated(principal_id="ana"))
    assert roles(ledger, "ana", "clinic") == set()


async def test_a_role_of_the_providers_people_needs_the_provider_as_home(ledger: ProviderLedger) -> None:
    ledger.grant("cleo", Role.ANALYST, "clinic")
    assert roles(ledger, "cleo", "clinic") == set()


async def test_a_customers_role_needs_a_home_in_the_same_line_of_the_tree(ledger: ProviderLedger) -> None:
    ledger.grant("cleo", Role.CUSTOMER_APPROVER, "clinic")
    ledger.grant("cleo", Role.CUSTOMER_APPROVER, "retailer")
    ledger.grant("ana", Role.CUSTOMER_APPROVER, "clinic")
    assert roles(ledger, "cleo", "clinic") == {Role.CUSTOMER_APPROVER}
    assert roles(ledger, "cleo", "retailer") == set()
    assert roles(ledger, "ana", "clinic") == set()


async def test_an_issuer_yields_no_roles_outside_of_what_it_is_bound_to(ledger: ProviderLedger) -> None:
    for tenant in ("clinic", "retailer"):
        ledger.grant("cleo", Role.AUDITOR, tenant)
    bound = frozenset({TenantId("group")})
    assert roles(ledger, "cleo", "clinic", bound) == {Role.AUDITOR}
    assert roles(ledger, "cleo", "retailer", bound) == set()


async def test_no_grant_can_make_somebody_a_service(ledger: ProviderLedger) -> None:
    ledger.grant("ana", Role.SERVICE, "clinic")
    assert roles(ledger, "ana", "clinic") == set()


async def test_a_tenants_state_follows_its_life(ledger: ProviderLedger) -> None:
    clinic = TenantId("clinic")
    steps = [
        (tenancy.TenantSuspended(tenant_id=clinic, reason=Sealed(subject="s")), TenantState.SUSPENDED),
        (tenancy.TenantResumed(tenant_id=clinic), TenantState.ACTIVE),
        (tenancy.TenantLeavingStarted(tenant_id=clinic, reason=Sealed(subject="s")), TenantState.LEAVING),
        (tenancy.TenantClosed(tenant_id=clinic, export_sha256="0" * 64, entries=3), TenantState.CLOSED),
    ]
    for event, state in steps:
        ledger.append(event)
        assert fold(ledger).tenants[clinic].state is state


async def test_linked_identities_are_one_person(ledger: ProviderLedger) -> None:
    ledger.person("dora", identity="first")
    ledger.append(tenancy.IdentityLinked(principal_id="dora", identity="second"))
    state = fold(ledger)
    assert state.principal_by_identity["first"] == state.principal_by_identity["second"] == "dora"
