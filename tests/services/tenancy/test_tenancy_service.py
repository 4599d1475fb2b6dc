"""The tenancy service through its public interface: real server, real tokens."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2
from tenet.tenancy.v1 import tenancy_admin_pb2 as pb
from tenet.tenancy.v1 import tenancy_admin_pb2_grpc, tenancy_pb2, tenancy_read_pb2_grpc
from tenet.tenancy.v1 import tenancy_read_pb2 as read_pb

from contracts.events.base import Event
from contracts.ids import PROVIDER, TenantId
from infra.auth.identity import identity_index
from infra.grpc import RemoteError
from services.tenancy import wiring
from services.tenancy.application.bootstrap import bootstrap_provider
from services.tenancy.domain.commands import Bootstrap
from services.tenancy.domain.errors import AlreadyBootstrapped
from tests.fixtures.platform import MACHINE, ROLE, Platform, Running, request_id


async def events_of(running: Running) -> list[Event]:
    return [recorded.event for recorded in await running.tenancy.ledger.feed.read(PROVIDER, 0)]


async def asking(running: Running, name: str = "admin") -> tuple[Any, Any]:
    client = await running.tenancy_client(name)
    return client, client.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub)


async def head(running: Running) -> int:
    """The last position of the provider's ledger: a view that has come so far knows all that was done before."""
    await running.tenancy.directory.refresh()
    return running.tenancy.directory.state.next_position - 1


async def tenant_of(running: Running, tenant_id: str, position: int | None = None) -> tenancy_pb2.Tenant:
    client, stub = await asking(running)
    request = read_pb.GetTenantRequest(tenant_id=tenant_id, min_position=position)
    answer: read_pb.GetTenantResponse = await client.call(stub.GetTenant, request)
    return answer.tenant


async def test_the_first_administrator_knows_who_it_is(running: Running, platform: Platform) -> None:
    client, stub = await asking(running)
    answer = await client.call(stub.GetWhoAmI, read_pb.GetWhoAmIRequest())
    assert answer.principal_id == await platform.prepare()
    assert answer.home_tenant_id == "provider"
    assert answer.authenticated_by == common_pb2.AUTHENTICATED_BY_OIDC
    assert [(each.tenant_id, list(each.roles)) for each in answer.tenants] == [("provider", [ROLE.ROLE_ADMIN])]


async def test_the_bootstrap_is_recorded_as_local_and_repeating_it_changes_nothing(
    running: Running, platform: Platform
) -> None:
    before = await running.tenancy.ledger.feed.head(PROVIDER)
    await wiring.bootstrap(platform.settings_of("tenancy"))
    assert await running.tenancy.ledger.feed.head(PROVIDER) == before
    first = (await running.tenancy.ledger.feed.read(PROVIDER, 0, 1))[0]
    assert first.envelope.actor.id == "local:bootstrap"


async def test_the_bootstrap_makes_no_second_administrator(running: Running) -> None:
    ledger = running.tenancy.ledger
    search_key = await running.tenancy.keys.search_key(PROVIDER)
    command = Bootstrap(
        tenant_id=PROVIDER,
        request_id=request_id(),
        cell="cell-1",
        region="local",
        issuer="http://elsewhere",
        jwks_uri="http://elsewhere/jwks",
        audience="tenet",
        identity=identity_index(search_key, "http://elsewhere", "mallory"),
        display_name="Mallory",
        provider_name="Mallory's",
    )
    with pytest.raises(AlreadyBootstrapped):
        await bootstrap_provider(ledger.handler, ledger.placements, command, datetime.now(UTC))


