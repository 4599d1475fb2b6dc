"""ExpectedBehaviourReadService and ExpectedBehaviourWriteService: what is not asked about again."""

from collections.abc import Callable
from datetime import UTC, datetime

from tenet.detections.v1 import detections_expected_read_pb2 as read
from tenet.detections.v1 import detections_expected_write_pb2 as write

from contracts.events.detections import IdentityPart
from infra.answering import Answering, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import at_least, descending, equal
from infra.read_database.reader.pages import Document
from services.detections.application.expecting import Expecting
from services.detections.domain.commands import (
    ConfirmExpectedBehaviour,
    EndExpectedBehaviour,
    RememberExpectedBehaviour,
)
from services.detections.projections import EXPECTED_BEHAVIOURS
from services.detections.projections.expected_behaviours import ExpectedBehaviourDocument
from services.detections.servicer.shown import rule_message
from services.detections.servicer.wire import named, timestamp

PARTS = {part: read.IdentityPart.Value(f"IDENTITY_PART_{part.name}") for part in IdentityPart}


class ExpectedBehaviourReadServicer:
    def __init__(self, answering: Answering, clock: Callable[[], datetime]) -> None:
        self._answering, self._clock = answering, clock

    async def ListExpectedBehaviours(
        self, request: read.ListExpectedBehavioursRequest, context: Context
    ) -> read.ListExpectedBehavioursResponse:
        now = self._clock()
        where = [] if request.include_ended else [equal("ended", False), at_least("expires_at", now)]
        page = await self._answering.page(EXPECTED_BEHAVIOURS, where, [descending("expires_at")], request, context)
        return read.ListExpectedBehavioursResponse(
            expected_behaviours=[_message(item, now) for item in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )


class ExpectedBehaviourWriteServicer:
    def __init__(self, expecting: Expecting) -> None:
        self._expecting = expecting

    async def RememberExpectedBehaviour(
        self, request: write.RememberExpectedBehaviourRequest, context: Context
    ) -> write.RememberExpectedBehaviourResponse:
        command = RememberExpectedBehaviour(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            detection_id=request.detection_id,
            validation_position=request.validation_position,
            parts=tuple(named(PARTS, part) for part in request.parts),
            expires_at=request.expires_at.ToDatetime(UTC),
        )
        expected_behaviour_id, committed = await self._expecting.remember_expected_behaviour(context.call, command)
        return write.RememberExpectedBehaviourResponse(
            expected_behaviour_id=expected_behaviour_id, position=committed.position
        )

    async def ConfirmExpectedBehaviour(
        self, request: write.ConfirmExpectedBehaviourRequest, context: Context
    ) -> write.ConfirmExpectedBehaviourResponse:
        command = ConfirmExpectedBehaviour(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            expected_behaviour_id=request.expected_behaviour_id,
        )
        committed = await self._expecting.confirm_expected_behaviour(context.call, command)
        return write.ConfirmExpectedBehaviourResponse(position=committed.position)

    async def EndExpectedBehaviour(
        self, request: write.EndExpectedBehaviourRequest, context: Context
    ) -> write.EndExpectedBehaviourResponse:
        command = EndExpectedBehaviour(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            expected_behaviour_id=request.expected_behaviour_id,
        )
        committed = await self._expecting.end_expected_behaviour(context.call, command)
        return write.EndExpectedBehaviourResponse(position=committed.position)


def _message(item: Document[ExpectedBehaviourDocument], now: datetime) -> read.ExpectedBehaviour:
    document = item.document
    held = not document.privileged or document.confirmed_by is not None
    return read.ExpectedBehaviour(
        tenant_id=item.tenant_id,
        expected_behaviour_id=document.expected_behaviour_id,
        detection_id=document.detection_id,
        validation_position=document.validation_position,
        rule=rule_message(document.rule),
        parts=[PARTS[part] for part in document.parts],
        expires_at=timestamp(document.expires_at),
        privileged=document.privileged,
        remembered_by=document.remembered_by,
        confirmed_by=document.confirmed_by or "",
        remembered_position=document.remembered_position,
        end=document.end.value if document.end else "",
        hits=document.hits,
        last_seen_at=timestamp(document.last_seen_at),
        standing=held and document.end is None and now < document.expires_at,
    )
