"""Verdicts that were drawn for a second one, and what it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.blind_reviews import BlindReviewDrawn, BlindReviewGiven
from contracts.events.detections import DetectionValidationWithdrawn
from contracts.events.subjects import Verdict
from infra.read_database.views import DocumentView
from services.detections.domain.blind_review import review_id_of


class ReviewState(StrEnum):
    WAITING = "waiting"
    GIVEN = "given"
    VOID = "void"
    """The first verdict was withdrawn before there was a second one."""


class BlindReviewDocument(BaseModel):
    """Everything after `drawn_at` is None until the second verdict is given."""

    model_config = ConfigDict(frozen=True)

    review_id: str
    detection_id: str
    rule_id: str
    validation_position: int
    validator_id: str
    state: ReviewState
    drawn_at: datetime
    first_verdict: Verdict | None = None
    verdict: Verdict | None = None
    confidence_percent: int | None = None
    rationale: Sealed | None = None
    reviewer_id: str | None = None
    given_at: datetime | None = None
    given_position: int | None = None


class BlindReviews(DocumentView[BlindReviewDocument]):
    NAME = "blind_reviews"
    VERSION = 1
    TABLE = "blind_reviews"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {BlindReviewDrawn, BlindReviewGiven, DetectionValidationWithdrawn}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "state": "text",
        "rule_id": "text",
        "validator_id": "text",
        "drawn_at": "timestamptz",
        "given_at": "timestamptz",
    }
    DOCUMENT = BlindReviewDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, DetectionValidationWithdrawn):
            return [review_id_of(event.detection_id, event.validation_position)]
        return [event.review_id]

    def fold(
        self, key: str, document: BlindReviewDocument | None, recorded: Recorded[Any]
    ) -> BlindReviewDocument | None:
        event = recorded.event
        if isinstance(event, BlindReviewDrawn):
            return BlindReviewDocument(
                review_id=event.review_id,
                detection_id=event.detection_id,
                rule_id=event.rule_id,
                validation_position=event.validation_position,
                validator_id=event.validator_id,
                state=ReviewState.WAITING,
                drawn_at=recorded.recorded_at,
            )
        if isinstance(event, DetectionValidationWithdrawn):
            if document is None or document.state is not ReviewState.WAITING:
                return document  # It was never drawn, or the second verdict stays on record beside the first.
            return document.model_copy(update={"state": ReviewState.VOID})
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was drawn")
        return document.model_copy(
            update={
                "state": ReviewState.GIVEN,
                "first_verdict": event.first_verdict,
                "verdict": event.verdict,
                "confidence_percent": event.confidence_percent,
                "rationale": event.rationale,
                "reviewer_id": event.reviewer_id,
                "given_at": recorded.recorded_at,
                "given_position": recorded.position,
            }
        )

    def columns(self, document: BlindReviewDocument) -> Mapping[str, object]:
        return {
            "state": document.state.value,
            "rule_id": document.rule_id,
            "validator_id": document.validator_id,
            "drawn_at": document.drawn_at,
            "given_at": document.given_at,
        }
