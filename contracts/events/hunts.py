"""Events of hunts: what somebody looked for in archived telemetry, and what came of it."""

from enum import StrEnum

from contracts.events.base import Event, Instant, Payload, Sealed, event, upcaster


class HuntKind(StrEnum):
    SQL = "sql"
    RULE = "rule"
    INDICATORS = "indicators"


@event("tenet.detections.HuntCompleted", category="hunt", version=2)
class HuntCompleted(Event):
    """Somebody looked through archived telemetry from `start` on and before `end`, and this came of it.

    `files` and `records` are what was looked at, `missing_hours` hours whose telemetry was not there any more, `found`
    the rows or records that answer the question; `truncated` where there were more than an answer holds.
    `detection_ids` are the detections that were raised or added to, marked retrospective by `DetectionFoundByHunt`.

    A `dry_run` raises nothing whatever it finds. Of the hits of any other, `known` had counted in a detection before,
    and `hidden` are kept back by a suppression, or are expected; the rest is the object `hits_sha256`, so that no later
    hunt counts them again (None: there are none).
    """

    hunt_id: str
    kind: HuntKind
    question: Sealed
    reason: Sealed
    start: Instant
    end: Instant
    files: int
    records: int
    missing_hours: int
    found: int
    truncated: bool
    detection_ids: tuple[str, ...]
    dry_run: bool = False
    known: int = 0
    hidden: int = 0
    hits_sha256: str | None = None


@upcaster("tenet.detections.HuntCompleted", 1)
def _hunt_completed_1(payload: Payload) -> Payload:
    """There were questions in SQL only, which raise nothing and hide nothing."""
    return {**payload, "dry_run": False, "known": 0, "hidden": 0, "hits_sha256": None}
