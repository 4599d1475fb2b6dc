"""What a server asks before it does anything for anyone. `authority.Authority` is the answer of the running system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contracts.calls import Actor, Authentication
from contracts.errors import TenetError
from contracts.ids import TenantId
from contracts.roles import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal. `bound_to` are the home tenants that its token's issuer may speak for."""

    actor: Actor
    bound_to: frozenset[TenantId]
    authentication: Authentication = field(default_factory=Authentication)


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may go on: for which tenant, which tenants it may look at, and by which roles in each of them."""

    tenant_id: TenantId
    tenants: tuple[TenantId, ...]
    roles: Mapping[TenantId, frozenset[Role]]
    grant_id: str | None


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom a request is about: the fields `tenant_id` and `tenant_ids`, as they stand in the request."""

    tenant_id: TenantId | None = None
    tenant_ids: tuple[TenantId, ...] = ()


class Gate(Protocol):
    async def authenticate(self, authorization: str) -> Caller:
        """Who shows this `authorization` header. Raises Unauthenticated."""

    async def admit(self, caller: Caller, rpc: str, addressed: Addressed) -> Admission:
        """What the caller may do. Raises PermissionDenied, TenantUnknown, FailedPrecondition."""

    def note_refusal(self, caller: Caller | None, rpc: str, error: TenetError) -> None:
        """Takes down that a call was refused, without keeping the caller waiting."""
