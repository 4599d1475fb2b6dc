"""What every example does: validate, open, decide, approve, dispatch, verify, tell, close; each step read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as detections
from tenet.detections.v1 import detections_read_pb2 as detections_read
from tenet.detections.v1 import detections_write_pb2 as detections_write

from infra.cli.demo.stage import Stage, StoryBroken
from infra.cli.words import timestamp

ANALYST = "ana"
FAILED = frozenset(
    {pb.ACTION_STATUS_REFUSED, pb.ACTION_STATUS_LOST, pb.ACTION_STATUS_VERIFICATION_FAILED, pb.ACTION_STATUS_CANCELLED}
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What an incident notice tells."""

    recipient: str
    channel: str
    what: str
    where: str
    when: str
    options: tuple[str, ...]
    evidence: str


async def queue(stage: Stage, tenant_id: str, at_least: int) -> list[detections.TriageItem]:
    """The tenant's triage queue, once it holds so many."""

    async def look() -> list[detections.TriageItem] | None:
        request = detections_read.ListTriageQueueRequest(tenant_ids=[tenant_id])
        items = (await stage.ask(ANALYST, request, detections_read.ListTriageQueueResponse)).items
        return list(items) if len(items) >= at_least else None

    return await stage.until(f"{at_least} detections in the queue of {tenant_id}", look)


async def claim(stage: Stage, tenant_id: str, detection_id: str) -> None:
    request = detections_write.ClaimDetectionRequest(tenant_id=tenant_id, detection_id=detection_id)
    await stage.ask(ANALYST, request, detections_write.ClaimDetectionResponse)


async def validate(
    stage: Stage,
    tenant_id: str,
    detection_id: str,
    verdict: "common.Verdict.ValueType",
    rationale: str,
    *,
    duplicate_of: str | None = None,
    evidence: Sequence[common.EvidenceInput] = (),
) -> int:
    """A person looks and judges; what was shown to her is recorded with the verdict. Returns its position."""
    shown = await stage.ask(
        ANALYST,
        detections_read.GetDetectionRequest(tenant_id=tenant_id, detection_id=detection_id),
        detections_read.GetDetectionResponse,
    )
    request = detections_write.ValidateDetectionRequest(
        tenant_id=tenant_id,
        detection_id=detection_id,
        verdict=verdict,
        confidence_percent=90,
        rationale=rationale,
        evidence=evidence,
        seen=[shown.sight],
        duplicate_of=duplicate_of,
    )
    return (await stage.ask(ANALYST, request, detections_write.ValidateDetectionResponse)).position


def observed_at(action: pb.Action) -> int:
    """The entry that says that the action's effect was read back: what a verified fix can rest on."""
    return next(stage.stamp.position for stage in action.stages if stage.event == "ActionVerified")