async def test_onboarding_makes_a_ledger_and_a_repeated_request_is_one_onboarding(running: Running) -> None:
    client, stub = await running.admin()
    request = pb.OnboardTenantRequest(
        request_id=request_id(), new_tenant_id=f"t-{request_id()}", display_name="St. Elsewhere", time_zone="Asia/Tokyo"
    )
    first = await client.call(stub.OnboardTenant, request)
    assert await client.call(stub.OnboardTenant, request) == first
    assert await running.tenancy.ledger.feed.head(TenantId(first.tenant_id)) == 0
    tenant = await tenant_of(running, first.tenant_id, first.position)
    assert tenant.display_name.value == "St. Elsewhere"
    assert (tenant.state, tenant.region, tenant.cell) == (tenancy_pb2.TENANT_STATE_ONBOARDING, "local", "cell-1")
    assert (tenant.time_zone, tenant.retention_days) == ("Asia/Tokyo", 400)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cell": "cell-9"}, "CELL_UNKNOWN"),
        ({"region": "mars"}, "CELL_UNKNOWN"),
        ({"time_zone": "Europe/Atlantis"}, "TIME_ZONE_UNKNOWN"),
        ({"parent_tenant_id": "nobody-here"}, "PARENT_REFUSED"),
        ({"new_tenant_id": "provider"}, "TENANT_EXISTS"),
        ({"new_tenant_id": "Upper"}, "MALFORMED_REQUEST"),
        ({"display_name": ""}, "MALFORMED_REQUEST"),
    ],
)
async def test_an_onboarding_that_is_refused_makes_no_ledger(
    running: Running, change: dict[str, str], reason: str
) -> None:
    client, stub = await running.admin()
    tenant_id = f"t-{request_id()}"
    fields = {"request_id": request_id(), "new_tenant_id": tenant_id, "display_name": "St. Elsewhere"} | change
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.OnboardTenant, pb.OnboardTenantRequest(**fields))
    assert refusal.value.reason == reason
    assert TenantId(tenant_id) not in await running.tenancy.ledger.placements.tenants()


async def test_a_ledger_that_an_interrupted_onboarding_left_is_taken_up(running: Running) -> None:
    client, stub = await running.admin()
    tenant_id = f"t-{request_id()}"
    await running.tenancy.ledger.placements.create_tenant(TenantId(tenant_id), "cell-1")
    request = pb.OnboardTenantRequest(request_id=request_id(), new_tenant_id=tenant_id, display_name="St. Elsewhere")
    assert (await client.call(stub.OnboardTenant, request)).tenant_id == tenant_id


async def test_a_tenant_goes_through_its_life_and_its_past_states_can_be_asked_for(running: Running) -> None:
    client, stub = await running.admin()
    tenant_id = await running.onboard()
    suspended = await client.call(
        stub.SuspendTenant,
        pb.SuspendTenantRequest(tenant_id=tenant_id, request_id=request_id(), reason="An unpaid bill"),
    )
    resumed = await client.call(stub.ResumeTenant, pb.ResumeTenantRequest(tenant_id=tenant_id, request_id=request_id()))
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.ResumeTenant, pb.ResumeTenantRequest(tenant_id=tenant_id, request_id=request_id()))
    assert refusal.value.reason == "TENANT_STATE_REFUSED"
    assert refusal.value.metadata == {"state": "active", "allowed": "suspended"}
    reader, reading = await asking(running)
    states = []
    for position in (suspended.position - 1, suspended.position, resumed.position):
        request = read_pb.GetTenantRequest(tenant_id=tenant_id, at_position=position)
        states.append((await reader.call(reading.GetTenant, request)).tenant.state)
    active, away = tenancy_pb2.TENANT_STATE_ACTIVE, tenancy_pb2.TENANT_STATE_SUSPENDED
    assert states == [active, away, active]
    entries = await running.tenancy.ledger.feed.read_entries(PROVIDER, suspended.position, 1)
    assert b"unpaid" not in entries[0].entry


async def test_an_unknown_tenant_and_a_foreign_one_are_answered_identically(running: Running) -> None:
    own, foreign = await running.onboard(), await running.onboard()
    principal_id, name = await running.register(own)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, own)
    client, stub = await asking(running, name)
    request = read_pb.GetTenantRequest(tenant_id=own, min_position=await head(running))
    assert (await client.call(stub.GetTenant, request)).tenant.cell == ""
    answers = []
    for tenant_id in (foreign, "no-such-tenant"):
        with pytest.raises(RemoteError) as refusal:
            await client.call(stub.GetTenant, read_pb.GetTenantRequest(tenant_id=tenant_id))
        answers.append((refusal.value.code, refusal.value.reason, refusal.value.message, refusal.value.metadata))
    assert answers[0] == answers[1]


