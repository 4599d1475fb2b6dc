"""Why somebody is not let in. Messages never say more than the caller may know."""

from contracts.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)


class CredentialMissing(Unauthenticated):
    """The call carries no `authorization` header, or one of an unknown scheme."""

    reason = "CREDENTIAL_MISSING"


class CredentialRefused(Unauthenticated):
    """The credential is not valid: malformed, expired, revoked, not meant for Tenet, or of nobody that Tenet knows."""

    reason = "CREDENTIAL_REFUSED"


class CredentialExpired(Unauthenticated):
    """The credential was valid once. Get a new one."""

    reason = "CREDENTIAL_EXPIRED"


class IssuerUnreachable(Unavailable):
    """The issuer's keys cannot be fetched, and none are known yet."""

    reason = "ISSUER_UNREACHABLE"


class DirectoryStale(Unavailable):
    """The process has not been able to follow the provider's ledger: it might let in who was removed meanwhile."""

    reason = "DIRECTORY_STALE"


class RoleMissing(PermissionDenied):
    """The caller has access to the tenant, but none of the roles that this call asks for."""

    reason = "ROLE_MISSING"


class RpcNotInTable(PermissionDenied):
    """The authorisation table does not know the RPC, so nobody may call it."""

    reason = "RPC_NOT_IN_TABLE"


class TenantStateForbids(FailedPrecondition):
    """The tenant is suspended, leaving, closed or not active yet, and this call is not for that state."""

    reason = "TENANT_STATE_FORBIDS"


class TenantNotNamed(InvalidArgument):
    """The call is about one tenant and names none."""

    reason = "TENANT_NOT_NAMED"

    def __init__(self) -> None:
        super().__init__("Which tenant?", violations=(FieldViolation("tenant_id", "must be given"),))


class PurposeMissing(InvalidArgument):
    """Sealed fields are opened for a stated purpose only."""

    reason = "PURPOSE_MISSING"
