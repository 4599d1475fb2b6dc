"""A tenant: a legal entity with a ledger of its own, and its life from onboarding to closed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from contracts.errors import TenantUnknown
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.tenancy import (
    TenantActivated,
    TenantClosed,
    TenantLeavingStarted,
    TenantOnboarded,
    TenantPlaced,
    TenantResumed,
    TenantSuspended,
)
from contracts.ids import PROVIDER, TenantId, derive_id, schema_of
from contracts.zones import zone_of
from services.tenancy.domain.commands import OnboardTenant, StartLeaving, SuspendTenant
from services.tenancy.domain.errors import (
    ParentRefused,
    ProviderFixed,
    TenantExists,
    TenantHasChildren,
    TenantStateRefused,
)

CATEGORY = "tenant"
MAX_TREE_DEPTH = 8
"""Most entities from the top of a customer tree to its lowest, both counted."""

TenantEvent = (
    TenantOnboarded
    | TenantPlaced
    | TenantActivated
    | TenantSuspended
    | TenantResumed
    | TenantLeavingStarted
    | TenantClosed
)


class Status(StrEnum):
    UNKNOWN = "unknown"
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    CLOSED = "closed"


TAKES_CHILDREN = frozenset({Status.ONBOARDING, Status.ACTIVE})
OPEN = frozenset({Status.ONBOARDING, Status.ACTIVE, Status.SUSPENDED})
"""States in which people may still be given roles for a tenant, or be registered as its own."""


@dataclass(frozen=True, slots=True)
class Tenant:
    id: TenantId
    parent_id: TenantId | None
    status: Status
    cell: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger lies: a cell (database server by name) and that cell's region."""

    cell: str
    region: str


NONE = Tenant(id=TenantId(""), parent_id=None, status=Status.UNKNOWN)


def initial() -> Tenant:
    return NONE


def evolve(state: Tenant, recorded: Recorded[TenantEvent]) -> Tenant:
    match recorded.event:
        case TenantOnboarded() as event:
            return Tenant(event.tenant_id, event.parent_tenant_id, Status.ONBOARDING)
        case TenantPlaced() as event:
            return replace(state, cell=event.cell)
        case TenantActivated() | TenantResumed():
            return replace(state, status=Status.ACTIVE)
        case TenantSuspended():
            return replace(state, status=Status.SUSPENDED)
        case TenantLeavingStarted():
            return replace(state, status=Status.LEAVING)
        case TenantClosed():
            return replace(state, status=Status.CLOSED)
        case never:
            assert_never(never)


def onboard(state: Tenant, ancestors: Sequence[Tenant], command: OnboardTenant, place: Place) -> list[Event]:
    """`ancestors` are the tenants above, the parent first. A parent never changes, so a tree can have no cycle.

    Raises TenantExists, ParentRefused, TimeZoneUnknown.
    """
    if state.status is not Status.UNKNOWN or command.new_tenant_id == PROVIDER:
        raise TenantExists("A tenant of this identifier exists or existed.")
    if command.parent_tenant_id is not None:
        _check_parent(ancestors)
    zone_of(command.time_zone)
    return [
        TenantOnboarded(
            tenant_id=command.new_tenant_id,
            parent_tenant_id=command.parent_tenant_id,
            display_name=Sealed.of(command.display_name, subject=entity_of(command.new_tenant_id)),
            region=place.region,
            retention_days=command.retention_days,
            time_zone=command.time_zone,
        ),
        TenantPlaced(
            tenant_id=command.new_tenant_id,
            cell=place.cell,
            schema_name=schema_of(command.new_tenant_id),
            region=place.region,
        ),
    ]


def activate(state: Tenant) -> list[Event]:
    _check_state(state, "activate", Status.ONBOARDING)
    return [TenantActivated(tenant_id=state.id)]


def suspend(state: Tenant, command: SuspendTenant) -> list[Event]:
    _check_state(state, "suspend", Status.ACTIVE)
    return [TenantSuspended(tenant_id=state.id, reason=Sealed.of(command.reason, subject=entity_of(state.id)))]


def resume(state: Tenant) -> list[Event]:
    _check_state(state, "resume", Status.SUSPENDED)
    return [TenantResumed(tenant_id=state.id)]


def start_leaving(state: Tenant, command: StartLeaving) -> list[Event]:
    _check_state(state, "start leaving", *OPEN)
    return [TenantLeavingStarted(tenant_id=state.id, reason=Sealed.of(command.reason, subject=entity_of(state.id)))]


def check_may_close(state: Tenant, children: Sequence[Tenant]) -> None:
    """Raises when the tenant cannot be closed. Once it is leaving no entity can be onboarded below it."""
    _check_state(state, "close", Status.LEAVING)
    open_children = [child.id for child in children if child.status is not Status.CLOSED]
    if open_children:
        raise TenantHasChildren(
            "Entities below this tenant are not closed.", metadata={"children": ",".join(sorted(open_children)[:20])}
        )


def close(state: Tenant, export_sha256: str, entries: int) -> list[Event]:
    """After `check_may_close`, and after the export was written and the keys were destroyed, which the event states."""
    return [TenantClosed(tenant_id=state.id, export_sha256=export_sha256, entries=entries)]


def check_open(state: Tenant) -> None:
    """Raises unless people may be given roles for this tenant, or be registered as its own."""
    if state.status is Status.UNKNOWN:
        raise TenantUnknown
    if state.status not in OPEN:
        raise TenantStateRefused("The tenant is leaving or closed.", metadata={"state": state.status})


def entity_of(tenant_id: TenantId) -> str:
    """The data subject of what is said about the legal entity itself."""
    return derive_id("entity", tenant_id)


def _check_state(state: Tenant, wish: str, *allowed: Status) -> None:
    if state.status is Status.UNKNOWN:
        raise TenantUnknown
    if state.id == PROVIDER and wish != "activate":
        raise ProviderFixed("The provider's own ledger stays active.")
    if state.status not in allowed:
        names = ", ".join(sorted(allowed))
        raise TenantStateRefused(
            f"A tenant that is {state.status} cannot {wish}; it must be {names}.",
            metadata={"state": state.status, "allowed": names},
        )


def _check_parent(ancestors: Sequence[Tenant]) -> None:
    parent = ancestors[0] if ancestors else NONE
    if parent.status not in TAKES_CHILDREN or parent.id == PROVIDER:
        raise ParentRefused("The parent is no customer that can take on entities below it.")
    if len(ancestors) >= MAX_TREE_DEPTH:
        raise ParentRefused("The customer tree would grow too deep.", metadata={"max_depth": str(MAX_TREE_DEPTH)})
