"""Commands on notices and enquiries."""

from functools import partial

from contracts.calls import Call
from contracts.events.people import Objective
from contracts.events.subjects import SubjectKind
from contracts.ids import derive_id
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.keys import KeyStore
from infra.keys.blind_index import external_id_index
from services.cases.application.aggregates import ASSET, ENQUIRY, NOTICE, SUBJECTS
from services.cases.application.charters import Charters
from services.cases.application.grounds import loaded_case, standing_subjects
from services.cases.application.people_aggregates import SERVICE_LEVEL
from services.cases.application.service_levels import service_level_of
from services.cases.domain import enquiry as asking
from services.cases.domain import notice as telling
from services.cases.domain import service_level
from services.cases.domain.case import existing, in_work
from services.cases.domain.commands import (
    AcknowledgeNotice,
    AnswerEnquiry,
    ExpireEnquiry,
    MarkNoticeOverdue,
    SendEnquiry,
    SendNotice,
)
from services.cases.domain.people_commands import MeetServiceLevels
from services.cases.domain.who import Who


class Conversing:
    def __init__(self, handler: CommandHandler, charters: Charters, keys: KeyStore) -> None:
        self._handler, self._charters, self._keys = handler, charters, keys

    async def send_notice(self, call: Call, command: SendNotice) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            in_work(case.state)
            cited, _ = await standing_subjects(unit, case.state)
            found = await self._charters.in_force(unit)
            notice = await unit.load(NOTICE, derive_id("notice", call.request_key))
            unit.require(case)
            charter = found.force.charter
            event = telling.send_notice(case.state, command, cited, charter, Who.of(call), call.request_key)
            unit.append(notice, [event])

        return await self._handler.handle(call, command, work)

    async def acknowledge_notice(self, call: Call, command: AcknowledgeNotice) -> Committed:
        async def work(unit: Unit) -> None:
            notice = await unit.load(NOTICE, command.notice_id)
            unit.append(notice, [telling.acknowledge_notice(notice.state, command, Who.of(call))])
            # In the same append, so that no timer comes in between.
            levels = await unit.load(SERVICE_LEVEL, service_level_of(notice.state.case_id))
            met = MeetServiceLevels(
                tenant_id=command.tenant_id,
                request_id=command.request_id,
                case_id=notice.state.case_id,
                objectives=(Objective.NOTIFY,),
                by_position=None,
                at=call.now,
            )
            unit.append(levels, service_level.meet(levels.state, met))

        return await self._handler.handle(call, command, work)

    async def mark_notice_overdue(self, call: Call, command: MarkNoticeOverdue) -> Committed:
        async def work(unit: Unit) -> None:
            notice = await unit.load(NOTICE, command.notice_id)
            unit.append(notice, telling.mark_overdue(notice.state))

        return await self._handler.handle(call, command, work)

    async def send_enquiry(self, call: Call, command: SendEnquiry) -> Committed:
        index = partial(external_id_index, await self._keys.search_key(command.tenant_id))

        async def work(unit: Unit) -> None:
            detection = await unit.load(SUBJECTS[SubjectKind.DETECTION], command.detection_id)
            if command.case_id is not None:
                existing((await loaded_case(unit, command.case_id)).state)
            found = await self._charters.in_force(unit)
            assets = [(await unit.load(ASSET, asset_id)).state for asset_id in detection.state.asset_ids]
            enquiry = await unit.load(ENQUIRY, derive_id("enquiry", call.request_key))
            unit.require(detection)
            charter = found.force.charter
            who = Who.of(call)
            event = asking.send_enquiry(command, detection.state, assets, charter, index, who, call.request_key)
            unit.append(enquiry, [event])

        return await self._handler.handle(call, command, work)

    async def answer_enquiry(self, call: Call, command: AnswerEnquiry) -> Committed:
        async def work(unit: Unit) -> None:
            enquiry = await unit.load(ENQUIRY, command.enquiry_id)
            unit.append(enquiry, [asking.answer_enquiry(enquiry.state, command, Who.of(call))])

        return await self._handler.handle(call, command, work)

    async def expire_enquiry(self, call: Call, command: ExpireEnquiry) -> Committed:
        async def work(unit: Unit) -> None:
            enquiry = await unit.load(ENQUIRY, command.enquiry_id)
            unit.append(enquiry, asking.expire_enquiry(enquiry.state))

        return await self._handler.handle(call, command, work)
