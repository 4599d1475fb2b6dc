"""Events about a tenant's ledger as a whole. Cursors and checkpoints are tables: the log does not feed itself."""

from contracts.events.base import Event, Sealed, event


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
    The first key, generation 1, comes with the log and is handed over with its first checkpoint.
    """

    log_tenant_id: str
    generation: int
    verifier_key: str
    fingerprint: str
