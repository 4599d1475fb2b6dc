"""A grant: one role for one tenant, for one principal. There is one stream for each such triple."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Event, Recorded
from contracts.events.tenancy import GrantRevoked, PrincipalKind, RoleGranted
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import CUSTOMER_ROLES, PROVIDER_ROLES, Role
from services.tenancy.domain.commands import GrantRole
from services.tenancy.domain.errors import (
    AdministrationEnded,
    ExpiryPast,
    GrantExists,
    GrantUnknown,
    OwnAccessKept,
    RoleRefused,
)
from services.tenancy.domain.principal import Principal, check_active
from services.tenancy.domain.tenant import Tenant, check_open

CATEGORY = "grant"
MACHINE_ROLES = frozenset({Role.SENSOR})
"""Roles that only a machine can hold."""

GrantEvent = RoleGranted | GrantRevoked


@dataclass(frozen=True, slots=True)
class Grant:
    id: str = ""
    principal_id: str = ""
    role: Role | None = None
    tenant_id: TenantId = PROVIDER
    inherited: bool = False
    expires_at: datetime | None = None
    revoked: bool = False

    def stands(self, now: datetime) -> bool:
        return bool(self.id) and not self.revoked and (self.expires_at is None or now < self.expires_at)


def initial() -> Grant:
    return Grant()


def evolve(state: Grant, recorded: Recorded[GrantEvent]) -> Grant:
    match recorded.event:
        case RoleGranted() as event:
            return Grant(
                event.grant_id, event.principal_id, event.role, event.tenant_id, event.inherited, event.expires_at
            )
        case GrantRevoked():
            return replace(state, revoked=True)
        case never:
            assert_never(never)


def grant_id_of(principal_id: str, role: Role, tenant_id: TenantId) -> str:
    """The same principal, role and tenant are the same grant, so that there cannot be two of it."""
    return derive_id("grant", principal_id, role, tenant_id)


def grant_role(
    state: Grant,
    principal: Principal,
    tenant: Tenant,
    ancestors: Sequence[Tenant],
    command: GrantRole,
    *,
    now: datetime,
) -> list[Event]:
    """`ancestors` are the tenants above, the parent first. Granting again on the same terms is no event."""
    check_active(principal)
    check_open(tenant)
    check_may_hold(principal, command.role, tenant, ancestors)
    if command.expires_at is not None and command.expires_at <= now:
        raise ExpiryPast("The grant would have expired already.")
    if state.stands(now):
        if (state.inherited, state.expires_at) == (command.inherited, command.expires_at):
            return []
        raise GrantExists("The role is granted on other terms; revoke that first.", metadata={"grant_id": state.id})
    return [
        RoleGranted(
            grant_id=grant_id_of(command.principal_id, command.role, command.granted_tenant_id),
            principal_id=command.principal_id,
            role=command.role,
            tenant_id=command.granted_tenant_id,
            inherited=command.inherited,
            expires_at=command.expires_at,
        )
    ]


def revoke(state: Grant, actor_id: str) -> list[Event]:
    """Revoking a revoked grant is no event. Raises GrantUnknown, OwnAccessKept."""
    if not state.id:
        raise GrantUnknown("No such grant.")
    if state.revoked:
        return []
    if (state.principal_id, state.role, state.tenant_id) == (actor_id, Role.ADMIN, PROVIDER):
        raise OwnAccessKept("An administrator cannot take away its own administration.")
    return [GrantRevoked(grant_id=state.id)]


def check_administers(grant: Grant, principal: Principal, now: datetime) -> None:
    """Raises AdministrationEnded unless this is a standing grant of an active principal's."""
    if not grant.stands(now) or not principal.active:
        raise AdministrationEnded("Your own administration of the provider has ended.")


def check_may_hold(principal: Principal, role: Role, tenant: Tenant, ancestors: Sequence[Tenant]) -> None:
    """Raises RoleRefused unless principals of that kind and home can hold the role for the tenant.

    A principal's reach is the tenants of its home and below; the provider's principals reach every tenant.
    """
    home = principal.home_tenant_id
    if role is Role.SERVICE:
        raise RoleRefused("No grant can give the role of a process of Tenet.")
    if (role in MACHINE_ROLES) != (principal.kind is PrincipalKind.MACHINE) and role not in _EITHER_KIND:
        raise RoleRefused("A principal of this kind cannot hold that role.", metadata={"role": role})
    if role in PROVIDER_ROLES and home != PROVIDER:
        raise RoleRefused("Only the provider's principals can hold that role.", metadata={"role": role})
    if role in CUSTOMER_ROLES and home == PROVIDER:
        raise RoleRefused("Only the customer's own principals can hold that role.", metadata={"role": role})
    if home != PROVIDER and home not in {tenant.id, *(each.id for each in ancestors)}:
        raise RoleRefused("The tenant is not the principal's own or below it.", metadata={"role": role})


_EITHER_KIND = frozenset({Role.CUSTOMER_VIEWER, Role.AUDITOR, Role.BILLING})
"""Roles that a machine may hold as well as a person: consumers of events read with them."""
