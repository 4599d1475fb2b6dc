"""What the tenancy service refuses, each with a reason that clients may rely on."""

from contracts.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unavailable


class TenantExists(AlreadyExists):
    """The identifier is taken, perhaps by a closed tenant: identifiers are never used twice."""

    reason = "TENANT_EXISTS"


class TenantStateRefused(FailedPrecondition):
    """The tenant is in a state that this command does not start from; both are in the metadata."""

    reason = "TENANT_STATE_REFUSED"


class ProviderFixed(FailedPrecondition):
    """The provider's own ledger is always active: it can be neither suspended nor closed."""

    reason = "PROVIDER_FIXED"


class ParentRefused(FailedPrecondition):
    """The named parent is not a customer that can take on entities below it: unknown, leaving, closed, or too deep."""

    reason = "PARENT_REFUSED"


class TenantHasChildren(FailedPrecondition):
    """Entities below this one are not closed yet; close them first."""

    reason = "TENANT_HAS_CHILDREN"


class HoldStands(FailedPrecondition):
    """A legal hold stands in the tenant's ledger, and closing would destroy what it keeps; two persons release it."""

    reason = "HOLD_STANDS"


class CellUnknown(InvalidArgument):
    """No cell of that name, or none in that region."""

    reason = "CELL_UNKNOWN"


class LedgerElsewhere(FailedPrecondition):
    """A ledger for this tenant lies on another cell than the one asked for."""

    reason = "LEDGER_ELSEWHERE"


class IdentityTaken(AlreadyExists):
    """This issuer and subject belong to a principal already, active or not."""

    reason = "IDENTITY_TAKEN"


class IdentityIncomplete(InvalidArgument):
    """An identity is an issuer and a subject; a person needs one."""

    reason = "IDENTITY_INCOMPLETE"


class IssuerRefused(FailedPrecondition):
    """The issuer is not bound, or not for the principal's home tenant."""

    reason = "ISSUER_REFUSED"


class IssuerInsecure(InvalidArgument):
    """An issuer's keys must come over https, except where the configuration allows a local issuer for trials."""

    reason = "ISSUER_INSECURE"


class PrincipalUnknown(NotFound):
    """No such principal."""

    reason = "PRINCIPAL_UNKNOWN"


class PrincipalInactive(FailedPrecondition):
    """The principal was deactivated, for ever."""

    reason = "PRINCIPAL_INACTIVE"


class NotAPerson(FailedPrecondition):
    """Identities are linked to persons only."""

    reason = "NOT_A_PERSON"


class NotAMachine(FailedPrecondition):
    """API keys are for machines; a person signs in."""

    reason = "NOT_A_MACHINE"


class RoleRefused(FailedPrecondition):
    """A principal of this kind and home cannot hold that role for that tenant: nothing flows sideways."""

    reason = "ROLE_REFUSED"


class GrantExists(AlreadyExists):
    """The principal holds that role for that tenant on other terms; revoke that grant first."""

    reason = "GRANT_EXISTS"


class GrantUnknown(NotFound):
    """No such grant."""

    reason = "GRANT_UNKNOWN"


class ExpiryPast(InvalidArgument):
    """The expiry does not lie in the future."""

    reason = "EXPIRY_PAST"


class OwnAccessKept(PermissionDenied):
    """An administrator cannot end its own access, so that there is always one left; another one can."""

    reason = "OWN_ACCESS_KEPT"


class AdministrationEnded(PermissionDenied):
    """Whoever asks lost its own administration of the provider in the meantime."""

    reason = "ADMINISTRATION_ENDED"


class ApiKeyUnknown(NotFound):
    """No such API key."""

    reason = "API_KEY_UNKNOWN"


class LedgerStillGrows(Unavailable):
    """Something keeps appending to the leaving tenant's ledger, so that no export holds all of it. Try again."""

    reason = "LEDGER_STILL_GROWS"


class AlreadyBootstrapped(FailedPrecondition):
    """The provider's ledger is not empty; further administrators are made by those who are there."""

    reason = "ALREADY_BOOTSTRAPPED"


class CertificationUnknown(NotFound):
    """No such certification."""

    reason = "CERTIFICATION_UNKNOWN"


class CertificationRefused(InvalidArgument):
    """It would end before it begins, has ended already, or is for nobody of the provider's."""

    reason = "CERTIFICATION_REFUSED"
