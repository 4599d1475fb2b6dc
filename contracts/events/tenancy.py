"""Events of the provider's own ledger: tenants and their life, principals, grants, issuers, API keys, placements."""

from enum import StrEnum

from contracts.events.base import Event, Instant, Sealed, event
from contracts.ids import TenantId
from contracts.roles import Role


class PrincipalKind(StrEnum):
    PERSON = "person"
    MACHINE = "machine"


@event("tenet.tenancy.TenantOnboarded", category="tenant")
class TenantOnboarded(Event):
    """A legal entity became a tenant, in the state `onboarding`. `time_zone` is an IANA name."""

    tenant_id: TenantId
    parent_tenant_id: TenantId | None
    display_name: Sealed
    region: str
    retention_days: int
    time_zone: str


@event("tenet.tenancy.TenantPlaced", category="tenant")
class TenantPlaced(Event):
    """The tenant's ledger lies on this cell (a database server by name) in this schema."""

    tenant_id: TenantId
    cell: str
    schema_name: str
    region: str


@event("tenet.tenancy.TenantActivated", category="tenant")
class TenantActivated(Event):
    tenant_id: TenantId


@event("tenet.tenancy.TenantSuspended", category="tenant")
class TenantSuspended(Event):
    tenant_id: TenantId
    reason: Sealed


@event("tenet.tenancy.TenantResumed", category="tenant")
class TenantResumed(Event):
    tenant_id: TenantId


@event("tenet.tenancy.TenantLeavingStarted", category="tenant")
class TenantLeavingStarted(Event):
    tenant_id: TenantId
    reason: Sealed


@event("tenet.tenancy.TenantClosed", category="tenant")
class TenantClosed(Event):
    """The ledger was exported and the tenant's keys were destroyed.

    `export_sha256` is the hash of the export's manifest, `entries` the number of entries exported.
    """

    tenant_id: TenantId
    export_sha256: str
    entries: int


@event("tenet.tenancy.PrincipalRegistered", category="principal")
class PrincipalRegistered(Event):
    """`identity` is the blind index (HMAC-SHA-256 under the provider's search key) of issuer and subject; empty for a
    machine that has API keys only."""

    principal_id: str
    kind: PrincipalKind
    home_tenant_id: TenantId
    display_name: Sealed
    identity: str


@event("tenet.tenancy.IdentityLinked", category="principal")
class IdentityLinked(Event):
    """A further (issuer, subject) of the same person: linked identities count as one person for four eyes."""

    principal_id: str
    identity: str


@event("tenet.tenancy.IdentityClaimed", category="identity")
class IdentityClaimed(Event):
    """This identity belongs to this principal for ever. A stream for each identity keeps two from claiming the same."""

    identity_id: str
    principal_id: str


@event("tenet.tenancy.PrincipalDeactivated", category="principal")
class PrincipalDeactivated(Event):
    principal_id: str


@event("tenet.tenancy.IssuerBound", category="issuer")
class IssuerBound(Event):
    """Tokens of this issuer may speak for principals of these home tenants only (`provider`, or customers)."""

    issuer_id: str
    issuer: str
    jwks_uri: str
    audience: str
    home_tenant_ids: tuple[TenantId, ...]
    insecure: bool


@event("tenet.tenancy.RoleGranted", category="grant")
class RoleGranted(Event):
    """One role for one tenant, with `inherited` also for the tenants below it in the customer tree."""

    grant_id: str
    principal_id: str
    role: Role
    tenant_id: TenantId
    inherited: bool
    expires_at: Instant | None


@event("tenet.tenancy.GrantRevoked", category="grant")
class GrantRevoked(Event):
    grant_id: str


@event("tenet.tenancy.ApiKeyIssued", category="api_key")
class ApiKeyIssued(Event):
    """`secret_digest` is the SHA-256 of the 256-bit random secret, in hexadecimal. What the key may do is its
    principal's grants."""

    key_id: str
    principal_id: str
    secret_digest: str
    expires_at: Instant | None


@event("tenet.tenancy.ApiKeyRevoked", category="api_key")
class ApiKeyRevoked(Event):
    key_id: str
