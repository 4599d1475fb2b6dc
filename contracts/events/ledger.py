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
