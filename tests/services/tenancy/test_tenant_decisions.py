"""A tenant's life and its place in a customer tree, decided without a database."""

from collections.abc import Callable
from functools import reduce

import pytest

from contracts.errors import TenantUnknown
from contracts.events.base import Event
from contracts.events.tenancy import TenantOnboarded, TenantPlaced
from contracts.ids import PROVIDER, TenantId
from contracts.zones import TimeZoneUnknown
from services.tenancy.domain import tenant
from services.tenancy.domain.commands import OnboardTenant, StartLeaving, SuspendTenant
from services.tenancy.domain.errors import (
    ParentRefused,
    ProviderFixed,
    TenantExists,
    TenantHasChildren,
    TenantStateRefused,
)
from services.tenancy.domain.tenant import MAX_TREE_DEPTH, Place, Status, Tenant
from tests.services.tenancy.given import recorded

CLINIC = TenantId("clinic")
PLACE = Place("cell-1", "local")


def command(tenant_id: str = "clinic", *, parent: str | None = None, zone: str = "Europe/Zurich") -> OnboardTenant:
    return OnboardTenant(
        tenant_id=PROVIDER,
        request_id="request-1",
        new_tenant_id=TenantId(tenant_id),
        parent_tenant_id=TenantId(parent) if parent else None,
        display_name="St. Elsewhere",
        region=None,
        retention_days=400,
        time_zone=zone,
        cell=None,
    )


def customer(tenant_id: str, status: Status = Status.ACTIVE, parent: str | None = None) -> Tenant:
    return Tenant(TenantId(tenant_id), TenantId(parent) if parent else None, status, "cell-1")


def suspend(state: Tenant) -> list[Event]:
    return tenant.suspend(
        state, SuspendTenant(tenant_id=PROVIDER, request_id="r", subject_tenant_id=CLINIC, reason="unpaid")
    )


def leave(state: Tenant) -> list[Event]:
    return tenant.start_leaving(
        state, StartLeaving(tenant_id=PROVIDER, request_id="r", subject_tenant_id=CLINIC, reason="merger")
    )


def close(state: Tenant) -> list[Event]:
    tenant.check_may_close(state, [])
    return tenant.close(state, "00" * 32, 7)


STEPS: dict[str, Callable[[Tenant], list[Event]]] = {
    "activate": tenant.activate,
    "suspend": suspend,
    "resume": tenant.resume,
    "leave": leave,
    "close": close,
}
ALLOWED = {
    ("activate", Status.ONBOARDING): Status.ACTIVE,
    ("suspend", Status.ACTIVE): Status.SUSPENDED,
    ("resume", Status.SUSPENDED): Status.ACTIVE,
    ("leave", Status.ONBOARDING): Status.LEAVING,
    ("leave", Status.ACTIVE): Status.LEAVING,
    ("leave", Status.SUSPENDED): Status.LEAVING,
    ("close", Status.LEAVING): Status.CLOSED,
}


def fold(state: Tenant, events: list[Event]) -> Tenant:
    return reduce(tenant.evolve, recorded(events), state)


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.UNKNOWN])
@pytest.mark.parametrize("step", STEPS)
def test_each_step_of_a_tenants_life_starts_from_its_states_only(step: str, status: Status) -> None:
    state = customer("clinic", status)
    if (step, status) in ALLOWED:
        assert fold(state, STEPS[step](state)).status is ALLOWED[step, status]
    else:
        with pytest.raises(TenantStateRefused) as refusal:
            STEPS[step](state)
        assert refusal.value.metadata["state"] == status


@pytest.mark.parametrize("step", STEPS)
def test_a_tenant_that_does_not_exist_can_do_nothing(step: str) -> None:
    with pytest.raises(TenantUnknown):
        STEPS[step](tenant.NONE)


@pytest.mark.parametrize("step", ["suspend", "resume", "leave", "close"])
def test_the_providers_own_ledger_stays_active(step: str) -> None:
    with pytest.raises(ProviderFixed):
        STEPS[step](customer(PROVIDER))


def test_onboarding_records_the_entity_and_its_place_with_the_name_sealed() -> None:
    events = tenant.onboard(tenant.NONE, [], command(), PLACE)
    assert [type(event) for event in events] == [TenantOnboarded, TenantPlaced]
    assert "St. Elsewhere" not in str([event.model_dump() for event in events])
    assert fold(tenant.NONE, events) == Tenant(CLINIC, None, Status.ONBOARDING, "cell-1")


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.UNKNOWN])
def test_an_identifier_is_never_used_twice(status: Status) -> None:
    with pytest.raises(TenantExists):
        tenant.onboard(customer("clinic", status), [], command(), PLACE)


def test_nobody_can_be_onboarded_as_the_provider() -> None:
    with pytest.raises(TenantExists):
        tenant.onboard(tenant.NONE, [], command("provider"), PLACE)


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.SUSPENDED, Status.LEAVING, Status.CLOSED])
def test_a_parent_that_is_not_open_takes_on_nobody(status: Status) -> None:
    with pytest.raises(ParentRefused):
        tenant.onboard(tenant.NONE, [customer("group", status)], command(parent="group"), PLACE)


def test_a_tenant_cannot_be_its_own_parent_because_a_parent_exists_before_its_children() -> None:
    with pytest.raises(ParentRefused):
        tenant.onboard(tenant.NONE, [tenant.NONE], command("clinic", parent="clinic"), PLACE)


def test_the_provider_is_nobodys_parent() -> None:
    with pytest.raises(ParentRefused):
        tenant.onboard(tenant.NONE, [customer(PROVIDER)], command(parent="provider"), PLACE)


def test_a_customer_tree_has_a_limited_depth() -> None:
    chain = [customer(f"level-{number}") for number in range(MAX_TREE_DEPTH - 1)]
    assert tenant.onboard(tenant.NONE, chain, command(parent="level-0"), PLACE)
    with pytest.raises(ParentRefused):
        tenant.onboard(tenant.NONE, [*chain, customer("top")], command(parent="level-0"), PLACE)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../../etc/passwd", "/etc/localtime"])
def test_a_time_zone_must_be_in_the_iana_database(zone: str) -> None:
    with pytest.raises(TimeZoneUnknown):
        tenant.onboard(tenant.NONE, [], command(zone=zone), PLACE)


def test_a_tenant_is_closed_after_the_entities_below_it() -> None:
    leaving = customer("group", Status.LEAVING)
    with pytest.raises(TenantHasChildren) as refusal:
        tenant.check_may_close(leaving, [customer("a", Status.CLOSED), customer("b", Status.LEAVING)])
    assert refusal.value.metadata == {"children": "b"}
    tenant.check_may_close(leaving, [customer("a", Status.CLOSED)])
