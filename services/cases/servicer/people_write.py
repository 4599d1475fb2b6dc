"""CasesPeopleWriteService: one command an RPC. Method names are those of the RPCs."""

from tenet.cases.v1 import cases_people_write_pb2 as rpc

from contracts.events.people import QuestionAsked, QuestionKind, QuestionRouted, ServiceLevelRetimed
from infra.grpc import Context
from services.cases.application.people import PeopleApplication
from services.cases.domain import people_commands as ask
from services.cases.servicer.people_wire import OBJECTIVES, PAGE_ABOUTS, QUESTION_KINDS, calendar_given
from services.cases.servicer.wire import LABELS, PRIORITIES, named, timestamp


class CasesPeopleWriteServicer:
    def __init__(self, people: PeopleApplication) -> None:
        self._calling, self._levels, self._questions = people.calling, people.service_levels, people.questions

    async def SendPage(self, request: rpc.SendPageRequest, context: Context) -> rpc.SendPageResponse:
        call = context.call
        command = ask.SendPage(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            about=named(PAGE_ABOUTS, request.about),
            about_id=request.about_id,
            priority=named(PRIORITIES, request.priority),
            cause=call.request_id,
        )
        done = await self._calling.send_page(call, command)
        event = done.recorded[0].event
        return rpc.SendPageResponse(
            page_id=event.page_id,
            principal_id=event.principal_id,
            deadline=timestamp(event.deadline),
            position=done.position,
        )

    async def AcknowledgePage(
        self, request: rpc.AcknowledgePageRequest, context: Context
    ) -> rpc.AcknowledgePageResponse:
        call = context.call
        command = ask.AcknowledgePage(tenant_id=call.tenant_id, request_id=call.request_id, page_id=request.page_id)
        done = await self._calling.acknowledge_page(call, command)
        return rpc.AcknowledgePageResponse(position=done.position)

    async def PublishCalendar(
        self, request: rpc.PublishCalendarRequest, context: Context
    ) -> rpc.PublishCalendarResponse:
        call = context.call
        definition = calendar_given(request.definition)
        command = ask.PublishCalendar(tenant_id=call.tenant_id, request_id=call.request_id, definition=definition)
        done = await self._levels.publish_calendar(call, command)
        return rpc.PublishCalendarResponse(changed=bool(done.recorded), position=done.position)

    async def PauseServiceLevel(
        self, request: rpc.PauseServiceLevelRequest, context: Context
    ) -> rpc.PauseServiceLevelResponse:
        call = context.call
        command = ask.PauseServiceLevel(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            objective=named(OBJECTIVES, request.objective),
            reason=request.reason,
        )
        done = await self._levels.pause_service_level(call, command)
        return rpc.PauseServiceLevelResponse(position=done.position)

    async def ResumeServiceLevel(
        self, request: rpc.ResumeServiceLevelRequest, context: Context
    ) -> rpc.ResumeServiceLevelResponse:
        call = context.call
        command = ask.ResumeServiceLevel(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            objective=named(OBJECTIVES, request.objective),
        )
        done = await self._levels.resume_service_level(call, command)
        deadline = timestamp(done.recorded[0].event.deadline)
        return rpc.ResumeServiceLevelResponse(deadline=deadline, position=done.position)

    async def ChangeCasePriority(
        self, request: rpc.ChangeCasePriorityRequest, context: Context
    ) -> rpc.ChangeCasePriorityResponse:
        call = context.call
        command = ask.ChangeCasePriority(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            priority=named(PRIORITIES, request.priority),
            reason=request.reason,
            relax=request.relax,
        )
        done = await self._levels.change_case_priority(call, command)
        retimed = sum(isinstance(each.event, ServiceLevelRetimed) for each in done.recorded)
        return rpc.ChangeCasePriorityResponse(retimed=retimed, position=done.position)

    async def AskQuestion(self, request: rpc.AskQuestionRequest, context: Context) -> rpc.AskQuestionResponse:
        call = context.call
        command = ask.AskQuestion(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            kind=named(QUESTION_KINDS, request.kind),
            topic=request.topic,
            case_id=request.case_id if request.HasField("case_id") else None,
            text=request.text,
            label=named(LABELS, request.label),
        )
        done = await self._questions.ask_question(call, command)
        asked: QuestionAsked = done.recorded[0].event
        routed: QuestionRouted = done.recorded[1].event
        return rpc.AskQuestionResponse(
            question_id=asked.question_id,
            principal_id=routed.principal_id,
            qualified=routed.qualified,
            deadline=timestamp(asked.deadline),
            position=done.position,
        )

    async def AskSecondOpinion(
        self, request: rpc.AskSecondOpinionRequest, context: Context
    ) -> rpc.AskSecondOpinionResponse:
        call = context.call
        command = ask.AskQuestion(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            kind=QuestionKind.SECOND_OPINION,
            topic=request.topic,
            case_id=request.case_id if request.HasField("case_id") else None,
            detection_id=request.detection_id if request.HasField("detection_id") else None,
            text=request.text,
            label=named(LABELS, request.label),
        )
        done = await self._questions.ask_question(call, command)
        asked: QuestionAsked = done.recorded[0].event
        routed: QuestionRouted = done.recorded[1].event
        return rpc.AskSecondOpinionResponse(
            question_id=asked.question_id,
            principal_id=routed.principal_id,
            qualified=routed.qualified,
            deadline=timestamp(asked.deadline),
            position=done.position,
        )

    async def AnswerQuestion(self, request: rpc.AnswerQuestionRequest, context: Context) -> rpc.AnswerQuestionResponse:
        call = context.call
        command = ask.AnswerQuestion(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            question_id=request.question_id,
            text=request.text,
            label=named(LABELS, request.label),
            agrees=request.agrees if request.HasField("agrees") else None,
        )
        done = await self._questions.answer_question(call, command)
        return rpc.AnswerQuestionResponse(late=done.recorded[0].event.late, position=done.position)