async def test_lists_show_what_the_caller_may_see_and_pages_hold_it_all(running: Running) -> None:
    group = await running.onboard()
    clinics = {await running.onboard(parent=group) for _ in range(3)}
    await running.onboard()
    principal_id, name = await running.register(group)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, group, inherited=True)
    client, stub = await asking(running, name)
    position = await running.tenancy.ledger.feed.head(PROVIDER) - 1
    seen: list[str] = []
    token = ""
    while True:
        request = read_pb.ListTenantsRequest(
            min_position=position, page=common_pb2.PageRequest(page_size=2, page_token=token)
        )
        answer = await client.call(stub.ListTenants, request)
        seen += [tenant.tenant_id for tenant in answer.tenants]
        token = answer.page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted({group, *clinics})
    below = await client.call(stub.ListTenants, read_pb.ListTenantsRequest(parent_tenant_id=group))
    assert {tenant.tenant_id for tenant in below.tenants} == clinics
    grants = await client.call(stub.ListGrants, read_pb.ListGrantsRequest(tenant_ids=[group]))
    assert [grant.principal_id for grant in grants.grants] == [principal_id]
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.ListPrincipals, read_pb.ListPrincipalsRequest())
    assert refusal.value.reason == "ROLE_MISSING"


async def test_an_administrator_lists_principals_of_one_home_with_their_names(running: Running) -> None:
    home = await running.onboard()
    principal_id, name = await running.register(home)
    machine, _ = await running.register(home, kind=MACHINE)
    client, stub = await asking(running)
    position = await running.tenancy.ledger.feed.head(PROVIDER) - 1
    request = read_pb.ListPrincipalsRequest(home_tenant_id=home, min_position=position)
    found = {each.principal_id: each for each in (await client.call(stub.ListPrincipals, request)).principals}
    assert found.keys() == {principal_id, machine}
    assert found[principal_id].display_name.value == f"Somebody {name}"
    assert (found[principal_id].identities, found[machine].identities) == (1, 0)


async def test_analysts_read_the_names_of_those_they_work_beside_and_nobody_elses(running: Running) -> None:
    ours, theirs = await running.onboard(), await running.onboard()
    analyst, name = await running.register(PROVIDER)
    await running.grant(analyst, ROLE.ROLE_ANALYST, ours)
    person, person_name = await running.register(ours)
    stranger, _ = await running.register(theirs)
    viewer, viewer_name = await running.register(ours)
    await running.grant(viewer, ROLE.ROLE_CUSTOMER_VIEWER, ours)

    async def named(by: str, *tenant_ids: str) -> dict[str, str]:
        client, stub = await asking(running, by)
        request = read_pb.ListNamesRequest(tenant_ids=tenant_ids, min_position=await head(running))
        request.page.page_size = 200
        found: dict[str, str] = {}
        while True:
            answer = await client.call(stub.ListNames, request)
            found |= {each.principal_id: each.display_name.value for each in answer.names}
            request.page.page_token = answer.page.next_page_token
            if not request.page.page_token:
                return found

    seen = await named(name)
    assert seen[person] == f"Somebody {person_name}"
    assert {analyst, person, viewer} <= seen.keys()
    assert stranger not in seen
    for by, tenant_ids in ((name, [theirs]), (viewer_name, [ours])):
        client, stub = await asking(running, by)
        with pytest.raises(RemoteError) as refusal:
            await client.call(stub.ListNames, read_pb.ListNamesRequest(tenant_ids=tenant_ids))
        assert refusal.value.reason in ("TENANT_UNKNOWN", "ROLE_MISSING")


