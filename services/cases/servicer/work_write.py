"""CasesWorkWriteService: merging, tasks, observables, evidence files and suggestions. One command an RPC."""

import hashlib

from tenet.cases.v1 import cases_work_write_pb2 as rpc

from infra.grpc import Context
from services.cases.application import CasesApplication
from services.cases.domain import work_commands as ask
from services.cases.domain.errors import EvidenceAltered
from services.cases.servicer.shown_work import OBSERVABLE_KINDS
from services.cases.servicer.wire import LABELS, SUBJECT_KINDS, moment, named


class CasesWorkWriteServicer:
    def __init__(self, application: CasesApplication) -> None:
        self._merging, self._content = application.merging, application.content
        self._suggesting = application.suggesting

    async def MergeCase(self, request: rpc.MergeCaseRequest, context: Context) -> rpc.MergeCaseResponse:
        call = context.call
        command = ask.MergeCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            into_case_id=request.into_case_id,
            reason=request.reason,
        )
        done = await self._merging.merge_case(call, command)
        return rpc.MergeCaseResponse(position=done.position)

    async def UnmergeCase(self, request: rpc.UnmergeCaseRequest, context: Context) -> rpc.UnmergeCaseResponse:
        call = context.call
        command = ask.UnmergeCase(
            tenant_id=call.tenant_id, request_id=call.request_id, case_id=request.case_id, reason=request.reason
        )
        done = await self._merging.unmerge_case(call, command)
        return rpc.UnmergeCaseResponse(position=done.position)

    async def SplitCase(self, request: rpc.SplitCaseRequest, context: Context) -> rpc.SplitCaseResponse:
        call = context.call
        command = ask.SplitCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            subject_ids=tuple(request.subject_ids),
            title=request.title,
            label=named(LABELS, request.label),
            reason=request.reason,
        )
        done = await self._merging.split_case(call, command)
        return rpc.SplitCaseResponse(case_id=done.recorded[0].event.case_id, position=done.position)

    async def UnlinkSubject(self, request: rpc.UnlinkSubjectRequest, context: Context) -> rpc.UnlinkSubjectResponse:
        call = context.call
        command = ask.UnlinkSubject(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            subject_kind=named(SUBJECT_KINDS, request.subject.kind),
            subject_id=request.subject.id,
            reason=request.reason,
        )
        done = await self._merging.unlink_subject(call, command)
        return rpc.UnlinkSubjectResponse(position=done.position)

    async def AddTask(self, request: rpc.AddTaskRequest, context: Context) -> rpc.AddTaskResponse:
        call = context.call
        command = ask.AddTask(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            title=request.title,
            assignee=request.assignee_principal_id if request.HasField("assignee_principal_id") else None,
            due_at=moment(request.due_at) if request.HasField("due_at") else None,
            label=named(LABELS, request.label),
        )
        done = await self._content.add_task(call, command)
        return rpc.AddTaskResponse(task_id=done.recorded[0].event.task_id, position=done.position)

    async def AssignTask(self, request: rpc.AssignTaskRequest, context: Context) -> rpc.AssignTaskResponse:
        call = context.call
        command = ask.AssignTask(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            task_id=request.task_id,
            principal_id=request.principal_id,
        )
        done = await self._content.assign_task(call, command)
        return rpc.AssignTaskResponse(position=done.position)

    async def CompleteTask(self, request: rpc.CompleteTaskRequest, context: Context) -> rpc.CompleteTaskResponse:
        call = context.call
        command = ask.CompleteTask(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            task_id=request.task_id,
            result=request.result,
        )
        done = await self._content.complete_task(call, command)
        return rpc.CompleteTaskResponse(position=done.position)

    async def DropTask(self, request: rpc.DropTaskRequest, context: Context) -> rpc.DropTaskResponse:
        call = context.call
        command = ask.DropTask(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            task_id=request.task_id,
            reason=request.reason,
        )
        done = await self._content.drop_task(call, command)
        return rpc.DropTaskResponse(position=done.position)

    async def AddObservable(self, request: rpc.AddObservableRequest, context: Context) -> rpc.AddObservableResponse:
        call = context.call
        command = ask.AddObservable(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            kind=named(OBSERVABLE_KINDS, request.kind),
            value=request.value,
            label=named(LABELS, request.label),
        )
        done = await self._content.add_observable(call, command)
        added = done.recorded[0].event.observable
        return rpc.AddObservableResponse(observable_id=added.observable_id, strong=added.strong, position=done.position)

    async def RemoveObservable(
        self, request: rpc.RemoveObservableRequest, context: Context
    ) -> rpc.RemoveObservableResponse:
        call = context.call
        command = ask.RemoveObservable(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            observable_id=request.observable_id,
            reason=request.reason,
        )
        done = await self._content.remove_observable(call, command)
        return rpc.RemoveObservableResponse(position=done.position)

    async def KeepEvidenceFile(
        self, request: rpc.KeepEvidenceFileRequest, context: Context
    ) -> rpc.KeepEvidenceFileResponse:
        call = context.call
        sha256 = hashlib.sha256(request.content).hexdigest()
        if request.HasField("sha256") and request.sha256 != sha256:
            raise EvidenceAltered("The bytes are not those that the sender hashed.", metadata={"sha256": sha256})
        command = ask.KeepEvidenceFile(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            label=named(LABELS, request.label),
            summary=request.summary,
            name=request.name,
            obtained_from=request.obtained_from,
            sha256=sha256,
            size=len(request.content),
        )
        done = await self._content.keep_evidence_file(call, command, request.content)
        kept = done.recorded[0].event.evidence
        return rpc.KeepEvidenceFileResponse(evidence_id=kept.id, sha256=sha256, position=done.position)

    async def TransferCustody(
        self, request: rpc.TransferCustodyRequest, context: Context
    ) -> rpc.TransferCustodyResponse:
        call = context.call
        command = ask.TransferCustody(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            evidence_id=request.evidence_id,
            to_principal_id=request.to_principal_id,
            place=request.place,
            reason=request.reason,
        )
        done = await self._content.transfer_custody(call, command)
        return rpc.TransferCustodyResponse(position=done.position)

    async def CopyEvidence(self, request: rpc.CopyEvidenceRequest, context: Context) -> rpc.CopyEvidenceResponse:
        call = context.call
        command = ask.CopyEvidence(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            evidence_id=request.evidence_id,
            purpose=request.purpose,
        )
        done, content = await self._content.copy_evidence(call, command)
        sha256 = done.recorded[0].event.sha256
        return rpc.CopyEvidenceResponse(content=content, sha256=sha256, position=done.position)

    async def AcceptLink(self, request: rpc.AcceptLinkRequest, context: Context) -> rpc.AcceptLinkResponse:
        call = context.call
        command = ask.AcceptLink(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            suggestion_id=request.suggestion_id,
            reason=request.reason,
        )
        done = await self._suggesting.accept_link(call, command)
        return rpc.AcceptLinkResponse(case_id=done.recorded[-1].event.into_case_id, position=done.position)

    async def DeclineLink(self, request: rpc.DeclineLinkRequest, context: Context) -> rpc.DeclineLinkResponse:
        call = context.call
        command = ask.DeclineLink(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            suggestion_id=request.suggestion_id,
            reason=request.reason,
        )
        done = await self._suggesting.decline_link(call, command)
        return rpc.DeclineLinkResponse(position=done.position)
