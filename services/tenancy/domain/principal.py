"""A principal: a person or machine of the provider or of a customer, known by linked identities."""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.tenancy import IdentityLinked, PrincipalDeactivated, PrincipalKind, PrincipalRegistered
from contracts.ids import PROVIDER, TenantId
from services.tenancy.domain.commands import DeactivatePrincipal, LinkIdentity, RegisterPrincipal
from services.tenancy.domain.errors import (
    IdentityIncomplete,
    NotAPerson,
    OwnAccessKept,
    PrincipalInactive,
    PrincipalUnknown,
)
from services.tenancy.domain.issuer import Issuer, check_may_speak_for
from services.tenancy.domain.tenant import Tenant, check_open

CATEGORY = "principal"

PrincipalEvent = PrincipalRegistered | IdentityLinked | PrincipalDeactivated


@dataclass(frozen=True, slots=True)
class Principal:
    id: str = ""
    kind: PrincipalKind = PrincipalKind.PERSON
    home_tenant_id: TenantId = PROVIDER
    active: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.id)


def initial() -> Principal:
    return Principal()


def evolve(state: Principal, recorded: Recorded[PrincipalEvent]) -> Principal:
    match recorded.event:
        case PrincipalRegistered() as event:
            return Principal(event.principal_id, event.kind, event.home_tenant_id, active=True)
        case IdentityLinked():
            return state
        case PrincipalDeactivated():
            return replace(state, active=False)
        case never:
            assert_never(never)


def register(principal_id: str, home: Tenant, issuer: Issuer | None, command: RegisterPrincipal) -> list[Event]:
    """`issuer` is the one that the identity names, None without an identity. The identity is claimed separately."""
    check_open(home)
    if (issuer is None) != (command.identity is None):
        raise IdentityIncomplete("An identity is an issuer and a subject; give both or neither.")
    if issuer is None and command.kind is PrincipalKind.PERSON:
        raise IdentityIncomplete("A person needs an identity to sign in with.")
    if issuer is not None:
        check_may_speak_for(issuer, command.home_tenant_id)
    return [
        PrincipalRegistered(
            principal_id=principal_id,
            kind=command.kind,
            home_tenant_id=command.home_tenant_id,
            display_name=Sealed.of(command.display_name, subject=principal_id),
            identity=command.identity or "",
        )
    ]


def link_identity(state: Principal, issuer: Issuer, command: LinkIdentity) -> list[Event]:
    check_active(state)
    if state.kind is not PrincipalKind.PERSON:
        raise NotAPerson("Identities are linked to persons only.")
    check_may_speak_for(issuer, state.home_tenant_id)
    return [IdentityLinked(principal_id=state.id, identity=command.identity)]


def deactivate(state: Principal, command: DeactivatePrincipal, actor_id: str) -> list[Event]:
    check_active(state)
    if command.principal_id == actor_id:
        raise OwnAccessKept("An administrator cannot deactivate itself.")
    return [PrincipalDeactivated(principal_id=state.id)]


def check_active(state: Principal) -> None:
    if not state.exists:
        raise PrincipalUnknown("No such principal.")
    if not state.active:
        raise PrincipalInactive("The principal was deactivated.")