async def test_who_looks_at_the_access_log_finds_who_saw_names_and_what_was_refused(running: Running) -> None:
    tenant_id = await running.onboard()
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, tenant_id)
    client, stub = await asking(running, name)
    looked_at = read_pb.GetTenantRequest(tenant_id=tenant_id, min_position=await head(running))
    await client.call(stub.GetTenant, looked_at)
    with pytest.raises(RemoteError):
        await client.call(stub.ListPrincipals, read_pb.ListPrincipalsRequest())
    admin, reading = await asking(running)
    found: list[tenancy_pb2.AccessRecord] = []
    while True:
        request = read_pb.ListAccessLogRequest(tenant_id="provider", from_number=len(found))
        answer = await admin.call(reading.ListAccessLog, request)
        if not answer.records:
            break
        found += answer.records
        assert answer.next_number == len(found)
    mine = {(each.purpose, each.outcome) for each in found if each.principal_id == principal_id}
    get_tenant = "/tenet.tenancy.v1.TenancyReadService/GetTenant"
    assert mine == {(f"names in {get_tenant}", "allowed"), ("refused", "ROLE_MISSING")}


async def test_an_identity_is_claimed_by_one_of_those_who_try_at_once(running: Running) -> None:
    home = await running.onboard()
    await running.bind(home)
    client, stub = await running.admin()

    async def register(number: int) -> str:
        request = pb.RegisterPrincipalRequest(
            request_id=request_id(),
            kind=tenancy_pb2.PRINCIPAL_KIND_PERSON,
            home_tenant_id=home,
            display_name=f"Claimant {number}",
            issuer=running.tenancy.settings.issuer_url or "",
            subject=f"same-{home}",
        )
        try:
            answer = await client.call(stub.RegisterPrincipal, request)
        except RemoteError as refusal:
            return refusal.reason
        return str(answer.principal_id)

    outcomes = await asyncio.gather(*(register(number) for number in range(6)))
    assert sorted(outcomes)[:5] == ["IDENTITY_TAKEN"] * 5


async def test_a_linked_identity_is_the_same_person_until_it_is_deactivated(running: Running) -> None:
    home = await running.onboard()
    principal_id, name = await running.register(home)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, home)
    admin, stub = await running.admin()
    request = pb.LinkIdentityRequest(
        request_id=request_id(),
        principal_id=principal_id,
        issuer=running.tenancy.settings.issuer_url or "",
        subject=f"{name}-two",
    )
    await admin.call(stub.LinkIdentity, request)
    for subject in (name, f"{name}-two"):
        client, reading = await asking(running, subject)
        answer = await client.call(reading.GetWhoAmI, read_pb.GetWhoAmIRequest())
        assert answer.principal_id == principal_id
    await admin.call(
        stub.DeactivatePrincipal, pb.DeactivatePrincipalRequest(request_id=request_id(), principal_id=principal_id)
    )
    await running.tenancy.directory.refresh()
    for subject in (name, f"{name}-two"):
        client, reading = await asking(running, subject)
        with pytest.raises(RemoteError) as refusal:
            await client.call(reading.GetWhoAmI, read_pb.GetWhoAmIRequest())
        assert refusal.value.reason == "CREDENTIAL_REFUSED"


async def test_a_revoked_grant_no_longer_lets_in_and_can_be_given_again(running: Running) -> None:
    home = await running.onboard()
    principal_id, name = await running.register(home)
    grant_id = await running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, home)
    client, reading = await asking(running, name)
    request = read_pb.GetTenantRequest(tenant_id=home, min_position=await head(running))
    await client.call(reading.GetTenant, request)
    admin, stub = await running.admin()
    await admin.call(stub.RevokeGrant, pb.RevokeGrantRequest(request_id=request_id(), grant_id=grant_id))
    await running.tenancy.directory.refresh()
    with pytest.raises(RemoteError) as refusal:
        await client.call(reading.GetTenant, read_pb.GetTenantRequest(tenant_id=home))
    assert refusal.value.reason == "TENANT_UNKNOWN"
    assert await running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, home) == grant_id
    await client.call(reading.GetTenant, read_pb.GetTenantRequest(tenant_id=home))


@pytest.mark.parametrize(("role", "reason"), [("ROLE_ANALYST", "ROLE_REFUSED"), ("ROLE_ADMIN", "ROLE_REFUSED")])
async def test_a_customers_person_cannot_be_given_a_role_of_the_provider(
    running: Running, role: str, reason: str
) -> None:
    home = await running.onboard()
    principal_id, _ = await running.register(home)
    with pytest.raises(RemoteError) as refusal:
        await running.grant(principal_id, ROLE.Value(role), home)
    assert refusal.value.reason == reason


