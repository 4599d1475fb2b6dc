"""Who can be what for whom, decided without a database."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce

import pytest

from contracts.errors import FailedPrecondition, TenantUnknown
from contracts.events.base import Event
from contracts.events.tenancy import PrincipalKind
from contracts.ids import PROVIDER, TenantId
from contracts.roles import CUSTOMER_ROLES, PROVIDER_ROLES, Role
from services.tenancy.domain import api_key, grant, identity, issuer, principal, tenant
from services.tenancy.domain.commands import (
    BindIssuer,
    DeactivatePrincipal,
    GrantRole,
    IssueApiKey,
    LinkIdentity,
    RegisterPrincipal,
)
from services.tenancy.domain.errors import (
    ApiKeyUnknown,
    ExpiryPast,
    GrantExists,
    GrantUnknown,
    IdentityIncomplete,
    IdentityTaken,
    IssuerInsecure,
    IssuerRefused,
    NotAMachine,
    NotAPerson,
    OwnAccessKept,
    PrincipalInactive,
    PrincipalUnknown,
    RoleRefused,
    TenantStateRefused,
)
from services.tenancy.domain.grant import Grant
from services.tenancy.domain.issuer import Issuer
from services.tenancy.domain.principal import Principal
from services.tenancy.domain.tenant import Status, Tenant
from tests.services.tenancy.given import NOW, recorded

GROUP, CLINIC, RETAILER = TenantId("group"), TenantId("clinic"), TenantId("retailer")
PARENT = Tenant(GROUP, None, Status.ACTIVE)
HERE = Tenant(CLINIC, GROUP, Status.ACTIVE)
ANA = Principal("principal-ana", PrincipalKind.PERSON, PROVIDER, active=True)
BEA = Principal("principal-bea", PrincipalKind.PERSON, CLINIC, active=True)
SENSOR = Principal("principal-sensor", PrincipalKind.MACHINE, CLINIC, active=True)
ISSUER = Issuer("issuer-1", frozenset({CLINIC}))
NO_GRANT = grant.initial()


def wish(role: Role = Role.ANALYST, holder: Principal = ANA, **more: object) -> GrantRole:
    fields = {
        "tenant_id": PROVIDER,
        "request_id": "request-1",
        "principal_id": holder.id,
        "role": role,
        "granted_tenant_id": CLINIC,
        "inherited": False,
        "expires_at": None,
    }
    return GrantRole.model_validate(fields | more)


def give(role: Role = Role.ANALYST, holder: Principal = ANA, state: Grant = NO_GRANT, **more: object) -> list[Event]:
    return grant.grant_role(state, holder, HERE, [PARENT], wish(role, holder, **more), now=NOW)


def fold(events: list[Event], state: Grant = NO_GRANT) -> Grant:
    return reduce(grant.evolve, recorded(events), state)


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.SENSOR])
@pytest.mark.parametrize("holder", [ANA, BEA])
def test_provider_roles_need_provider_people_and_customer_roles_the_customers(role: Role, holder: Principal) -> None:
    from_provider = holder is ANA
    refused = role is Role.SERVICE or role in (CUSTOMER_ROLES if from_provider else PROVIDER_ROLES)
    if refused:
        with pytest.raises(RoleRefused):
            give(role, holder)
    else:
        assert fold(give(role, holder)).stands(NOW)


@pytest.mark.parametrize("role", [Role.SENSOR, Role.CUSTOMER_VIEWER, Role.AUDITOR, Role.BILLING])
def test_machines_send_telemetry_and_read(role: Role) -> None:
    assert give(role, SENSOR)


@pytest.mark.parametrize("role", sorted({*PROVIDER_ROLES, Role.CUSTOMER_APPROVER, Role.SERVICE}))
@pytest.mark.parametrize("home", [PROVIDER, CLINIC])
def test_no_machine_decides_anything(role: Role, home: TenantId) -> None:
    with pytest.raises(RoleRefused):
        give(role, replace(SENSOR, home_tenant_id=home))


def test_no_person_is_a_sensor() -> None:
    with pytest.raises(RoleRefused):
        give(Role.SENSOR, BEA)


def test_people_of_a_parent_entity_can_hold_roles_below_and_nobody_sideways_or_upwards() -> None:
    assert give(Role.CUSTOMER_APPROVER, replace(BEA, home_tenant_id=GROUP))
    with pytest.raises(RoleRefused):
        give(Role.AUDITOR, replace(BEA, home_tenant_id=RETAILER))
    with pytest.raises(RoleRefused):
        grant.grant_role(grant.initial(), BEA, PARENT, [], wish(Role.AUDITOR, BEA, granted_tenant_id=GROUP), now=NOW)


@pytest.mark.parametrize("status", [Status.LEAVING, Status.CLOSED])
def test_nobody_is_given_a_role_for_a_tenant_that_leaves(status: Status) -> None:
    with pytest.raises(TenantStateRefused):
        grant.grant_role(grant.initial(), ANA, replace(HERE, status=status), [PARENT], wish(), now=NOW)


def test_nobody_is_given_a_role_for_a_tenant_that_does_not_exist() -> None:
    with pytest.raises(TenantUnknown):
        grant.grant_role(grant.initial(), ANA, tenant.NONE, [], wish(), now=NOW)


@pytest.mark.parametrize(
    ("holder", "error"), [(principal.initial(), PrincipalUnknown), (replace(ANA, active=False), PrincipalInactive)]
)
def test_only_an_active_principal_is_given_a_role(holder: Principal, error: type[FailedPrecondition]) -> None:
    with pytest.raises(error):
        give(holder=holder)


def test_the_same_grant_again_is_no_event_and_on_other_terms_it_is_refused() -> None:
    standing = fold(give())
    assert give(state=standing) == []
    with pytest.raises(GrantExists):
        give(state=standing, inherited=True)


def test_a_grant_expires_and_can_be_given_again() -> None:
    soon = NOW + timedelta(hours=1)
    standing = fold(give(expires_at=soon))
    assert standing.stands(soon - timedelta(seconds=1))
    assert not standing.stands(soon)
    again = grant.grant_role(standing, ANA, HERE, [PARENT], wish(), now=soon)
    assert fold(again, standing).stands(soon + timedelta(days=1000))


def test_a_grant_cannot_begin_expired() -> None:
    with pytest.raises(ExpiryPast):
        give(expires_at=NOW)


def test_revoking_ends_a_grant_once() -> None:
    standing = fold(give())
    revoked = fold(grant.revoke(standing, "principal-lead"), standing)
    assert not revoked.stands(NOW)
    assert grant.revoke(revoked, "principal-lead") == []
    with pytest.raises(GrantUnknown):
        grant.revoke(grant.initial(), "principal-lead")


def test_an_administrator_cannot_end_its_own_access() -> None:
    administration = Grant("grant-1", ANA.id, Role.ADMIN, PROVIDER)
    with pytest.raises(OwnAccessKept):
        grant.revoke(administration, ANA.id)
    assert grant.revoke(administration, "principal-other")
    with pytest.raises(OwnAccessKept):
        principal.deactivate(ANA, DeactivatePrincipal(tenant_id=PROVIDER, request_id="r", principal_id=ANA.id), ANA.id)


def registration(kind: PrincipalKind = PrincipalKind.PERSON, index: str | None = "aa") -> RegisterPrincipal:
    return RegisterPrincipal(
        tenant_id=PROVIDER,
        request_id="request-1",
        kind=kind,
        home_tenant_id=CLINIC,
        display_name="Bea Miller",
        issuer_id="issuer-1" if index else None,
        identity=index,
    )


def test_a_person_is_registered_with_its_name_sealed() -> None:
    (event,) = principal.register("principal-bea", HERE, ISSUER, registration())
    assert "Miller" not in str(event.model_dump())
    assert reduce(principal.evolve, recorded([event]), principal.initial()) == BEA


def test_an_issuer_speaks_for_people_of_its_home_tenants_only() -> None:
    for bound in (issuer.initial(), Issuer("issuer-1", frozenset({RETAILER, PROVIDER}))):
        with pytest.raises(IssuerRefused):
            principal.register("principal-bea", HERE, bound, registration())
        with pytest.raises(IssuerRefused):
            principal.link_identity(BEA, bound, link())


def test_a_person_needs_an_identity_and_a_machine_may_do_without() -> None:
    with pytest.raises(IdentityIncomplete):
        principal.register("principal-bea", HERE, None, registration(index=None))
    with pytest.raises(IdentityIncomplete):
        principal.register("principal-bea", HERE, ISSUER, registration(index=None))
    assert principal.register("principal-s", HERE, None, registration(PrincipalKind.MACHINE, None))


def link() -> LinkIdentity:
    return LinkIdentity(tenant_id=PROVIDER, request_id="r", principal_id=BEA.id, issuer_id="issuer-1", identity="bb")


def test_identities_are_linked_to_active_persons() -> None:
    assert principal.link_identity(BEA, ISSUER, link())
    with pytest.raises(NotAPerson):
        principal.link_identity(SENSOR, ISSUER, link())
    with pytest.raises(PrincipalInactive):
        principal.link_identity(replace(BEA, active=False), ISSUER, link())


def test_an_identity_belongs_to_one_principal_for_ever() -> None:
    claimed = reduce(identity.evolve, recorded(identity.claim(identity.initial(), "aa", BEA.id)), identity.initial())
    for principal_id in (BEA.id, ANA.id):
        with pytest.raises(IdentityTaken):
            identity.claim(claimed, "aa", principal_id)


def binding(issuer_url: str = "https://login.example", jwks: str = "https://login.example/keys") -> BindIssuer:
    return BindIssuer(
        tenant_id=PROVIDER,
        request_id="r",
        issuer=issuer_url,
        jwks_uri=jwks,
        audience="tenet",
        home_tenant_ids=(CLINIC,),
    )


def test_an_issuer_without_https_is_refused_unless_allowed_or_bound_so_before() -> None:
    for insecure in (binding("http://login.example"), binding(jwks="http://login.example/keys"), binding("login")):
        with pytest.raises(IssuerInsecure):
            issuer.bind(issuer.initial(), [HERE], insecure, insecure_allowed=False)
        (event,) = issuer.bind(issuer.initial(), [HERE], insecure, insecure_allowed=True)
        state = reduce(issuer.evolve, recorded([event]), issuer.initial())
        assert state.insecure
        assert issuer.bind(state, [HERE], insecure, insecure_allowed=False)
    (event,) = issuer.bind(issuer.initial(), [HERE], binding(), insecure_allowed=False)
    assert not reduce(issuer.evolve, recorded([event]), issuer.initial()).insecure


def test_an_issuer_is_bound_to_tenants_that_exist() -> None:
    with pytest.raises(TenantUnknown):
        issuer.bind(issuer.initial(), [HERE, tenant.NONE], binding(), insecure_allowed=False)


def key_wish(expires_at: object = None) -> IssueApiKey:
    return IssueApiKey.model_validate(
        {"tenant_id": PROVIDER, "request_id": "r", "principal_id": SENSOR.id, "expires_at": expires_at}
    )


def test_api_keys_are_for_active_machines_and_end_once() -> None:
    events = api_key.issue("api_key-1", SENSOR, key_wish(), "dd", NOW)
    state = reduce(api_key.evolve, recorded(events), api_key.initial())
    revoked = reduce(api_key.evolve, recorded(api_key.revoke(state)), state)
    assert api_key.revoke(revoked) == []
    with pytest.raises(NotAMachine):
        api_key.issue("api_key-1", BEA, key_wish(), "dd", NOW)
    with pytest.raises(PrincipalInactive):
        api_key.issue("api_key-1", replace(SENSOR, active=False), key_wish(), "dd", NOW)
    with pytest.raises(ExpiryPast):
        api_key.issue("api_key-1", SENSOR, key_wish(NOW), "dd", NOW)
    with pytest.raises(ApiKeyUnknown):
        api_key.revoke(api_key.initial())
