"""A drawn share of verdicts waits for a second one, by somebody who does not see the first."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated
from infra.read_database.policies import Origin, Policy
from services.detections.application.blind_reviewing import BlindReviewing
from services.detections.domain.commands import DrawBlindReview


class DrawBlindReviewWhenDetectionValidated(Policy):
    ID = "draw_blind_review_when_detection_validated"
    TOPICS = frozenset({DetectionValidated})

    def __init__(self, reviewing: BlindReviewing) -> None:
        self._reviewing = reviewing

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        call = origin.call()
        command = DrawBlindReview(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            detection_id=recorded.event.detection_id,
            validation_position=recorded.position,
            validator_id=recorded.envelope.actor.id,
        )
        await self._reviewing.draw_blind_review(call, command)
