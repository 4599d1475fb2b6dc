"""What a person of the provider is certified for, until when. There is one stream for each person and name."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.certifications import CertificationRecorded, CertificationRevoked
from contracts.events.tenancy import PrincipalKind
from contracts.ids import PROVIDER, derive_id
from services.tenancy.domain.commands import RecordCertification, RevokeCertification
from services.tenancy.domain.errors import CertificationRefused, CertificationUnknown, NotAPerson
from services.tenancy.domain.principal import Principal, check_active

CATEGORY = "certification"

CertificationEvent = CertificationRecorded | CertificationRevoked


@dataclass(frozen=True, slots=True)
class Certification:
    id: str = ""
    principal_id: str = ""
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    revoked: bool = False


def initial() -> Certification:
    return Certification()


def evolve(state: Certification, recorded: Recorded[CertificationEvent]) -> Certification:
    match recorded.event:
        case CertificationRecorded() as event:
            return Certification(event.certification_id, event.principal_id, event.valid_from, event.expires_at)
        case CertificationRevoked():
            return replace(state, revoked=True)
        case never:
            assert_never(never)


def certification_id_of(principal_id: str, name: str) -> str:
    """The same person and name are the same certification, which is renewed; the cases service derives it as well."""
    return derive_id("certification", principal_id, name)


def record(state: Certification, holder: Principal, command: RecordCertification, now: datetime) -> list[Event]:
    """The same terms again are no event.

    Raises PrincipalUnknown, PrincipalInactive, NotAPerson, CertificationRefused.
    """
    check_active(holder)
    if holder.kind is not PrincipalKind.PERSON:
        raise NotAPerson("Only a person can be certified.")
    if holder.home_tenant_id != PROVIDER:
        raise CertificationRefused("The register is of the provider's own people.")
    if not command.valid_from < command.expires_at or command.expires_at <= now:
        raise CertificationRefused("A certification ends after it begins, and in the future.")
    if not state.revoked and (state.valid_from, state.expires_at) == (command.valid_from, command.expires_at):
        return []
    return [
        CertificationRecorded(
            certification_id=certification_id_of(command.principal_id, command.name),
            principal_id=command.principal_id,
            name=command.name,
            valid_from=command.valid_from,
            expires_at=command.expires_at,
            proof=Sealed.of(command.proof, subject=command.principal_id),
        )
    ]


def revoke(state: Certification, command: RevokeCertification) -> list[Event]:
    """Revoking again is no event. Raises CertificationUnknown."""
    if not state.id:
        raise CertificationUnknown("No such certification.")
    if state.revoked:
        return []
    reason = Sealed.of(command.reason, subject=state.principal_id)
    return [CertificationRevoked(certification_id=state.id, reason=reason)]
