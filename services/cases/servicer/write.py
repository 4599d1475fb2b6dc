"""CasesWriteService: one command an RPC. Method names are those of the RPCs."""

from tenet.cases.v1 import cases_write_pb2 as rpc

from contracts.events.cases import ActionRehearsed
from infra.grpc import Context
from services.cases.application import CasesApplication
from services.cases.domain import commands as ask
from services.cases.projections.cases import plan_row
from services.cases.projections.stamp import Stamp
from services.cases.servicer.shown_plans import plan_message
from services.cases.servicer.wire import (
    LABELS,
    MODES,
    SUBJECT_KINDS,
    evidence_given,
    moment,
    named,
    sight,
    timestamp,
)


class CasesWriteServicer:
    def __init__(self, application: CasesApplication) -> None:
        self._cases = application.case_work
        self._planning = application.planning
        self._acting = application.acting
        self._conversing = application.conversing
        self._permitting = application.permitting

    async def OpenCase(self, request: rpc.OpenCaseRequest, context: Context) -> rpc.OpenCaseResponse:
        call = context.call
        command = ask.OpenCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            subject_kind=named(SUBJECT_KINDS, request.subject.kind),
            subject_id=request.subject.id,
            title=request.title,
            label=named(LABELS, request.label),
        )
        done = await self._cases.open_case(call, command)
        event = done.recorded[0].event
        return rpc.OpenCaseResponse(case_id=event.case_id, position=done.position)

    async def LinkSubject(self, request: rpc.LinkSubjectRequest, context: Context) -> rpc.LinkSubjectResponse:
        call = context.call
        command = ask.LinkSubject(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            subject_kind=named(SUBJECT_KINDS, request.subject.kind),
            subject_id=request.subject.id,
        )
        done = await self._cases.link_subject(call, command)
        return rpc.LinkSubjectResponse(position=done.position)

    async def AssignCase(self, request: rpc.AssignCaseRequest, context: Context) -> rpc.AssignCaseResponse:
        call = context.call
        command = ask.AssignCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            principal_id=request.principal_id,
        )
        done = await self._cases.assign_case(call, command)
        return rpc.AssignCaseResponse(position=done.position)

    async def AddNote(self, request: rpc.AddNoteRequest, context: Context) -> rpc.AddNoteResponse:
        call = context.call
        command = ask.AddNote(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            text=request.text,
            label=named(LABELS, request.label),
        )
        done = await self._cases.add_note(call, command)
        event = done.recorded[0].event
        return rpc.AddNoteResponse(note_id=event.note_id, position=done.position)

    async def AddEvidence(self, request: rpc.AddEvidenceRequest, context: Context) -> rpc.AddEvidenceResponse:
        call = context.call
        command = ask.AddEvidence(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            evidence=evidence_given(request.evidence),
        )
        done = await self._cases.add_evidence(call, command)
        evidence_id = done.recorded[0].event.evidence.id
        return rpc.AddEvidenceResponse(evidence_id=evidence_id, position=done.position)

    async def DecidePlan(self, request: rpc.DecidePlanRequest, context: Context) -> rpc.DecidePlanResponse:
        call = context.call
        command = ask.DecidePlan(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            desired_outcome=named(MODES, request.desired_outcome) if request.desired_outcome else None,
            tripwire=request.tripwire,
            seen=tuple(sight(each) for each in request.seen),
        )
        done = await self._planning.decide_plan(call, command)
        (decided,) = done.recorded
        plan = plan_row(decided.event, Stamp.of(decided))
        return rpc.DecidePlanResponse(plan=plan_message(plan, {}), position=done.position)

    async def ReorderPlan(self, request: rpc.ReorderPlanRequest, context: Context) -> rpc.ReorderPlanResponse:
        call = context.call
        command = ask.ReorderPlan(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            plan_id=request.plan_id,
            digest=request.digest,
            order=tuple(request.order),
            reason=request.reason,
        )
        done = await self._planning.reorder_plan(call, command)
        event = done.recorded[0].event
        return rpc.ReorderPlanResponse(digest=event.digest, position=done.position)

    async def ApprovePlan(self, request: rpc.ApprovePlanRequest, context: Context) -> rpc.ApprovePlanResponse:
        call = context.call
        command = ask.ApprovePlan(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            plan_id=request.plan_id,
            digest=request.digest,
            step_ids=tuple(request.step_ids),
            seen=tuple(sight(each) for each in request.seen),
        )
        done = await self._planning.approve_plan(call, command)
        expires_at = timestamp(done.recorded[0].event.expires_at)
        return rpc.ApprovePlanResponse(expires_at=expires_at, position=done.position)

    async def RejectPlan(self, request: rpc.RejectPlanRequest, context: Context) -> rpc.RejectPlanResponse:
        call = context.call
        command = ask.RejectPlan(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            plan_id=request.plan_id,
            digest=request.digest,
            reason=request.reason,
        )
        done = await self._planning.reject_plan(call, command)
        return rpc.RejectPlanResponse(position=done.position)

    async def DispatchAction(self, request: rpc.DispatchActionRequest, context: Context) -> rpc.DispatchActionResponse:
        call = context.call
        command = ask.DispatchAction(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            plan_id=request.plan_id,
            step_id=request.step_id,
            attempt=request.attempt or 1,
        )
        done = await self._acting.dispatch_action(call, command)
        event = done.recorded[0].event
        rehearsed = isinstance(event, ActionRehearsed)
        return rpc.DispatchActionResponse(action_id=event.action_id, rehearsed=rehearsed, position=done.position)

    async def CompleteStep(self, request: rpc.CompleteStepRequest, context: Context) -> rpc.CompleteStepResponse:
        call = context.call
        command = ask.CompleteStep(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            plan_id=request.plan_id,
            step_id=request.step_id,
            result=request.result,
            evidence=tuple(evidence_given(each) for each in request.evidence),
        )
        done = await self._planning.complete_step(call, command)
        return rpc.CompleteStepResponse(position=done.position)

    async def VerifyAction(self, request: rpc.VerifyActionRequest, context: Context) -> rpc.VerifyActionResponse:
        call = context.call
        command = ask.VerifyAction(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            action_id=request.action_id,
            effective=request.effective,
            path=request.path,
            observation=evidence_given(request.observation),
            reason=request.reason,
        )
        done = await self._acting.verify_action(call, command)
        return rpc.VerifyActionResponse(position=done.position)

    async def ReverseAction(self, request: rpc.ReverseActionRequest, context: Context) -> rpc.ReverseActionResponse:
        call = context.call
        command = ask.ReverseAction(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            action_id=request.action_id,
            attempt=request.attempt or 1,
        )
        done = await self._acting.reverse_action(call, command)
        event = done.recorded[0].event
        return rpc.ReverseActionResponse(action_id=event.action_id, position=done.position)

    async def SendNotice(self, request: rpc.SendNoticeRequest, context: Context) -> rpc.SendNoticeResponse:
        call = context.call
        command = ask.SendNotice(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            channel=request.channel,
            recipient_principal_id=request.recipient_principal_id,
            what=request.what,
            where=request.where,
            when=request.when,
            evidence=tuple(evidence_given(each) for each in request.evidence),
            options=tuple(request.options),
            deadline=moment(request.deadline) if request.HasField("deadline") else None,
            label=named(LABELS, request.label),
        )
        done = await self._conversing.send_notice(call, command)
        event = done.recorded[0].event
        return rpc.SendNoticeResponse(notice_id=event.notice_id, position=done.position)

    async def AcknowledgeNotice(
        self, request: rpc.AcknowledgeNoticeRequest, context: Context
    ) -> rpc.AcknowledgeNoticeResponse:
        call = context.call
        command = ask.AcknowledgeNotice(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            notice_id=request.notice_id,
            decision=request.decision,
            comment=request.comment,
        )
        done = await self._conversing.acknowledge_notice(call, command)
        return rpc.AcknowledgeNoticeResponse(position=done.position)

    async def SendEnquiry(self, request: rpc.SendEnquiryRequest, context: Context) -> rpc.SendEnquiryResponse:
        call = context.call
        command = ask.SendEnquiry(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            detection_id=request.detection_id,
            case_id=request.case_id if request.HasField("case_id") else None,
            recipient_principal_id=request.recipient_principal_id,
            channel=request.channel,
            question=request.question,
            deadline=moment(request.deadline),
            label=named(LABELS, request.label),
        )
        done = await self._conversing.send_enquiry(call, command)
        event = done.recorded[0].event
        return rpc.SendEnquiryResponse(enquiry_id=event.enquiry_id, position=done.position)

    async def AnswerEnquiry(self, request: rpc.AnswerEnquiryRequest, context: Context) -> rpc.AnswerEnquiryResponse:
        call = context.call
        command = ask.AnswerEnquiry(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            enquiry_id=request.enquiry_id,
            expected=request.expected,
            comment=request.comment,
        )
        done = await self._conversing.answer_enquiry(call, command)
        return rpc.AnswerEnquiryResponse(position=done.position)

    async def CloseCase(self, request: rpc.CloseCaseRequest, context: Context) -> rpc.CloseCaseResponse:
        call = context.call
        command = ask.CloseCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            outcome=request.outcome,
            root_cause=request.root_cause,
            cause_addressed=request.cause_addressed,
            lessons=request.lessons,
            recommendation=request.recommendation,
            no_recommendation_reason=request.no_recommendation_reason,
        )
        done = await self._cases.close_case(call, command)
        return rpc.CloseCaseResponse(position=done.position)

    async def ReopenCase(self, request: rpc.ReopenCaseRequest, context: Context) -> rpc.ReopenCaseResponse:
        call = context.call
        command = ask.ReopenCase(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=request.case_id,
            reason=request.reason,
        )
        done = await self._cases.reopen_case(call, command)
        return rpc.ReopenCaseResponse(position=done.position)

    async def SignPreauthorisation(
        self, request: rpc.SignPreauthorisationRequest, context: Context
    ) -> rpc.SignPreauthorisationResponse:
        call = context.call
        command = ask.SignPreauthorisation(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            actions=tuple(request.actions),
            groups=tuple(request.groups),
            charter_digest=request.charter_digest,
            expires_at=moment(request.expires_at),
        )
        done = await self._permitting.sign_preauthorisation(call, command)
        event = done.recorded[0].event
        return rpc.SignPreauthorisationResponse(preauthorisation_id=event.preauthorisation_id, position=done.position)

    async def RevokePreauthorisation(
        self, request: rpc.RevokePreauthorisationRequest, context: Context
    ) -> rpc.RevokePreauthorisationResponse:
        call = context.call
        command = ask.RevokePreauthorisation(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            preauthorisation_id=request.preauthorisation_id,
            reason=request.reason,
        )
        done = await self._permitting.revoke_preauthorisation(call, command)
        return rpc.RevokePreauthorisationResponse(position=done.position)
