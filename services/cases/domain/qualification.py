"""What a person is certified for, as the provider's ledger has it, and the gate in front of what asks for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.canonical import digest
from contracts.events.base import Fact, Recorded, instant
from contracts.events.certifications import CertificationRecorded, CertificationRevoked
from contracts.ids import PROVIDER, derive_id
from services.cases.domain.people_errors import (
    CertificationExpired,
    CertificationMissing,
    CertificationRevokedAlready,
)

CertificationEvent = CertificationRecorded | CertificationRevoked


@dataclass(frozen=True, slots=True)
class Certification:
    recorded: CertificationRecorded | None = None
    position: int = -1
    revoked: bool = False

    def valid(self, at: datetime) -> bool:
        event = self.recorded
        return event is not None and not self.revoked and event.valid_from <= at < event.expires_at


def evolve_certification(state: Certification, recorded: Recorded[CertificationEvent]) -> Certification:
    event = recorded.event
    match event:
        case CertificationRecorded():
            return Certification(event, recorded.position)
        case CertificationRevoked():
            return replace(state, revoked=True)
        case _:
            assert_never(event)


def certification_id_of(principal_id: str, name: str) -> str:
    """One stream for a person and a name, as `services/tenancy/domain/certification.py` makes it."""
    return derive_id("certification", principal_id, name)


def qualified(certification: Certification, name: str, at: datetime) -> Fact:
    """The certification as a decision cites it. Raises CertificationMissing, …Expired, …RevokedAlready."""
    event = certification.recorded
    metadata = {"certification": name}
    if event is None or at < event.valid_from:
        raise CertificationMissing(f"This needs a person who is certified for {name}.", metadata=metadata)
    if certification.revoked:
        raise CertificationRevokedAlready(f"The certification for {name} was revoked.", metadata=metadata)
    if at >= event.expires_at:
        metadata |= {"expired_at": instant(event.expires_at)}
        raise CertificationExpired(f"The certification for {name} has expired; renew it first.", metadata=metadata)
    said = [event.certification_id, event.principal_id, event.name, instant(event.expires_at)]
    return Fact("certification", digest(said), PROVIDER, certification.position)