class Casework:
    """One case, worked by the analyst."""

    def __init__(self, stage: Stage, tenant_id: str, case_id: str) -> None:
        self.stage, self.tenant_id, self.case_id = stage, tenant_id, case_id

    @classmethod
    async def of_subject(cls, stage: Stage, tenant_id: str, subject_id: str) -> "Casework":
        """The case that a policy opened for a validated subject."""

        async def look() -> pb.Case | None:
            request = read.ListCasesRequest(tenant_ids=[tenant_id])
            found = await stage.ask(ANALYST, request, read.ListCasesResponse)
            return next((case for case in found.cases if any(s.id == subject_id for s in case.subjects)), None)

        case = await stage.until(f"the case of {subject_id}", look)
        return cls(stage, tenant_id, case.case_id)

    async def look(self) -> read.GetCaseResponse:
        request = read.GetCaseRequest(tenant_id=self.tenant_id, case_id=self.case_id)
        return await self.stage.ask(ANALYST, request, read.GetCaseResponse)

    async def decide(self) -> pb.Plan:
        """The analyst decides the plan that the charter gives."""
        seen = (await self.look()).sight
        request = write.DecidePlanRequest(tenant_id=self.tenant_id, case_id=self.case_id, seen=[seen])
        return (await self.stage.ask(ANALYST, request, write.DecidePlanResponse)).plan

    async def plan(self) -> pb.Plan:
        """The plan, once it is decided: by a policy where the charter says so."""

        async def look() -> pb.Plan | None:
            case = (await self.look()).case
            return case.plan if case.HasField("plan") else None

        return await self.stage.until("the plan", look)

    async def step(self, step_id: str, *statuses: "pb.StepStatus.ValueType") -> pb.Step:
        """The step, once it is in one of these states."""

        async def look() -> pb.Step | None:
            plan = (await self.look()).case.plan
            return next((s for s in plan.steps if s.step_id == step_id and s.status in statuses), None)

        return await self.stage.until(f"step {step_id}", look)

    async def dispatch_request(self, step_id: str, attempt: int = 1) -> write.DispatchActionRequest:
        plan = await self.plan()
        return write.DispatchActionRequest(
            tenant_id=self.tenant_id,
            case_id=self.case_id,
            plan_id=plan.plan_id,
            step_id=step_id,
            attempt=attempt,
        )

    async def dispatch(self, step_id: str, attempt: int = 1) -> pb.Action:
        """Dispatches a step and waits for its effect to be read back. Raises StoryBroken when it does not show."""
        answer = await self.stage.ask(
            ANALYST, await self.dispatch_request(step_id, attempt), write.DispatchActionResponse
        )
        return await self.verified(step_id, answer.action_id)

    async def verified(self, step_id: str, action_id: str) -> pb.Action:
        """The action, once its effect was read back and its step is done."""
        action = await self.settled(action_id)
        if action.status != pb.ACTION_STATUS_VERIFIED:
            raise StoryBroken(f"the action of {step_id} ended as {pb.ActionStatus.Name(action.status)}")
        if not action.reverses_action_id:
            await self.step(step_id, pb.STEP_STATUS_DONE)
        return action

    async def automatic(self, step_id: str) -> pb.Action:
        """The action that a policy dispatched for a pre-authorised step, once it is settled."""

        async def look() -> str | None:
            plan = (await self.look()).case.plan
            return next((s.action_id for s in plan.steps if s.step_id == step_id and s.action_id), None)

        return await self.settled(await self.stage.until(f"the dispatch of {step_id}", look))

    async def settled(self, action_id: str) -> pb.Action:
        """The action, once it is verified, or has come to nothing."""

        async def look() -> pb.Action | None:
            request = read.GetActionRequest(tenant_id=self.tenant_id, action_id=action_id)
            action = (await self.stage.ask(ANALYST, request, read.GetActionResponse)).action
            done = FAILED | {pb.ACTION_STATUS_VERIFIED, pb.ACTION_STATUS_REVERSED}
            return action if action.status in done else None

        return await self.stage.until(f"the outcome of {action_id}", look)

    async def complete(self, step_id: str, result: str) -> None:
        plan = await self.plan()
        request = write.CompleteStepRequest(
            tenant_id=self.tenant_id, case_id=self.case_id, plan_id=plan.plan_id, step_id=step_id, result=result
        )
        await self.stage.ask(ANALYST, request, write.CompleteStepResponse)

    async def approval(self, step_ids: Sequence[str] = ()) -> write.ApprovePlanRequest:
        """What a person of the customer sends to approve exactly the plan that is shown now."""
        shown = await self.look()
        plan = shown.case.plan
        return write.ApprovePlanRequest(
            tenant_id=self.tenant_id,
            case_id=self.case_id,
            plan_id=plan.plan_id,
            digest=plan.digest,
            step_ids=step_ids,
            seen=[shown.sight],
        )

    async def approve(self, who: str, step_ids: Sequence[str] = ()) -> None:
        await self.stage.ask(who, await self.approval(step_ids), write.ApprovePlanResponse)

    async def reverse(self, action_id: str) -> pb.Action:
        """Ends an action's effect and waits until that is read back, and recorded."""
        request = write.ReverseActionRequest(tenant_id=self.tenant_id, action_id=action_id)
        answer = await self.stage.ask(ANALYST, request, write.ReverseActionResponse)
        await self.verified("", answer.action_id)

        async def look() -> pb.Action | None:
            asked = read.GetActionRequest(tenant_id=self.tenant_id, action_id=action_id)
            action = (await self.stage.ask(ANALYST, asked, read.GetActionResponse)).action
            return action if action.status == pb.ACTION_STATUS_REVERSED else None

        return await self.stage.until(f"the end of {action_id}", look)

    def notice(self, notice: Notice) -> write.SendNoticeRequest:
        return write.SendNoticeRequest(
            tenant_id=self.tenant_id,
            case_id=self.case_id,
            channel=notice.channel,
            recipient_principal_id=self.stage.principals[notice.recipient],
            what=notice.what,
            where=notice.where,
            when=notice.when,
            options=notice.options,
            evidence=[common.EvidenceInput(label=common.LABEL_AMBER, summary=notice.evidence)],
            deadline=timestamp(datetime.now(UTC) + timedelta(hours=4)),
            label=common.LABEL_AMBER,
        )

    async def tell(self, notice: Notice, decision: str) -> None:
        """Sends a notice; its recipient reads it and decides."""
        sent = await self.stage.ask(ANALYST, self.notice(notice), write.SendNoticeResponse)
        request = write.AcknowledgeNoticeRequest(
            tenant_id=self.tenant_id, notice_id=sent.notice_id, decision=decision, comment="Read and understood."
        )
        await self.stage.ask(notice.recipient, request, write.AcknowledgeNoticeResponse)

    def closing(self, root_cause: str, lessons: str, recommendation: str) -> write.CloseCaseRequest:
        return write.CloseCaseRequest(
            tenant_id=self.tenant_id,
            case_id=self.case_id,
            outcome="resolved",
            root_cause=root_cause,
            cause_addressed=True,
            lessons=lessons,
            recommendation=recommendation,
        )

    async def close(self, root_cause: str, lessons: str, recommendation: str) -> None:
        await self.stage.ask(ANALYST, self.closing(root_cause, lessons, recommendation), write.CloseCaseResponse)
