"""CasesPeopleReadService: who is called, what is promised, what was asked."""

from collections.abc import Callable
from datetime import datetime

from tenet.cases.v1 import cases_people_read_pb2 as rpc

from contracts.labels import Label
from infra.answering import Answering, Words, asked, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import (
    Condition,
    ascending,
    at_least,
    descending,
    equal,
    less_than,
)
from infra.read_database.reader.pages import PageRequest
from services.cases.application.people import PeopleApplication
from services.cases.domain.people_errors import TooManyQuestions
from services.cases.domain.question import nearest_rank
from services.cases.domain.rota import ladder, on_call
from services.cases.projections import CALENDARS, PAGES, QUESTIONS, SERVICE_LEVELS
from services.cases.projections.questions import QuestionRow
from services.cases.projections.service_levels import ServiceLevelRow
from services.cases.servicer.on_call_overview import OnCallInViews
from services.cases.servicer.people_wire import (
    PAGE_STATUSES,
    QUESTION_STATUSES,
    calendar_message,
    clock_message,
    page_message,
    question_message,
)
from services.cases.servicer.wire import moment, named

MAX_QUESTIONS = 20_000
"""Most questions that one figure is made of."""
_QUESTIONS_PAGE = 1_000


class CasesPeopleReadServicer:
    def __init__(
        self,
        answering: Answering,
        people: PeopleApplication,
        on_call: OnCallInViews,
        clock: Callable[[], datetime],
    ) -> None:
        self._answering, self._people = answering, people
        self._on_call, self._clock = on_call, clock

    async def GetOnCall(self, request: rpc.GetOnCallRequest, context: Context) -> rpc.GetOnCallResponse:
        rota = await self._people.rotas.of_tenant(context.call.tenant_id)
        at = moment(request.at) if request.HasField("at") else self._clock()
        found = on_call(rota, at)
        return rpc.GetOnCallResponse(
            principal_id=found.principal_id or "",
            ladder=ladder(rota, at),
            layer=found.layer,
            override_id=found.override.override_id if found.override else "",
            rota_id=rota.rota_id,
            rota_version=rota.version,
            digest=rota.digest,
        )

    async def GetOnCallOverview(
        self, _request: rpc.GetOnCallOverviewRequest, context: Context
    ) -> rpc.GetOnCallOverviewResponse:
        return await self._on_call.overview(context.tenants)

    async def ListPages(self, request: rpc.ListPagesRequest, context: Context) -> rpc.ListPagesResponse:
        where = _given(status=named(PAGE_STATUSES, request.status).value if request.status else None)
        where += _given(person=request.principal_id if request.HasField("principal_id") else None)
        where += _given(about_id=request.about_id if request.HasField("about_id") else None)
        page = await self._answering.page(PAGES, where, [descending("sent_position")], request, context)
        return rpc.ListPagesResponse(
            pages=[page_message(item.tenant_id, item.document) for item in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def ListServiceLevels(
        self, request: rpc.ListServiceLevelsRequest, context: Context
    ) -> rpc.ListServiceLevelsResponse:
        where = _given(key=request.case_id if request.HasField("case_id") else None)
        where += _given(open=None if request.include_settled else True)
        where += _given(breached=True if request.only_breached else None)
        page = await self._answering.page(SERVICE_LEVELS, where, [ascending("next_deadline")], request, context)
        opened = await self._answering.opened(page.items, _level_words, context, "show service levels")
        clocks = [
            clock_message(item.tenant_id, item.document.case_id, clock, opened[item.tenant_id])
            for item in page.items
            for clock in item.document.clocks
            if request.include_settled or not clock.over
        ]
        return rpc.ListServiceLevelsResponse(
            service_levels=clocks, not_ready_tenant_ids=page.not_ready, page=next_page(page)
        )

    async def ListCalendars(self, request: rpc.ListCalendarsRequest, context: Context) -> rpc.ListCalendarsResponse:
        page = await self._answering.page(CALENDARS, [], [ascending("name")], request, context)
        return rpc.ListCalendarsResponse(
            calendars=[calendar_message(item.tenant_id, item.document) for item in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def ListQuestions(self, request: rpc.ListQuestionsRequest, context: Context) -> rpc.ListQuestionsResponse:
        where = _given(status=named(QUESTION_STATUSES, request.status).value if request.status else None)
        where += _given(person=request.principal_id if request.HasField("principal_id") else None)
        page = await self._answering.page(QUESTIONS, where, [ascending("deadline")], request, context)
        opened = await self._answering.opened(page.items, _question_words, context, "show questions")
        return rpc.ListQuestionsResponse(
            questions=[question_message(each.tenant_id, each.document, opened[each.tenant_id]) for each in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def GetAnswerTimes(self, request: rpc.GetAnswerTimesRequest, context: Context) -> rpc.GetAnswerTimesResponse:
        """Raises TooManyQuestions where the time holds more than MAX_QUESTIONS."""
        rows, position = await self._questions_of(request, context)
        now = self._clock()
        took = sorted(
            int((row.answered.recorded_at - row.asked.recorded_at).total_seconds()) for row in rows if row.answered
        )
        breached = sum(row.late or (row.answered is None and row.question.deadline <= now) for row in rows)
        return rpc.GetAnswerTimesResponse(
            asked=len(rows),
            answered=len(took),
            still_open=len(rows) - len(took),
            answered_in_time=sum(row.answered is not None and not row.late for row in rows),
            breached=breached,
            p50_seconds=nearest_rank(took, 50),
            p90_seconds=nearest_rank(took, 90),
            max_seconds=nearest_rank(took, 100),
            at_position=position,
        )

    async def _questions_of(
        self, request: rpc.GetAnswerTimesRequest, context: Context
    ) -> tuple[list[QuestionRow], int]:
        tenant_id = context.call.tenant_id
        await self._answering.waited(request, context, QUESTIONS)
        where = [less_than("asked_at", moment(request.to))]
        where.append(at_least("asked_at", moment(getattr(request, "from"))))
        at = asked(request, "at_position")
        rows: list[QuestionRow] = []
        page = PageRequest(_QUESTIONS_PAGE)
        while True:
            found = await QUESTIONS.list(
                self._answering.reader,
                [tenant_id],
                where,
                [ascending("asked_at")],
                page,
                at=at,
                deadline=context.deadline,
            )
            rows += [item.document for item in found.items]
            if len(rows) > MAX_QUESTIONS:
                raise TooManyQuestions(f"More than {MAX_QUESTIONS} questions; ask for a shorter time.")
            if not found.next_token:
                return rows, found.positions.get(tenant_id, -1)
            page = PageRequest(_QUESTIONS_PAGE, found.next_token)


def _level_words(row: ServiceLevelRow) -> Words:
    """Why a clock stands still is for the customer to know as well."""
    return ((clock.paused_for, Label.AMBER) for clock in row.clocks if clock.paused_for is not None)


def _question_words(row: QuestionRow) -> Words:
    yield row.question.text, row.question.label
    if row.answer is not None and row.answer_label is not None:
        yield row.answer, row.answer_label


def _given(**values: object) -> list[Condition]:
    return [equal(column, value) for column, value in values.items() if value is not None]
