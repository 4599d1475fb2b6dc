"""What callers ask of the ledger service beyond reading."""

from contracts.commands import Command, Private


class ExportLedger(Command):
    """Entries with `from_position` ≤ position < `to_position`; None means up to the head."""

    from_position: int
    to_position: int | None
    purpose: Private


class ExportBundle(ExportLedger):
    """As an audit bundle. Where a case is named, its entries in that range, and what they cite wherever it lies."""

    case_id: str | None
