"""Who asks for what, for which tenant: the authorised context of one command or query, passed on explicitly."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from contracts.ids import TenantId
from contracts.roles import Role


class AuthenticatedBy(StrEnum):
    OIDC = "oidc"
    API_KEY = "api_key"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal, by opaque identifier. A policy or timer is its own actor, named `policy:<id>` or `timer:<id>`."""

    id: str
    authenticated_by: AuthenticatedBy
    home_tenant_id: TenantId
    """The organisation that the principal belongs to: `provider`, or a customer."""
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a person proved who they are (OpenID Connect Core 1.0, section 2), recorded with approvals."""

    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call. `request_id` is the caller's; the ledger keeps only its hash with principal and RPC."""

    tenant_id: TenantId
    actor: Actor
    rpc: str
    request_id: str
    now: datetime
    grant_id: str | None = None
    roles: frozenset[Role] = frozenset()
    correlation_id: str = ""
    causation: int | None = None
    """The position of the entry that this call reacts to, in the same tenant's ledger."""
    trace_parent: str = ""
    """W3C trace context, `traceparent` header."""
    authentication: Authentication = field(default_factory=Authentication)

    @property
    def request_key(self) -> str:
        """SHA-256 over principal, RPC and request id, in hexadecimal: the ledger's key against a second effect."""
        text = f"{self.actor.id}\x1f{self.rpc}\x1f{self.request_id}"
        return hashlib.sha256(text.encode()).hexdigest()

    def for_tenant(self, tenant_id: TenantId) -> "Call":
        return replace(self, tenant_id=tenant_id)
