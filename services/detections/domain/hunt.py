"""A hunt: one look through archived telemetry, recorded once it is over."""

from dataclasses import dataclass
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.detections import HuntCompleted
from services.detections.domain.commands import CompleteHunt

CATEGORY = "hunt"


@dataclass(frozen=True, slots=True)
class Hunt:
    completed: bool = False


def initial() -> Hunt:
    return Hunt()


def evolve(_state: Hunt, recorded: Recorded[HuntCompleted]) -> Hunt:
    event = recorded.event
    match event:
        case HuntCompleted():
            return Hunt(completed=True)
        case _:
            assert_never(event)


def complete(state: Hunt, command: CompleteHunt, detection_ids: tuple[str, ...]) -> list[HuntCompleted]:
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
            files=command.files,
            records=command.records,
            missing_hours=command.missing_hours,
            found=command.found,
            truncated=command.truncated,
            detection_ids=detection_ids,
        )
    ]
