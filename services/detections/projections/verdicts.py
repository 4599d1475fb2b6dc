"""What several read models say in the same words about triage and verdicts."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Recorded, Sealed
from contracts.events.detections import CustomerReportValidated, DetectionValidated
from contracts.events.subjects import Evidence, Sight, Verdict


class TriageState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    VALIDATED = "validated"


class ValidationDocument(BaseModel):
    """A verdict that stands, where it was recorded, and by whom."""

    model_config = ConfigDict(frozen=True)

    position: int
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    evidence: tuple[Evidence, ...]
    seen: tuple[Sight, ...]
    duplicate_of: str | None
    principal_id: str
    recorded_at: datetime


def validation_of(recorded: Recorded[DetectionValidated] | Recorded[CustomerReportValidated]) -> ValidationDocument:
    event = recorded.event
    return ValidationDocument(
        position=recorded.position,
        verdict=event.verdict,
        confidence_percent=event.confidence_percent,
        rationale=event.rationale,
        evidence=event.evidence,
        seen=event.seen,
        duplicate_of=event.duplicate_of if isinstance(event, DetectionValidated) else None,
        principal_id=recorded.envelope.actor.id,
        recorded_at=recorded.recorded_at,
    )
