"""CasesBulkWriteService: the same command for several cases, each recorded or refused for itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tenet.cases.v1 import cases_bulk_write_pb2 as rpc

from contracts.calls import Call
from contracts.errors import Kind, TenetError
from contracts.ids import derive_id
from infra.event_store.handler import Committed
from infra.grpc import Context
from services.cases.application import CasesApplication
from services.cases.domain.commands import AddNote, CloseCase
from services.cases.domain.work_commands import MergeCase, UnmergeCase
from services.cases.servicer.wire import LABELS, named

_OF_ONE = frozenset(
    {
        Kind.INVALID_ARGUMENT,
        Kind.NOT_FOUND,
        Kind.ALREADY_EXISTS,
        Kind.FAILED_PRECONDITION,
        Kind.PERMISSION_DENIED,
    }
)
"""Refusals that concern one case; anything else ends the call, and a retry goes on from where it was."""


class CasesBulkWriteServicer:
    def __init__(self, application: CasesApplication) -> None:
        self._cases, self._merging = application.case_work, application.merging

    async def MergeCases(self, request: rpc.MergeCasesRequest, context: Context) -> rpc.MergeCasesResponse:
        async def merge(call: Call, case_id: str) -> Committed:
            command = MergeCase(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                case_id=case_id,
                into_case_id=request.into_case_id,
                reason=request.reason,
            )
            return await self._merging.merge_case(call, command)

        outcomes = await _each(context.call, request.case_ids, merge)
        return rpc.MergeCasesResponse(outcomes=outcomes, position=_last(outcomes))

    async def UnmergeCases(self, request: rpc.UnmergeCasesRequest, context: Context) -> rpc.UnmergeCasesResponse:
        async def unmerge(call: Call, case_id: str) -> Committed:
            command = UnmergeCase(
                tenant_id=call.tenant_id, request_id=call.request_id, case_id=case_id, reason=request.reason
            )
            return await self._merging.unmerge_case(call, command)

        outcomes = await _each(context.call, request.case_ids, unmerge)
        return rpc.UnmergeCasesResponse(outcomes=outcomes, position=_last(outcomes))

    async def CloseCases(self, request: rpc.CloseCasesRequest, context: Context) -> rpc.CloseCasesResponse:
        async def close(call: Call, case_id: str) -> Committed:
            command = CloseCase(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                case_id=case_id,
                outcome=request.outcome,
                root_cause=request.root_cause,
                cause_addressed=request.cause_addressed,
                lessons=request.lessons,
                recommendation=request.recommendation,
                no_recommendation_reason=request.no_recommendation_reason,
            )
            return await self._cases.close_case(call, command)

        outcomes = await _each(context.call, request.case_ids, close)
        return rpc.CloseCasesResponse(outcomes=outcomes, position=_last(outcomes))

    async def AddNotes(self, request: rpc.AddNotesRequest, context: Context) -> rpc.AddNotesResponse:
        async def note(call: Call, case_id: str) -> Committed:
            command = AddNote(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                case_id=case_id,
                text=request.text,
                label=named(LABELS, request.label),
            )
            return await self._cases.add_note(call, command)

        outcomes = await _each(context.call, request.case_ids, note)
        return rpc.AddNotesResponse(outcomes=outcomes, position=_last(outcomes))


async def _each(
    call: Call, case_ids: Sequence[str], work: Callable[[Call, str], Awaitable[Committed]]
) -> list[rpc.CaseOutcome]:
    """One after another, since several of them may write to the same case."""
    return [await _one(call, case_id, work) for case_id in case_ids]


async def _one(call: Call, case_id: str, work: Callable[[Call, str], Awaitable[Committed]]) -> rpc.CaseOutcome:
    # A retry of the whole finds each of its parts under the same request again.
    part = replace(call, request_id=derive_id("request", call.request_id, case_id))
    try:
        done = await work(part, case_id)
    except TenetError as error:
        if error.kind not in _OF_ONE:
            raise
        return rpc.CaseOutcome(case_id=case_id, refused_reason=error.reason, refused_message=error.message)
    return rpc.CaseOutcome(case_id=case_id, position=done.position)


def _last(outcomes: Sequence[rpc.CaseOutcome]) -> int | None:
    return max((each.position for each in outcomes if each.HasField("position")), default=None)
