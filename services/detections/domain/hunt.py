"""A hunt: one look through archived telemetry, recorded once it is over."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.hunts import HuntCompleted
from services.detections.domain.commands import CompleteHunt

CATEGORY = "hunt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a hunt looked at, in files, records and hours, and what it found (see `HuntCompleted`)."""

    files: int
    records: int
    missing_hours: int
    found: int
    truncated: bool
    known: int = 0
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Hunt:
    """`hits_sha256` is the object of the hits that it let count; None for none, and for a hunt that is not over.
    `start` and `end` bound what it looked at; it `goes_on` where it raised as much as one hunt may, and left the rest.
    """

    completed: bool = False
    hits_sha256: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    goes_on: bool = False


def initial() -> Hunt:
    return Hunt()


def evolve(_state: Hunt, recorded: Recorded[HuntCompleted]) -> Hunt:
    event = recorded.event
    match event:
        case HuntCompleted():
            goes_on = event.truncated and bool(event.detection_ids)
            return Hunt(True, event.hits_sha256, event.start, event.end, goes_on)
        case _:
            assert_never(event)


def complete(
    state: Hunt,
    command: CompleteHunt,
    outcome: Outcome,
    detection_ids: tuple[str, ...] = (),
    hits_sha256: str | None = None,
) -> list[HuntCompleted]:
    """Nothing for a hunt that is on record."""
    if state.completed:
        return []
    return [
        HuntCompleted(
            hunt_id=command.hunt_id,
            kind=command.kind,
            question=Sealed.of(command.question, subject=command.hunt_id),
            reason=Sealed.of(command.reason, subject=command.hunt_id),
            start=command.start,
            end=command.end,
            files=outcome.files,
            records=outcome.records,
            missing_hours=outcome.missing_hours,
            found=outcome.found,
            truncated=outcome.truncated,
            detection_ids=detection_ids,
            dry_run=command.dry_run,
            known=outcome.known,
            hidden=outcome.hidden,
            hits_sha256=hits_sha256,
        )
    ]
