"""The clocks of each case: what is promised until when, what is paused, met or breached."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.cases import CharterLine, Priority
from contracts.events.people import (
    CalendarRef,
    Objective,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
    ServiceLevelPaused,
    ServiceLevelResumed,
    ServiceLevelRetimed,
    ServiceLevelStarted,
)
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

BREACH_SERVICE_LEVEL = "breach_service_level"


class ClockStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    MET_LATE = "met_late"
    ENDED = "ended"


class ClockRow(Value):
    episode: int
    objective: Objective
    priority: Priority
    minutes: int
    calendar: CalendarRef | None
    tzdata_version: str
    charter: CharterLine
    started_at: Instant
    deadline: Instant
    status: ClockStatus = ClockStatus.RUNNING
    pauses: int = 0
    paused_for: Sealed | None = None
    met_at: Instant | None = None
    over: bool = False
    """Nothing changes it any more."""
    changed: Stamp


class ServiceLevelRow(Value):
    """Of a reopened case the clocks of all episodes."""

    case_id: str
    clocks: tuple[ClockRow, ...]


class ServiceLevels(DocumentView[ServiceLevelRow]):
    NAME = "service_levels"
    VERSION = 1
    TABLE = "service_levels"
    TOPICS = frozenset(
        {
            ServiceLevelStarted,
            ServiceLevelPaused,
            ServiceLevelResumed,
            ServiceLevelRetimed,
            ServiceLevelMet,
            ServiceLevelBreached,
            ServiceLevelEnded,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "open": "boolean",
        "breached": "boolean",
        "next_deadline": "timestamptz",
    }
    DOCUMENT = ServiceLevelRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.case_id]

    def fold(self, key: str, document: ServiceLevelRow | None, recorded: Recorded[Any]) -> ServiceLevelRow | None:
        event = recorded.event
        if isinstance(event, ServiceLevelStarted):
            before = document.clocks if document is not None else ()
            return ServiceLevelRow(case_id=key, clocks=(*before, _started(event, Stamp.of(recorded))))
        if document is None:
            return None
        place = (event.episode, event.objective)
        changed = {"changed": Stamp.of(recorded)}
        clocks = tuple(
            each.model_copy(update=_change(each, event) | changed) if (each.episode, each.objective) == place else each
            for each in document.clocks
        )
        return ServiceLevelRow(case_id=key, clocks=clocks)

    def columns(self, document: ServiceLevelRow) -> Mapping[str, object]:
        statuses = {clock.status for clock in document.clocks}
        running = (clock.deadline for clock in document.clocks if clock.status is ClockStatus.RUNNING)
        return {
            "open": any(not clock.over for clock in document.clocks),
            "breached": not statuses.isdisjoint({ClockStatus.BREACHED, ClockStatus.MET_LATE}),
            "next_deadline": min(running, default=None),
        }

    def timers(self, key: str, document: ServiceLevelRow) -> Sequence[Due]:
        return [
            Due(
                BREACH_SERVICE_LEVEL,
                clock.deadline,
                {"case_id": key, "episode": clock.episode, "objective": clock.objective.value},
                f"{clock.episode}/{clock.objective.value}",
            )
            for clock in document.clocks
            if clock.status is ClockStatus.RUNNING
        ]


def _started(event: ServiceLevelStarted, stamp: Stamp) -> ClockRow:
    return ClockRow(
        episode=event.episode,
        objective=event.objective,
        priority=event.priority,
        minutes=event.minutes,
        calendar=event.calendar,
        tzdata_version=event.tzdata_version,
        charter=event.charter,
        started_at=event.started_at,
        deadline=event.deadline,
        changed=stamp,
    )


def _change(clock: ClockRow, event: Any) -> dict[str, object]:
    match event:
        case ServiceLevelPaused():
            return {"status": ClockStatus.PAUSED, "pauses": clock.pauses + 1, "paused_for": event.reason}
        case ServiceLevelResumed():
            return {"status": ClockStatus.RUNNING, "deadline": event.deadline, "paused_for": None}
        case ServiceLevelRetimed():
            return {
                "priority": event.priority,
                "minutes": event.minutes,
                "calendar": event.calendar,
                "deadline": event.deadline,
            }
        case ServiceLevelMet():
            status = ClockStatus.MET_LATE if event.late else ClockStatus.MET
            return {"status": status, "met_at": event.met_at, "over": True}
        case ServiceLevelBreached():
            return {"status": ClockStatus.BREACHED}
        case _:
            # Breached and never met stays what it was.
            status = clock.status if clock.status is ClockStatus.BREACHED else ClockStatus.ENDED
            return {"status": status, "over": True}
