"""What of a hunt's hits is new: each record counts once in the detections of its group, whoever found it first.

The live engine judges a batch as a whole. So a batch that shows in the live evidence of a group has given it every
record that belongs there. A correlation's evidence names a few records of many; what it saw live reaches from its first
record to its last, and a record of the same group between them has counted. What earlier hunts gave is told record by
record, in the objects that they left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from contracts.events.base import Recorded
from contracts.events.detections import DetectionFoundByHunt, DetectionRaised, DetectionRepeated
from services.detections.domain.formats.records import Record
from services.detections.domain.matching import Match


@dataclass(frozen=True, slots=True)
class Hit:
    """A record of the archive and what it met. `batch_sha256` is the hash of the batch that it came in."""

    record: Record
    matches: Sequence[Match]
    moment: datetime
    sensor_id: str
    batch_sha256: str

    @property
    def identity(self) -> str:
        """The same for a record that its sensor sent twice; its place, where the archive does not know its key."""
        own = self.record.key.hex() or f"{self.batch_sha256}@{self.record.offset}"
        return f"{self.sensor_id}/{own}"


@dataclass(frozen=True, slots=True)
class Contributors:
    """Who has given to a detection: batches by their hashes, as they came, and hunts.

    `spans` are the times, first and last, of the activity that came live.
    """

    batches: frozenset[str]
    hunts: frozenset[str]
    spans: tuple[tuple[datetime, datetime], ...] = ()


def contributors(history: Iterable[Recorded[Any]]) -> Contributors:
    """Of a detection's stream. What a hunt raised or added is followed by the mark that says so."""
    hunts: set[str] = set()
    live: list[DetectionRaised | DetectionRepeated] = []
    for recorded in history:
        match recorded.event:
            case DetectionFoundByHunt() as found:
                hunts.add(found.hunt_id)
                del live[-1:]
            case DetectionRaised() | DetectionRepeated() as event:
                live.append(event)
    return Contributors(
        frozenset(piece.sha256 for event in live for piece in event.evidence if piece.sha256),
        frozenset(hunts),
        tuple((event.first_seen_at, event.last_seen_at) for event in live),
    )


def written(counted: Iterable[tuple[str, str]]) -> bytes:
    """Group keys and identities of records, as the object that a hunt leaves: which records have counted, and where."""
    return b"".join(orjson.dumps(each) + b"\n" for each in counted)


def read(data: bytes) -> set[tuple[str, str]]:
    """Group keys and identities of records, from what `written` gave."""
    return {(key, identity) for key, identity in map(orjson.loads, data.splitlines())}
