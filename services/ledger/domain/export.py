"""An export: entries that left the system, once, for a stated purpose."""

from dataclasses import dataclass

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.ledger import LedgerExported
from services.ledger.domain.commands import ExportLedger
from services.ledger.domain.errors import RangeRefused

CATEGORY = "export"


@dataclass(frozen=True, slots=True)
class Export:
    id: str = ""


def initial() -> Export:
    return Export()


def evolve(_state: Export, recorded: Recorded[LedgerExported]) -> Export:
    return Export(recorded.event.export_id)


def range_of(command: ExportLedger, head: int) -> tuple[int, int]:
    """The range that an export covers in a ledger whose next position is `head`. Raises RangeRefused."""
    end = head if command.to_position is None else command.to_position
    if end > head:
        raise RangeRefused("The range reaches beyond the ledger's head.", "to_position")
    if command.from_position >= end:
        raise RangeRefused("The range holds no entry.", "from_position")
    return command.from_position, end


def record(export_id: str, covered: tuple[int, int], sha256: str, command: ExportLedger) -> list[Event]:
    """`sha256` is that of the manifest of the export, which was written before."""
    return [
        LedgerExported(
            export_id=export_id,
            from_position=covered[0],
            to_position=covered[1],
            sha256=sha256,
            purpose=Sealed.of(command.purpose, subject=export_id),
        )
    ]