async def test_an_api_key_lets_a_machine_in_and_its_secret_is_shown_once(running: Running) -> None:
    home = await running.onboard()
    machine, _ = await running.register(home, kind=MACHINE)
    await running.grant(machine, ROLE.ROLE_CUSTOMER_VIEWER, home)
    admin, stub = await running.admin()
    expires = Timestamp()
    expires.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    request = pb.IssueApiKeyRequest(request_id=request_id(), principal_id=machine, expires_at=expires)
    issued = await admin.call(stub.IssueApiKey, request)
    again = await admin.call(stub.IssueApiKey, request)
    assert (again.key_id, again.credential, again.position) == (issued.key_id, "", issued.position)
    secret = issued.credential.partition(".")[2]
    assert not any(secret in str(event.model_dump()) for event in await events_of(running))
    client = await running.machine_client(running.tenancy_port, issued.credential)
    reading = client.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub)
    answer = await client.call(reading.GetWhoAmI, read_pb.GetWhoAmIRequest())
    assert (answer.principal_id, answer.authenticated_by) == (machine, common_pb2.AUTHENTICATED_BY_API_KEY)
    await admin.call(stub.RevokeApiKey, pb.RevokeApiKeyRequest(request_id=request_id(), key_id=issued.key_id))
    await running.tenancy.directory.refresh()
    with pytest.raises(RemoteError) as refusal:
        await client.call(reading.GetWhoAmI, read_pb.GetWhoAmIRequest())
    assert refusal.value.reason == "CREDENTIAL_REFUSED"


async def test_a_further_issuer_must_have_https(running: Running) -> None:
    home = await running.onboard()
    admin, stub = await running.admin()
    request = pb.BindIssuerRequest(
        request_id=request_id(),
        issuer="http://login.example",
        jwks_uri="http://login.example/keys",
        audience="tenet",
        home_tenant_ids=[home],
    )
    with pytest.raises(RemoteError) as refusal:
        await admin.call(stub.BindIssuer, request)
    assert refusal.value.reason == "ISSUER_INSECURE"


async def test_two_administrators_who_end_each_others_access_at_once_leave_one(running: Running) -> None:
    people = []
    for _ in range(2):
        principal_id, name = await running.register("provider")
        grant_id = await running.grant(principal_id, ROLE.ROLE_ADMIN, "provider")
        people.append((principal_id, grant_id, await running.tenancy_client(name)))
    await running.tenancy.directory.refresh()

    async def end(client: Any, other: tuple[str, str, Any], how: str) -> str:
        stub = client.stub(tenancy_admin_pb2_grpc.TenancyAdminServiceStub)
        try:
            if how == "grant":
                await client.call(stub.RevokeGrant, pb.RevokeGrantRequest(request_id=request_id(), grant_id=other[1]))
            else:
                await client.call(
                    stub.DeactivatePrincipal,
                    pb.DeactivatePrincipalRequest(request_id=request_id(), principal_id=other[0]),
                )
        except RemoteError as error:
            return error.reason
        return "ended"

    one, two = people
    found = await asyncio.gather(end(one[2], two, "grant"), end(two[2], one, "principal"))
    # Whose access ended first may be found at the door as well, once the directory has heard of it.
    assert sorted(found)[1:] == ["ended"]
    assert min(found) in {"ADMINISTRATION_ENDED", "CREDENTIAL_REFUSED", "ROLE_MISSING"}


async def test_only_administrators_change_tenancy(running: Running) -> None:
    home = await running.onboard()
    principal_id, name = await running.register(home)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, home)
    client = await running.tenancy_client(name)
    request = pb.SuspendTenantRequest(tenant_id=home, request_id=request_id(), reason="Because")
    mine = client.stub(tenancy_admin_pb2_grpc.TenancyAdminServiceStub)
    with pytest.raises(RemoteError) as refusal:
        await client.call(mine.SuspendTenant, request)
    assert refusal.value.reason == "ROLE_MISSING"
