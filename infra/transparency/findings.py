"""What a check of a live ledger finds wrong, and where."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

MAX_FINDINGS = 100
"""Of one check and one kind, so many are kept; the first position counts them all."""


class Kind(StrEnum):
    ENTRY_MISSING = "entry_missing"
    """No row has this position, though the ledger reaches, or was signed, beyond it."""
    ENTRY_ALTERED = "entry_altered"
    """The row is not what was sealed."""
    ENTRY_UNEXPECTED = "entry_unexpected"
    """A second row with a position, an event or a place in a stream that a row has already."""
    COLUMN_ALTERED = "column_altered"
    """A column says something else than the entry beside it."""
    ORDER_BROKEN = "order_broken"
    """Times or versions do not follow from each other."""
    OPENING_ALTERED = "opening_altered"
    """An opening does not decrypt, or opens to something else than the entry committed to."""
    OPENING_MISSING = "opening_missing"
    """A sealed field cannot be opened any more, and no erasure is on record that says why."""
    OPENING_UNEXPECTED = "opening_unexpected"
    """An opening of nothing that any entry sealed, or of what was erased."""
    FILE_MISSING = "file_missing"
    FILE_ALTERED = "file_altered"
    """A file of the log is not what the signed head covers, or not signed by the log's keys."""
    HEAD_CONTRADICTED = "head_contradicted"
    """The ledger does not lead to a head that was signed and is held elsewhere."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`place` is a table and a row's key, a file of the log, or who holds a head; `position` may be None."""

    kind: Kind
    place: str
    position: int | None
    message: str


@dataclass
class Findings:
    """Collects; `count` and `first_position` go on where the list is full."""

    found: list[Finding] = field(default_factory=list)
    count: int = 0
    first_position: int | None = None
    """Of entries and what they sealed; files are named by their paths."""
    _kept: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, place: str, message: str, position: int | None = None, *, follows: bool = False) -> None:
        """`follows`: it may well follow from another finding, so it does not count for the first position."""
        self.count += 1
        self._kept[kind] += 1
        if self._kept[kind] <= MAX_FINDINGS:
            self.found.append(Finding(kind, place, position, message))
        if not follows and position is not None and (self.first_position is None or position < self.first_position):
            self.first_position = position
