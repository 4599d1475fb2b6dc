"""The gate: who is let in, for which tenants, and what everyone else is told."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.calls import AuthenticatedBy
from contracts.errors import PermissionDenied, TenantUnknown, TenetError
from contracts.events import tenancy
from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.roles import Role
from infra.auth.directory import MAX_STALE_SECONDS, Directory
from infra.auth.errors import (
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    DirectoryStale,
    RoleMissing,
    RpcNotInTable,
    TenantNotNamed,
    TenantStateForbids,
)
from infra.auth.gate import Addressed
from infra.auth.identity import api_key_header, new_secret
from tests.fixtures.provider_ledger import ProviderLedger

READ = "/tenet.cases.v1.CasesReadService/GetCase"
LIST = "/tenet.cases.v1.CasesReadService/ListCases"
WRITE = "/tenet.cases.v1.CasesWriteService/OpenCase"
EXPORT = "/tenet.ledger.v1.LedgerAdminService/ExportLedger"
ADMIN = "/tenet.tenancy.v1.TenancyAdminService/OnboardTenant"
SUSPENDED = tenancy.TenantSuspended(tenant_id=TenantId("clinic"), reason=Sealed(subject="s"))
CLOSED = tenancy.TenantClosed(tenant_id=TenantId("clinic"), export_sha256="0" * 64, entries=1)


def about(tenant: str) -> Addressed:
    return Addressed(TenantId(tenant))


@pytest.fixture
async def people(ledger: ProviderLedger, issuer: Any) -> ProviderLedger:
    """Ana (analyst of the clinic), Root (administrator), Vera (the clinic's approver), one issuer for all of them."""
    ledger.issuer(issuer.url, "provider", "clinic")
    for tenant in ("clinic", "retailer"):
        ledger.tenant(tenant)
    for name, home in (("ana", "provider"), ("root", "provider"), ("vera", "clinic")):
        ledger.person(f"principal-{name}", home, issuer.identity(name))
    ledger.grant("principal-ana", Role.ANALYST, "clinic")
    ledger.grant("principal-root", Role.ADMIN, "provider")
    ledger.grant("principal-vera", Role.CUSTOMER_APPROVER, "clinic")
    return ledger


async def caller(authority: Any, issuer: Any, name: str) -> Any:
    return await authority.authenticate(f"Bearer {issuer.issuer.token(name)}")


async def test_a_person_is_known_by_issuer_and_subject(people: Any, authority: Any, issuer: Any) -> None:
    ana = await caller(authority, issuer, "ana")
    assert (ana.actor.id, ana.actor.authenticated_by, ana.actor.home_tenant_id) == (
        "principal-ana",
        AuthenticatedBy.OIDC,
        "provider",
    )
    with pytest.raises(CredentialRefused):
        await caller(authority, issuer, "nobody")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer " + "x" * 9_000])
async def test_a_call_without_a_credential_of_ours_is_refused(authority: Any, header: str) -> None:
    with pytest.raises(CredentialMissing):
        await authority.authenticate(header)


async def test_an_issuer_speaks_only_for_the_people_of_those_it_is_bound_to(
    people: Any, authority: Any, issuer: Any, start_issuer: Any
) -> None:
    clinics = await start_issuer()
    people.issuer(clinics.url, "clinic")
    people.append(tenancy.IdentityLinked(principal_id="principal-root", identity=clinics.identity("root")))
    with pytest.raises(CredentialRefused):
        await caller(authority, clinics, "root")


async def test_a_deactivated_person_is_refused(people: Any, authority: Any, issuer: Any, directory: Any) -> None:
    people.append(tenancy.PrincipalDeactivated(principal_id="principal-ana"))
    await directory.refresh()
    with pytest.raises(CredentialRefused):
        await caller(authority, issuer, "ana")


async def test_an_api_key_is_known_by_its_secret_until_it_ends(people: Any, authority: Any, clock: Any) -> None:
    secret, digest = new_secret()
    end = clock.now + timedelta(hours=1)
    people.append(
        tenancy.ApiKeyIssued(key_id="key-1", principal_id="principal-vera", secret_digest=digest, expires_at=end)
    )
    machine = await authority.authenticate(api_key_header("key-1", secret))
    assert (machine.actor.id, machine.actor.authenticated_by) == ("principal-vera", AuthenticatedBy.API_KEY)
    for wrong in (api_key_header("key-1", "guess"), api_key_header("key-2", secret), "ApiKey key-1", "ApiKey ."):
        with pytest.raises(CredentialRefused):
            await authority.authenticate(wrong)
    clock.move(hours=1)
    with pytest.raises(CredentialExpired):
        await authority.authenticate(api_key_header("key-1", secret))


async def test_a_revoked_api_key_is_refused(people: Any, authority: Any, directory: Any) -> None:
    secret, digest = new_secret()
    people.append(
        tenancy.ApiKeyIssued(key_id="key-1", principal_id="principal-vera", secret_digest=digest, expires_at=None)
    )
    await authority.authenticate(api_key_header("key-1", secret))
    people.append(tenancy.ApiKeyRevoked(key_id="key-1"))
    await directory.refresh()
    with pytest.raises(CredentialRefused):
        await authority.authenticate(api_key_header("key-1", secret))


async def test_an_admission_names_tenant_roles_and_grant(people: Any, authority: Any, issuer: Any) -> None:
    ana = await caller(authority, issuer, "ana")
    admission = await authority.admit(ana, READ, about("clinic"))
    assert (admission.tenant_id, admission.tenants) == ("clinic", ("clinic",))
    assert admission.roles == {"clinic": frozenset({Role.ANALYST})}
    assert admission.grant_id is not None


async def test_unknown_and_foreign_tenants_are_answered_identically(
    people: Any, authority: Any, issuer: Any, directory: Any
) -> None:
    ana = await caller(authority, issuer, "ana")
    answers = []
    for rpc in (READ, WRITE, LIST, EXPORT):
        for tenant in ("retailer", "nowhere"):
            addressed = Addressed(None, (TenantId(tenant),)) if rpc == LIST else about(tenant)
            before = people.reads
            with pytest.raises(TenantUnknown) as caught:
                await authority.admit(ana, rpc, addressed)
            answers.append((caught.value.message, caught.value.metadata, people.reads - before))
    assert len(set(map(str, answers))) == 1


async def test_a_role_that_is_not_enough_is_said_so_to_those_who_have_access(
    people: Any, authority: Any, issuer: Any
) -> None:
    vera = await caller(authority, issuer, "vera")
    with pytest.raises(RoleMissing):
        await authority.admit(vera, WRITE, about("clinic"))


async def test_a_grant_made_a_moment_ago_counts(people: Any, authority: Any, issuer: Any) -> None:
    ana = await caller(authority, issuer, "ana")
    with pytest.raises(TenantUnknown):
        await authority.admit(ana, READ, about("retailer"))
    people.grant("principal-ana", Role.ANALYST, "retailer")
    assert (await authority.admit(ana, READ, about("retailer"))).tenant_id == "retailer"


async def test_a_query_without_names_is_about_every_tenant_with_a_fitting_role(
    people: Any, authority: Any, issuer: Any, notes: Any
) -> None:
    people.grant("principal-ana", Role.BILLING, "retailer")
    ana = await caller(authority, issuer, "ana")
    assert (await authority.admit(ana, LIST, Addressed())).tenants == ("clinic",)
    assert notes.taken == []
    people.grant("principal-ana", Role.LEAD, "retailer")
    ana_again = await authority.admit(ana, LIST, Addressed(None, (TenantId("retailer"), TenantId("clinic"))))
    assert ana_again.tenants == ("clinic", "retailer")
    assert [(tenant, person) for tenant, person, _, _ in notes.taken] == [
        ("clinic", "principal-ana"),
        ("retailer", "principal-ana"),
    ]


async def test_a_query_of_somebody_without_any_fitting_role_is_refused(
    people: Any, authority: Any, issuer: Any
) -> None:
    root = await caller(authority, issuer, "root")
    with pytest.raises(RoleMissing):
        await authority.admit(root, LIST, Addressed())


async def test_the_providers_administrator_sees_every_tenant_where_the_table_says_so(
    people: Any, authority: Any, issuer: Any
) -> None:
    root = await caller(authority, issuer, "root")
    listed = await authority.admit(root, "/tenet.tenancy.v1.TenancyReadService/ListTenants", Addressed())
    assert set(listed.tenants) == {"clinic", "retailer", "provider"}
    with pytest.raises(TenantUnknown):
        await authority.admit(root, READ, about("clinic"))
    with pytest.raises(TenantUnknown):
        await authority.admit(root, EXPORT, about("nowhere"))


async def test_administration_is_for_administrators_of_the_provider(people: Any, authority: Any, issuer: Any) -> None:
    people.grant("principal-ana", Role.ADMIN, "clinic")
    root, ana = await caller(authority, issuer, "root"), await caller(authority, issuer, "ana")
    assert (await authority.admit(root, ADMIN, Addressed())).tenant_id == "provider"
    with pytest.raises(RoleMissing):
        await authority.admit(ana, ADMIN, Addressed())


async def test_a_suspended_tenant_is_read_only(people: Any, authority: Any, issuer: Any, directory: Any) -> None:
    people.append(SUSPENDED)
    await directory.refresh()
    ana = await caller(authority, issuer, "ana")
    assert await authority.admit(ana, READ, about("clinic"))
    with pytest.raises(TenantStateForbids) as caught:
        await authority.admit(ana, WRITE, about("clinic"))
    assert caught.value.metadata == {"state": "suspended"}


async def test_a_closed_tenant_answers_nothing_but_exports(
    people: Any, authority: Any, issuer: Any, directory: Any
) -> None:
    people.append(CLOSED)
    await directory.refresh()
    vera, root = await caller(authority, issuer, "vera"), await caller(authority, issuer, "root")
    for rpc in (READ, WRITE):
        with pytest.raises((TenantStateForbids, PermissionDenied)):
            await authority.admit(vera, rpc, about("clinic"))
    assert await authority.admit(vera, EXPORT, about("clinic"))
    assert await authority.admit(root, EXPORT, about("clinic"))


async def test_a_call_about_one_tenant_must_name_it(people: Any, authority: Any, issuer: Any) -> None:
    with pytest.raises(TenantNotNamed):
        await authority.admit(await caller(authority, issuer, "ana"), READ, Addressed())


async def test_an_rpc_that_is_not_in_the_table_is_refused(people: Any, authority: Any, issuer: Any) -> None:
    with pytest.raises(RpcNotInTable):
        await authority.admit(await caller(authority, issuer, "root"), "/tenet.x.v1.X/Y", Addressed())


async def test_refusals_go_to_the_providers_chain(people: Any, authority: Any, issuer: Any, notes: Any) -> None:
    ana = await caller(authority, issuer, "ana")
    authority.note_refusal(ana, READ, TenantUnknown())
    authority.note_refusal(None, READ, CredentialMissing("Who?"))
    assert notes.taken == [
        ("provider", "principal-ana", READ, "TENANT_UNKNOWN"),
        ("provider", "unauthenticated", READ, "CREDENTIAL_MISSING"),
    ]


async def test_nobody_is_let_in_when_the_ledger_cannot_be_followed(
    people: Any, authority: Any, issuer: Any, directory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await caller(authority, issuer, "ana")
    people.broken = True
    await authority.admit(ana, READ, about("clinic"))
    now = Directory._now()
    monkeypatch.setattr(Directory, "_now", staticmethod(lambda: now + MAX_STALE_SECONDS + 1))
    with pytest.raises(DirectoryStale):
        await authority.admit(ana, READ, about("clinic"))


async def test_a_directory_follows_the_ledger_by_itself(people: Any, directory: Any) -> None:
    await directory.refresh()
    people.grant("principal-ana", Role.ANALYST, "retailer")
    people.announce()
    for _ in range(200):
        if directory.state.next_position == len(people.entries):
            return
        await _pause()
    pytest.fail("the directory did not follow")


async def _pause() -> None:
    import asyncio

    await asyncio.sleep(0.01)


def test_every_refusal_has_a_reason_of_its_own() -> None:
    import infra.auth.errors as module

    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, TenetError)]
    own = [each for each in classes if each.__module__ == module.__name__]
    assert len({each.reason for each in own}) == len(own) > 5
