"""Deciding, reordering, approving and following a plan, and what stands between a step and its dispatch."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from contracts.canonical import digest
from contracts.events.base import Sealed
from contracts.events.cases import (
    Authority,
    Mode,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    Step,
    StepCompleted,
    StepReleased,
)
from contracts.events.subjects import SubjectRef
from contracts.ids import derive_id
from services.cases.domain.case import Case, GivenApproval, Plan, in_work
from services.cases.domain.charter import Approvals, Charter
from services.cases.domain.commands import (
    ApprovePlan,
    CompleteStep,
    DecidePlan,
    RejectPlan,
    ReleaseStep,
    ReorderPlan,
)
from services.cases.domain.errors import (
    ActionNotVerified,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalNotNeeded,
    CaseTooLarge,
    CharterChanged,
    InvestigateOnly,
    PlanChanged,
    PlanRejectedByCustomer,
    PlanUnknown,
    RingNotHealthy,
    SamePerson,
    SelfApproval,
    StepAlreadyDone,
    StepOrder,
    StepUnknown,
    TripwireUnknown,
)
from services.cases.domain.repertoire import PERSON
from services.cases.domain.ruling import OBSERVE_DEADLINE, Ruling, needs_customer
from services.cases.domain.who import Who, customers_person, sealed_evidence

MAX_PLANS = 50
"""Most plans that one case can have had."""


def plan_digest(case_id: str, subject: SubjectRef, mode: Mode, steps: tuple[Step, ...]) -> str:
    """SHA-256 over everything that an approval speaks of, in the order of the steps."""
    validation = [subject.kind.value, subject.id, subject.validation_position]
    return digest([case_id, validation, mode.value, [step.model_dump(mode="json") for step in steps]])


def tripped_line(case: Case, command: DecidePlan, charter: Charter) -> str | None:
    """The line that a hit tripwire leads to; None when none is claimed. Raises TripwireUnknown."""
    if not command.tripwire:
        return None
    plan = current(in_work(case))
    if command.plan_id and command.plan_id != plan.plan_id:
        raise PlanChanged("The plan that observed was replaced.", metadata={"plan_id": plan.plan_id})
    line = charter.line(plan.decided.line.line)
    observe = line.then.observe if line else None
    if observe is None or command.tripwire not in (*observe.tripwires, OBSERVE_DEADLINE):
        raise TripwireUnknown("The present plan has no such tripwire.", metadata={"tripwire": command.tripwire})
    return observe.then


def decide_plan(case: Case, command: DecidePlan, subject: SubjectRef, ruling: Ruling) -> PlanDecided:
    """A new plan, which replaces the one before with all its approvals. Raises CaseTooLarge."""
    if len(in_work(case).every_plan) >= MAX_PLANS:
        raise CaseTooLarge(f"A case holds at most {MAX_PLANS} plans.")
    plan_id = derive_id("plan", case.case_id, len(case.every_plan) + 1)
    return PlanDecided(
        case_id=case.case_id,
        plan_id=plan_id,
        digest=plan_digest(case.case_id, subject, ruling.mode, ruling.steps),
        subject=subject,
        mode=ruling.mode,
        steps=ruling.steps,
        desired_outcome=ruling.line.outcome,
        line=ruling.cited,
        precedence=ruling.precedence,
        why=ruling.why,
        observe_until=ruling.observe_until,
        seen=command.seen,
    )


def current(case: Case) -> Plan:
    if case.plan is None:
        raise PlanUnknown("No plan has been decided for this case.")
    return case.plan


def current_plan(case: Case, plan_id: str, plan_digest: str | None = None) -> Plan:
    """The plan that a command speaks of. Raises PlanUnknown, PlanChanged, PlanRejectedByCustomer."""
    plan = current(in_work(case))
    if plan.plan_id != plan_id or (plan_digest is not None and plan.digest != plan_digest):
        raise PlanChanged(
            "The plan is another one by now; look at it again.",
            metadata={"plan_id": plan.plan_id, "digest": plan.digest},
        )
    if plan.rejected:
        raise PlanRejectedByCustomer("The customer rejected this plan; decide another one.")
    return plan


def under_charter(plan: Plan, digest_in_force: str) -> None:
    """Raises CharterChanged when another charter is in force than the one that the plan was decided under."""
    if plan.decided.line.digest != digest_in_force:
        raise CharterChanged("Another charter is in force since the plan was decided; decide it again.")


def step_of(plan: Plan, step_id: str) -> Step:
    for step in plan.steps:
        if step.step_id == step_id:
            return step
    raise StepUnknown("The plan has no such step.", metadata={"step_id": step_id})


def reorder_plan(case: Case, command: ReorderPlan) -> PlanReordered:
    """Raises StepOrder unless the order names each step once and every step after what it waits for."""
    plan = current_plan(case, command.plan_id, command.digest)
    by_id = {step.step_id: step for step in plan.steps}
    if sorted(command.order) != sorted(by_id):
        raise StepOrder("The order has to name each step of the plan once.")
    seen: set[str] = set()
    for step_id in command.order:
        early = [name for name in by_id[step_id].after if name not in seen]
        if early:
            raise StepOrder(
                f"The step {step_id} would come before {early[0]}, which it waits for.",
                metadata={"step_id": step_id, "after": early[0]},
            )
        seen.add(step_id)
    steps = tuple(by_id[step_id] for step_id in command.order)
    return PlanReordered(
        case_id=case.case_id,
        plan_id=plan.plan_id,
        # The order is part of what was approved: the digest is another one, even if nothing else differs.
        digest=plan_digest(case.case_id, plan.subject, plan.mode, steps),
        order=command.order,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )


def approve_plan(case: Case, command: ApprovePlan, who: Who, rules: Approvals) -> PlanApproved:
    """One person's word. Raises SelfApproval, SamePerson, NotACustomersPerson, StepUpRequired, ApprovalNotNeeded."""
    plan = current_plan(case, command.plan_id, command.digest)
    customers_person(who, acr=rules.acr)
    if who.id in plan.requesters:
        raise SelfApproval("Whoever asked for the plan cannot approve it.")
    step_ids = command.step_ids or tuple(step.step_id for step in plan.steps if _can_be_approved(step))
    if not step_ids or not all(_can_be_approved(step_of(plan, step_id)) for step_id in step_ids):
        raise ApprovalNotNeeded("These steps need no customer's approval.")
    standing = [given for given in plan.approvals if given.person == who.id and given.expires_at > who.now]
    if set(step_ids) <= {step_id for given in standing for step_id in given.step_ids}:
        raise SamePerson("This person has approved these steps already; a second person is needed.")
    return PlanApproved(
        case_id=case.case_id,
        plan_id=plan.plan_id,
        digest=plan.digest,
        step_ids=step_ids,
        acr=who.authentication.acr,
        amr=who.authentication.amr,
        auth_time=who.authentication.auth_time,
        expires_at=who.now + timedelta(minutes=rules.valid_minutes),
        seen=command.seen,
    )


