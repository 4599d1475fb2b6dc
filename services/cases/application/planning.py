"""Commands on plans: decide, reorder, approve, reject, release and complete steps."""

from contracts.calls import Call
from contracts.events.subjects import SubjectKind
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.aggregates import CASE, SUBJECTS
from services.cases.application.charters import Charters
from services.cases.application.grounds import (
    actions_of,
    assets_of,
    loaded_case,
    required_subject,
    standing_subjects,
)
from services.cases.application.qualifying import certified_for_step
from services.cases.domain import plan as deciding
from services.cases.domain.case import in_work
from services.cases.domain.commands import (
    ApprovePlan,
    CompleteStep,
    DecidePlan,
    RejectPlan,
    ReleaseStep,
    ReorderPlan,
)
from services.cases.domain.repertoire import PERSON
from services.cases.domain.ruling import Situation, rule
from services.cases.domain.subjects import still_stands
from services.cases.domain.tripwire import tripwire_hit
from services.cases.domain.who import Who


class Planning:
    def __init__(self, handler: CommandHandler, repository: Repository, charters: Charters) -> None:
        self._handler, self._repository, self._charters = handler, repository, charters

    async def tripwire_hit(self, tenant_id: TenantId, case_id: str, detection_id: str) -> str | None:
        """The tripwire of a case's plan that a detection hits, as things are; `decide_plan` has the last word."""
        case = (await self._repository.load(tenant_id, CASE, case_id)).state
        detection = (await self._repository.load(tenant_id, SUBJECTS[SubjectKind.DETECTION], detection_id)).state
        found = await self._charters.look_up(tenant_id)
        return tripwire_hit(found.force.charter, case, detection) if found else None

    async def decide_plan(self, call: Call, command: DecidePlan) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            in_work(case.state)
            cited, subjects = await standing_subjects(unit, case.state)
            found = await self._charters.in_force(unit)
            assets = await assets_of(unit, case.state.asset_ids)
            tripped = deciding.tripped_line(case.state, command, found.force.charter)
            situation = Situation(subjects, assets, call.now, command.desired_outcome, tripped)
            ruling = rule(found.force, situation)
            # What a policy decides never replaces a plan, least of all one that a person decided.
            if command.automatic and (case.state.plan is not None or not ruling.line.then.automatic):
                return
            unit.append(case, [deciding.decide_plan(case.state, command, cited, ruling)])

        return await self._handler.handle(call, command, work)

    async def reorder_plan(self, call: Call, command: ReorderPlan) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [deciding.reorder_plan(case.state, command)])

        return await self._handler.handle(call, command, work)

    async def approve_plan(self, call: Call, command: ApprovePlan) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            plan = deciding.current_plan(case.state, command.plan_id, command.digest)
            await standing_subjects(unit, case.state)
            found = await self._charters.in_force(unit)
            rules = found.force.charter.approvals
            deciding.under_charter(plan, found.force.digest)
            unit.append(case, [deciding.approve_plan(case.state, command, Who.of(call), rules)])

        return await self._handler.handle(call, command, work)

    async def reject_plan(self, call: Call, command: RejectPlan) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [deciding.reject_plan(case.state, command, Who.of(call))])

        return await self._handler.handle(call, command, work)

    async def release_step(self, call: Call, command: ReleaseStep) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, deciding.release_step(case.state, command, call.now))

        return await self._handler.handle(call, command, work)

    async def complete_step(self, call: Call, command: CompleteStep) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            plan = deciding.current_plan(case.state, command.plan_id)
            await standing_subjects(unit, case.state)
            step, line = deciding.step_of(plan, command.step_id), plan.decided.line
            # A connector's step was gated when it was dispatched; a process may note that it is done.
            if step.connector == PERSON:
                if step.active:
                    # A response, as a dispatch is: it rests on the verdict of the plan, not on any of the case's.
                    subject = await required_subject(unit, plan.subject.kind, plan.subject.id)
                    still_stands(subject.state, plan.subject)
                await certified_for_step(unit, self._repository, self._charters, line, step, Who.of(call))
            tried = [action for each, action in await actions_of(unit, plan) if each.step_id == command.step_id]
            verified = any(action.ever_effective for action in tried)
            event = deciding.complete_step(case.state, command, verified, Who.of(call), call.request_key)
            unit.append(case, [event])

        return await self._handler.handle(call, command, work)
