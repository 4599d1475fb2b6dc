"""Events about a tenant's ledger as a whole. Cursors and checkpoints are tables: the log does not feed itself."""

from enum import StrEnum

from contracts.events.base import Event, Payload, Sealed, event, upcaster


class ErasureBasis(StrEnum):
    """The legal basis on which a value is destroyed."""

    DATA_SUBJECT_REQUEST = "data_subject_request"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    PURPOSE_FULFILLED = "purpose_fulfilled"
    UNLAWFUL_PROCESSING = "unlawful_processing"
    LEGAL_OBLIGATION = "legal_obligation"


@event("tenet.ledger.LedgerExported", category="export")
class LedgerExported(Event):
    """Entries with `from_position` ≤ position < `to_position` left the system, for a stated purpose."""

    export_id: str
    from_position: int
    to_position: int
    sha256: str
    purpose: Sealed


@event("tenet.ledger.HeadsDigested", category="digest")
class HeadsDigested(Event):
    """The signed heads of tenants' logs, at one moment, in the provider's ledger, so that no tenant can vanish whole.

    One line a log, sorted by tenant: tenant, number of entries and root hash in base64, between single spaces. `root`
    is the RFC 6962 root hash over the lines, in hexadecimal; the lines, each ended by a newline, are the provider's
    object `sha256`. The provider's own log is left out: no log feeds itself.
    """

    digest_id: str
    heads: int
    """Lines of the digest: the logs that have grown since the last one, or, where `complete`, all of them."""
    logs: int
    complete: bool
    root: str
    sha256: str


@event("tenet.ledger.LogKeyIntroduced", category="logkey")
class LogKeyIntroduced(Event):
    """A tenant's log signs with another key from now on; the key before it has signed the note that says so.

    `verifier_key` is in the form of C2SP signed-note; `fingerprint` is the SHA-256 of the public key, in hexadecimal.
    The first key, generation 1, comes with the log; it is recorded within a minute of the log's first head.
    """

    log_tenant_id: str
    generation: int
    verifier_key: str
    fingerprint: str


@event("tenet.ledger.ReopeningProposed", category="recovery")
class ReopeningProposed(Event):
    """An administrator wants a ledger that contradicts its log to take appends again. It stands until another agrees.

    `origin`, `signed_size` and `signed_root` (hexadecimal) are the head that was signed and that the ledger is not an
    extension of; `entries` is what the ledger holds.
    """

    log_tenant_id: str
    origin: str
    signed_size: int
    signed_root: str
    entries: int
    reason: Sealed


@event("tenet.ledger.LedgerReopened", category="recovery")
class LedgerReopened(Event):
    """A second administrator agreed: the ledger as it stands is sealed from its beginning under a new origin.

    Nothing is signed under `earlier_origin` any more; its last head stays as evidence of what there was.
    `origin_number` counts the origins, the first is 1. `verifier_key` signs under the new one, in the form of C2SP
    signed-note; `fingerprint` is the SHA-256 of the public key, in hexadecimal.
    """

    log_tenant_id: str
    origin_number: int
    origin: str
    verifier_key: str
    fingerprint: str
    earlier_origin: str
    signed_size: int
    signed_root: str
    entries: int
    proposed_by: str


@event("tenet.ledger.HoldPlaced", category="custody")
class HoldPlaced(Event):
    """Nothing of these subjects may be erased until the hold is released; with no subjects named, of nobody at all."""

    hold_id: str
    subjects: tuple[str, ...]
    matter: Sealed
    """The proceedings that the hold serves."""


@event("tenet.ledger.HoldReleaseRequested", category="custody")
class HoldReleaseRequested(Event):
    """One person wants the hold to end. It stands until another one agrees."""

    hold_id: str
    reason: Sealed


@event("tenet.ledger.HoldReleased", category="custody")
class HoldReleased(Event):
    """A second person agreed: the hold has ended."""

    hold_id: str
    requested_by: str


@event("tenet.ledger.ErasureRequested", category="custody")
class ErasureRequested(Event):
    """Somebody asks that everything sealed under a subject's key, or one sealed field of it, be destroyed.

    A field is named by the `position` of the entry that sealed it and its `path` there; both are None for the subject.
    """

    erasure_id: str
    subject: str
    position: int | None
    path: str | None
    basis: ErasureBasis
    reason: Sealed


@event("tenet.ledger.SubjectErased", category="custody")
class SubjectErased(Event):
    """From here on nothing that was sealed under this subject's key can be opened: key and openings are destroyed."""

    erasure_id: str
    subject: str
    basis: ErasureBasis
    requested_by: str


@event("tenet.ledger.FieldErased", category="custody")
class FieldErased(Event):
    """From here on this field is not opened again: its opening is destroyed, its subject's others stay."""

    erasure_id: str
    subject: str
    position: int
    path: str
    basis: ErasureBasis
    requested_by: str


@event("tenet.ledger.ErasureCarriedOut", category="custody", version=2)
class ErasureCarriedOut(Event):
    """Key, openings and copies on the server are gone. Copies that were handed over are out of reach, and listed.

    `fields` were sealed before the erasure, in entries of this ledger. `exports` are those whose range (LedgerExported)
    holds one of these entries and which were made before: whoever has one may have the value. `openings` is how many
    openings the recording attempt deleted: fewer than `fields` where an earlier erasure or an attempt that was cut off
    had deleted some; None where it was not counted.
    """

    erasure_id: str
    fields: int
    exports: tuple[str, ...]
    openings: int | None


@upcaster("tenet.ledger.ErasureCarriedOut", 1)
def _erasure_carried_out_1(payload: Payload) -> Payload:
    """What was deleted was not counted."""
    return {**payload, "openings": None}