def _can_be_approved(step: Step) -> bool:
    """A pre-authorised step can be approved as well, for when no pre-authorisation covers it."""
    return needs_customer(step) or step.authority is Authority.PREAUTHORISED


def reject_plan(case: Case, command: RejectPlan, who: Who) -> PlanRejected:
    plan = current_plan(case, command.plan_id, command.digest)
    customers_person(who)
    return PlanRejected(
        case_id=case.case_id,
        plan_id=plan.plan_id,
        digest=plan.digest,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )


def release_step(case: Case, command: ReleaseStep, now: datetime) -> list[StepReleased]:
    """Raises InvestigateOnly before the time that the step waits for."""
    plan = current_plan(case, command.plan_id)
    if command.step_id in plan.released:
        return []
    step = step_of(plan, command.step_id)
    if step.not_before is not None and now < step.not_before:
        raise InvestigateOnly("The step's time has not come.", metadata={"not_before": step.not_before.isoformat()})
    return [StepReleased(case_id=case.case_id, plan_id=plan.plan_id, step_id=step.step_id)]


def complete_step(case: Case, command: CompleteStep, verified: bool, who: Who, request_key: str) -> StepCompleted:
    """Raises StepOrder, RingNotHealthy, ActionNotVerified. `verified`: the step's action was observed to work."""
    plan = current_plan(case, command.plan_id)
    step = step_of(plan, command.step_id)
    in_order(plan, step)
    if step.connector != PERSON and not verified:
        raise ActionNotVerified("The step's action was not observed to work; a receipt or a rehearsal does not count.")
    if step.connector == PERSON and needs_customer(step):
        standing_approvals(plan, step, who)
    if step.not_before is not None and who.now < step.not_before:
        raise InvestigateOnly(
            "The step waits for its service window.", metadata={"not_before": step.not_before.isoformat()}
        )
    return StepCompleted(
        case_id=case.case_id,
        plan_id=plan.plan_id,
        step_id=step.step_id,
        result=Sealed.of(command.result, subject=case.case_id),
        evidence=sealed_evidence(command.evidence, subject=case.case_id, request_key=request_key),
    )


def in_order(plan: Plan, step: Step) -> None:
    """Raises StepAlreadyDone, RingNotHealthy for a rollout, StepOrder for whatever else must come before."""
    if step.step_id in plan.completed:
        raise StepAlreadyDone("The step is done.", metadata={"step_id": step.step_id})
    if step.ring is not None:
        for earlier in plan.steps:
            if earlier.ring is not None and earlier.ring < step.ring and earlier.step_id not in plan.completed:
                raise RingNotHealthy(
                    f"Ring {earlier.ring} is not verified as healthy.",
                    metadata={"ring": str(earlier.ring), "step_id": earlier.step_id},
                )
    for name in step.after:
        if name not in plan.completed:
            raise StepOrder(
                f"The step {name} has to be done before.", metadata={"step_id": step.step_id, "after": name}
            )


def is_next(plan: Plan, step: Step, now: datetime) -> bool:
    """Whether a pre-authorised step is the next to be dispatched without anybody's further word."""
    if step.authority is not Authority.PREAUTHORISED or (step.not_before is not None and now < step.not_before):
        return False
    try:
        in_order(plan, step)
    except (StepAlreadyDone, StepOrder, RingNotHealthy):
        return False
    return True


def standing_approvals(plan: Plan, step: Step, who: Who) -> tuple[int, ...]:
    """The positions of the approvals that allow a step now. Raises ApprovalExpired, ApprovalMissing."""
    needed = 2 if step.authority is Authority.TWO_PERSONS else 1
    given = [approval for approval in plan.approvals if step.step_id in approval.step_ids]
    standing = _one_per_person(approval for approval in given if approval.expires_at > who.now)
    if len(standing) >= needed:
        return tuple(sorted(approval.position for approval in standing.values()))
    if len(_one_per_person(given)) >= needed:
        raise ApprovalExpired("The approval has expired; it has to be given again.", metadata={"step_id": step.step_id})
    raise ApprovalMissing(
        f"The step needs the word of {needed} of the customer's persons and has {len(standing)}.",
        metadata={"step_id": step.step_id, "needed": str(needed), "given": str(len(standing))},
    )


def _one_per_person(approvals: Iterable[GivenApproval]) -> Mapping[str, GivenApproval]:
    return {approval.person: approval for approval in approvals}
