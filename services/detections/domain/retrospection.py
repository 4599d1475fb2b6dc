"""What of a hunt's hits is new: each record counts once in the detections of its group, whoever found it first.

The live engine judges a batch as a whole. So a batch that shows in the live evidence of a group has given it every
record that belongs there. What earlier hunts gave is told record by record, in the objects that they left.
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
    """Who has given to a detection: batches by their hashes, as they came, and hunts."""

    batches: frozenset[str]
    hunts: frozenset[str]


def contributors(history: Iterable[Recorded[Any]]) -> Contributors:
    """Of a detection's stream. What a hunt raised or added is followed by the mark that says so."""
    batches: set[str] = set()
    hunts: set[str] = set()
    latest: frozenset[str] = frozenset()
    for recorded in history:
        event = recorded.event
        if isinstance(event, DetectionFoundByHunt):
            hunts.add(event.hunt_id)
            latest = frozenset()
            continue
        batches |= latest
        latest = frozenset()
        if isinstance(event, DetectionRaised | DetectionRepeated):
            latest = frozenset(piece.sha256 for piece in event.evidence if piece.sha256)
    return Contributors(frozenset(batches | latest), frozenset(hunts))


def written(hits: Iterable[tuple[str, Hit]]) -> bytes:
    """Hits by the keys of their groups, as the object that a hunt leaves: which records have counted, and where."""
    return b"".join(orjson.dumps([key, hit.identity]) + b"\n" for key, hit in hits)


def read(data: bytes) -> set[tuple[str, str]]:
    """Group keys and identities of records, from what `written` gave."""
    return {(key, identity) for key, identity in map(orjson.loads, data.splitlines())}
