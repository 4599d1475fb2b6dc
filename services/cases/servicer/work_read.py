"""CasesWorkReadService: what cases hold, and what they have in common within one tenant."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from tenet.cases.v1 import cases_work_read_pb2 as rpc

from contracts.ids import TenantId
from infra.answering import Answering, Query, Words, asked, next_page, sight, sights
from infra.grpc import Context
from infra.read_database.reader.conditions import (
    Condition,
    Order,
    ascending,
    descending,
    equal,
    has,
    one_of,
)
from infra.read_database.reader.pages import Document, Page, PageRequest
from infra.read_database.views import DocumentView
from services.cases.domain.errors import CaseUnknown
from services.cases.domain.joining import SuggestionStatus
from services.cases.projections import (
    CASE_MARKS,
    CASE_TASKS,
    CASES,
    EVIDENCE_FILES,
    INDEX_ASSETS,
    LINK_SUGGESTIONS,
)
from services.cases.projections.case_marks import MarkRow
from services.cases.projections.cases import CaseRow
from services.cases.projections.link_suggestions import SuggestionRow
from services.cases.projections.recognition import Recognition
from services.cases.servicer.shown_work import (
    SUGGESTION_STATUSES,
    file_message,
    file_words,
    mark_words,
    observable_message,
    scope_messages,
    similar_message,
    similar_words,
    suggestion_message,
    suggestion_words,
    task_message,
    task_words,
    technique_messages,
)
from services.cases.servicer.wire import named

D = TypeVar("D")
MAX_HELD = 1_000
"""Most tasks, and most evidence files, that one answer about a case shows."""


class _OfCase(Query, Protocol):
    @property
    def case_id(self) -> str: ...


class CasesWorkReadServicer:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._recognition = Recognition(answering.reader, CASES, CASE_MARKS, INDEX_ASSETS)

    async def GetCaseContent(self, request: rpc.GetCaseContentRequest, context: Context) -> rpc.GetCaseContentResponse:
        found = await self._case(request, context)
        tenant_id, at = found.tenant_id, asked(request, "at_position")
        mine = [one_of("case_id", found.document.case_ids)]
        tasks = await self._held(CASE_TASKS, tenant_id, mine, ascending("added_position"), at)
        files = await self._held(EVIDENCE_FILES, tenant_id, mine, ascending("kept_position"), at)
        marks = await self._recognition.marks_of(tenant_id, found.document.case_ids, at)
        words = [word for task in tasks for word in task_words(task)]
        words += [word for file in files for word in file_words(file)]
        words += mark_words(marks)
        opened = await self._answering.opener.open(context.call, words, purpose="show what a case holds")
        observables = [observable_message(mark, opened) for mark in marks]
        return rpc.GetCaseContentResponse(
            tasks=[task_message(tenant_id, each, opened) for each in tasks],
            observables=[each for each in observables if each is not None],
            evidence_files=[file_message(each, opened) for each in files],
            techniques=technique_messages(marks),
            sight=sight(CASES, found.position),
        )

    async def GetCaseScope(self, request: rpc.GetCaseScopeRequest, context: Context) -> rpc.GetCaseScopeResponse:
        found = await self._case(request, context)
        marks = await self._recognition.marks_of(
            found.tenant_id, found.document.case_ids, asked(request, "at_position")
        )
        rows = await self._recognition.assets_sharing(found.tenant_id, marks, asked(request, "at_position"))
        opened = await self._answering.opener.open(context.call, mark_words(marks), purpose="show the scope of a case")
        assets = scope_messages(found.document, marks, rows, opened)
        return rpc.GetCaseScopeResponse(assets=assets, sight=sight(CASES, found.position))

    async def ListSimilarCases(
        self, request: rpc.ListSimilarCasesRequest, context: Context
    ) -> rpc.ListSimilarCasesResponse:
        found = await self._case(request, context)
        similar = await self._recognition.similar(found.tenant_id, found.document, asked(request, "at_position"))
        words = [word for each in similar for word in similar_words(each)]
        opened = await self._answering.opener.open(context.call, words, purpose="show similar cases")
        cases = [similar_message(each, opened) for each in similar]
        return rpc.ListSimilarCasesResponse(cases=cases, sight=sight(CASES, found.position))

    async def ListLinkSuggestions(
        self, request: rpc.ListLinkSuggestionsRequest, context: Context
    ) -> rpc.ListLinkSuggestionsResponse:
        status = named(SUGGESTION_STATUSES, request.status) if request.status else SuggestionStatus.SUGGESTED
        where = [equal("status", status.value)]
        if request.HasField("case_id"):
            where.append(has("case_ids", request.case_id))
        order = [descending("score"), ascending("suggested_position")]
        page = await self._answering.page(LINK_SUGGESTIONS, where, order, request, context)
        marks = await self._marks_behind(page, asked(request, "at_position"))

        def words(row: SuggestionRow) -> Words:
            return suggestion_words(row, marks)

        opened = await self._answering.opened(page.items, words, context, "show suggestions")
        shown = [
            suggestion_message(item.tenant_id, item.document, marks, opened[item.tenant_id]) for item in page.items
        ]
        return rpc.ListLinkSuggestionsResponse(suggestions=shown, sights=sights(page), page=next_page(page))

    async def ListTasks(self, request: rpc.ListTasksRequest, context: Context) -> rpc.ListTasksResponse:
        where: list[Condition] = [] if request.ended else [equal("open", True)]
        if request.HasField("assignee_principal_id"):
            where.append(equal("assignee", request.assignee_principal_id))
        if request.HasField("case_id"):
            where.append(equal("case_id", request.case_id))
        order = [ascending("due_at"), ascending("added_position")]
        page = await self._answering.page(CASE_TASKS, where, order, request, context)
        opened = await self._answering.opened(page.items, task_words, context, "show tasks")
        tasks = [task_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items]
        return rpc.ListTasksResponse(tasks=tasks, sights=sights(page), page=next_page(page))

    async def _case(self, request: _OfCase, context: Context) -> Document[CaseRow]:
        """The case that is asked about, once every view of this service is as far as wanted. Raises CaseUnknown."""
        await self._answering.waited(request, context)
        found = await self._answering.get(CASES, request.case_id, request, context)
        if found is None:
            raise CaseUnknown("There is no such case in this tenant.")
        return found

    async def _held(
        self, view: DocumentView[D], tenant_id: TenantId, where: Sequence[Condition], order: Order, at: int | None
    ) -> list[D]:
        page = await view.list(self._answering.reader, [tenant_id], where, [order], PageRequest(MAX_HELD), at=at)
        return [item.document for item in page.items]

    async def _marks_behind(self, page: Page[SuggestionRow], at: int | None) -> dict[str, MarkRow]:
        """The observables that the suggestions name, by their blind index; two tenants never share one."""
        found: dict[str, MarkRow] = {}
        by_tenant: dict[TenantId, set[str]] = {}
        for item in page.items:
            by_tenant.setdefault(item.tenant_id, set()).update((item.document.case_id, item.document.with_case_id))
        for tenant_id, case_ids in by_tenant.items():
            marks = await self._recognition.marks_of(tenant_id, sorted(case_ids), at)
            found |= {mark.shared: mark for mark in marks if mark.observable is not None}
        return found
