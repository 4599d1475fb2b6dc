"""What administrators ask of the tenancy service. All of it is written to the provider's ledger (`tenant_id`)."""

from datetime import datetime

from contracts.commands import Command, Private
from contracts.events.tenancy import PrincipalKind
from contracts.ids import TenantId
from contracts.roles import Role


class OnboardTenant(Command):
    """`time_zone` is an IANA name, `retention_days` how long records are kept.

    `cell` None takes any cell of the region, `region` None the cell's, and neither the first cell.
    """

    new_tenant_id: TenantId
    parent_tenant_id: TenantId | None
    display_name: Private
    region: str | None
    retention_days: int
    time_zone: str
    cell: str | None


class ActivateTenant(Command):
    subject_tenant_id: TenantId


class SuspendTenant(Command):
    subject_tenant_id: TenantId
    reason: Private


class ResumeTenant(Command):
    subject_tenant_id: TenantId


class StartLeaving(Command):
    subject_tenant_id: TenantId
    reason: Private


class CloseTenant(Command):
    subject_tenant_id: TenantId


class RegisterPrincipal(Command):
    """`issuer_id` and `identity` (a blind index) stand for issuer and subject; None for a machine with keys only."""

    kind: PrincipalKind
    home_tenant_id: TenantId
    display_name: Private
    issuer_id: str | None
    identity: str | None


class LinkIdentity(Command):
    principal_id: str
    issuer_id: str
    identity: str


class DeactivatePrincipal(Command):
    principal_id: str


class GrantRole(Command):
    principal_id: str
    role: Role
    granted_tenant_id: TenantId
    inherited: bool
    expires_at: datetime | None


class RevokeGrant(Command):
    grant_id: str


class BindIssuer(Command):
    issuer: str
    jwks_uri: str
    audience: str
    home_tenant_ids: tuple[TenantId, ...]


class IssueApiKey(Command):
    principal_id: str
    expires_at: datetime | None


class RevokeApiKey(Command):
    key_id: str


class RecordCertification(Command):
    principal_id: str
    name: str
    valid_from: datetime
    expires_at: datetime
    proof: Private


class RevokeCertification(Command):
    certification_id: str
    reason: Private


class Bootstrap(Command):
    """The first administrator, who signs in at `issuer` and whose identity there has this blind index."""

    cell: str
    region: str
    issuer: str
    jwks_uri: str
    audience: str
    identity: str
    display_name: Private
    provider_name: Private
