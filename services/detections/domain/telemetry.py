"""What a sensor has sent: one stream per sensor, one event per batch.

The stream makes deduplication exact. Which record keys were seen before is derived from the batches in the stream, and
a batch is decided on the stream's version: when another process has taken a batch of the same sensor meanwhile, the
append conflicts and the batch is decided anew, knowing that one too. A key is therefore never claimed by a batch whose
append failed, and never missing for one whose append succeeded.
"""

from dataclasses import dataclass
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.detections import ActivityHidden, ExpectedActivitySeen, TelemetryReceived
from contracts.events.rule_lives import ExceptedRulesMatched
from services.detections.config import DEDUPE_BATCHES, DEDUPE_RECORDS
from services.detections.domain.errors import BatchIdReused

CATEGORY = "telemetry"
TelemetryEvent = TelemetryReceived | ActivityHidden | ExpectedActivitySeen | ExceptedRulesMatched


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch as remembered for deduplication: `version` is its event's in the sensor's stream."""

    version: int
    position: int
    batch_id: str
    sha256: str
    format: str
    first_record: int | None
    records: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The latest batches of a sensor, oldest first, within the limits of the window."""

    batches: tuple[SentBatch, ...] = ()

    @property
    def oldest(self) -> int:
        """The first stream version within the window."""
        return self.batches[0].version if self.batches else 1


def initial() -> Telemetry:
    return Telemetry()


def evolve(state: Telemetry, recorded: Recorded[TelemetryEvent]) -> Telemetry:
    event = recorded.event
    match event:
        case TelemetryReceived():
            sent = SentBatch(
                recorded.envelope.version,
                recorded.position,
                event.batch_id,
                event.sha256,
                event.format,
                event.first_record,
                event.records,
                event.accepted,
            )
            return Telemetry(_within_limits((*state.batches, sent)))
        case ActivityHidden() | ExpectedActivitySeen() | ExceptedRulesMatched():
            return state
        case _:
            assert_never(event)


def sent_before(state: Telemetry, batch_id: str, sha256: str) -> SentBatch | None:
    """The same batch, if the sensor has sent it lately. Raises BatchIdReused when its bytes differ."""
    for batch in reversed(state.batches):
        if batch.batch_id == batch_id:
            if batch.sha256 != sha256:
                raise BatchIdReused("This batch id came with other bytes before.", metadata={"batch_id": batch_id})
            return batch
    return None


def _within_limits(batches: tuple[SentBatch, ...]) -> tuple[SentBatch, ...]:
    kept = batches[-DEDUPE_BATCHES:]
    records = sum(batch.accepted for batch in kept)
    while len(kept) > 1 and records > DEDUPE_RECORDS:
        records -= kept[0].accepted
        kept = kept[1:]
    return kept
