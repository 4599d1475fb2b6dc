"""Drawing verdicts for a second one, and taking it."""

import secrets

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.openings import Openings
from infra.event_store.repository import Repository
from services.detections.application.aggregates import BLIND_REVIEW, BLIND_REVIEW_SAMPLING, DETECTION
from services.detections.domain import blind_review
from services.detections.domain.blind_review import Sampling
from services.detections.domain.commands import DrawBlindReview, GiveBlindReview, SetBlindReviewShare

SEED_BYTES = 32


class BlindReviewing:
    def __init__(self, handler: CommandHandler, repository: Repository, openings: Openings) -> None:
        self._handler, self._repository, self._openings = handler, repository, openings

    async def sampling(self, tenant_id: TenantId) -> Sampling:
        """The share that stands."""
        stream = blind_review.sampling_stream_of(tenant_id)
        return (await self._repository.load(tenant_id, BLIND_REVIEW_SAMPLING, stream)).state

    async def set_blind_review_share(self, call: Call, command: SetBlindReviewShare) -> Committed:
        """By a new seed, so that nobody who has learnt an earlier one can foresee anything."""
        seed = secrets.token_hex(SEED_BYTES)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(BLIND_REVIEW_SAMPLING, blind_review.sampling_stream_of(call.tenant_id))
            unit.append(loaded, blind_review.set_share(call, command, seed))

        return await self._handler.handle(call, command, work)

    async def draw_blind_review(self, call: Call, command: DrawBlindReview) -> Committed:
        """By the share that stood when the verdict was given, whatever has been set since."""
        at = command.validation_position
        stream = blind_review.sampling_stream_of(call.tenant_id)
        sampling = (await self._repository.load(call.tenant_id, BLIND_REVIEW_SAMPLING, stream, at=at)).state
        seed = await self._seed(call.tenant_id, sampling)

        async def work(unit: Unit) -> None:
            detection = await unit.load(DETECTION, command.detection_id)
            review_id = blind_review.review_id_of(command.detection_id, command.validation_position)
            loaded = await unit.load(BLIND_REVIEW, review_id)
            unit.append(loaded, blind_review.draw(loaded.state, command, detection.state, sampling, seed))

        return await self._handler.handle(call, command, work)

    async def give_blind_review(self, call: Call, command: GiveBlindReview) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(BLIND_REVIEW, command.review_id)
            drawn = blind_review.require_drawn(loaded.state)
            detection = await unit.load(DETECTION, drawn.detection_id)
            # The first verdict still stands when the second one is recorded.
            unit.require(detection)
            unit.append(loaded, blind_review.give(loaded.state, call, command, detection.state))

        return await self._handler.handle(call, command, work)

    async def _seed(self, tenant_id: TenantId, sampling: Sampling) -> str | None:
        """None where none was set, or it was erased."""
        if sampling.seed is None:
            return None
        seed = (await self._openings.open(tenant_id, [sampling.seed]))[sampling.seed]
        return seed if isinstance(seed, str) else None
