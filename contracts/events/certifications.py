"""Events of the provider's ledger about what its people are certified for."""

from contracts.events.base import Event, Instant, Sealed, event


@event("tenet.tenancy.CertificationRecorded", category="certification")
class CertificationRecorded(Event):
    """A person holds a certification from `valid_from` until `expires_at`. Recorded again, it is renewed.

    `name` is the word that charters and desks ask for, such as `ot-response`; `proof` tells who certified it and where
    that can be checked.
    """

    certification_id: str
    principal_id: str
    name: str
    valid_from: Instant
    expires_at: Instant
    proof: Sealed


@event("tenet.tenancy.CertificationRevoked", category="certification")
class CertificationRevoked(Event):
    certification_id: str
    reason: Sealed
