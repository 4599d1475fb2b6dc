"""What goes into a correlation and what comes out of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.detections.config import MAX_CORRELATION_VALUE_CHARACTERS
from services.detections.domain.correlation.rules import CompiledCorrelation

GroupKey = tuple[str, ...]


@dataclass(slots=True)
class Hit:
    """A record that a base rule matched. `at` is when it happened, in microseconds since 1970.

    `values` has the fields that correlations look at, as `comparable` writes them. `batch` and `offset` find the
    record: the SHA-256 of the telemetry object and its number there. `place` is host, address, account, source and
    destination.
    """

    rule_id: str
    key: bytes
    at: int
    values: Mapping[str, str]
    batch: str = ""
    offset: int = 0
    place: tuple[str, str, str, str, str] = ("", "", "", "", "")


class Firing(NamedTuple):
    """A group whose window came to meet the condition; `at` is the end of the window, in microseconds.

    `begins` tells that the group was quiet for a timespan before. `hits` lie in the window, oldest first.
    """

    correlation: CompiledCorrelation
    group: GroupKey
    at: int
    hits: tuple[Hit, ...]
    begins: bool


@dataclass(slots=True)
class Losses:
    """What did not count, and why."""

    late: int = 0
    """Too far behind the newest hit of the group."""
    ungrouped: int = 0
    """Without a field that groups or is counted, or with a value that is no number where one is needed."""
    crowded_out: int = 0
    """Dropped by the limit of hits per group."""
    forgotten: int = 0
    """Hits of groups that the limit of groups per correlation dropped."""

    def __add__(self, other: "Losses") -> "Losses":
        return Losses(
            self.late + other.late,
            self.ungrouped + other.ungrouped,
            self.crowded_out + other.crowded_out,
            self.forgotten + other.forgotten,
        )

    def __bool__(self) -> bool:
        return bool(self.late or self.ungrouped or self.crowded_out or self.forgotten)


def comparable(value: Any) -> str | None:
    """A field's value as correlations compare it: without regard to case; None where there is nothing to compare."""
    if isinstance(value, list | tuple):
        parts = [part for item in value if (part := comparable(item)) is not None]
        text = "\x1f".join(parts)
    elif value is None:
        return None
    else:
        text = str(value).casefold()
    if not text:
        return None
    if len(text) > MAX_CORRELATION_VALUE_CHARACTERS:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text
