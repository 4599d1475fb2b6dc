"""Commands on actions: dispatch, what the receiver said, verify, expire, reverse, cancel."""

from collections.abc import Callable
from datetime import datetime

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.aggregates import ACTION, ASSET, CASE, PREAUTHORISATION
from services.cases.application.charters import Charters
from services.cases.application.grounds import actions_of, attempts_of, loaded_case, required_subject
from services.cases.application.qualifying import certified_for_step
from services.cases.connectors.registry import Connectors
from services.cases.domain import action as deciding
from services.cases.domain import action_end
from services.cases.domain.commands import (
    AcknowledgeAction,
    CancelActions,
    DispatchAction,
    ExpireAction,
    LoseAction,
    RefuseAction,
    ReverseAction,
    SettleReversal,
    VerifyAction,
)
from services.cases.domain.errors import ActionState, NotValidated, ValidationWithdrawn
from services.cases.domain.plan import current_plan, is_next, step_of
from services.cases.domain.preauthorisation import book_of
from services.cases.domain.repertoire import PERSON
from services.cases.domain.subjects import still_stands
from services.cases.domain.who import Who


class Acting:
    def __init__(
        self,
        handler: CommandHandler,
        repository: Repository,
        charters: Charters,
        connectors: Connectors,
        clock: Callable[[], datetime],
    ) -> None:
        self._handler, self._repository, self._clock = handler, repository, clock
        self._charters, self._connectors = charters, connectors

    async def dispatch_action(self, call: Call, command: DispatchAction) -> Committed:
        """Records the intent; a policy sends it. The connector's health is looked at before the decision."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            plan = current_plan(case.state, command.plan_id)
            subject = await required_subject(unit, plan.subject.kind, plan.subject.id)
            step = step_of(plan, command.step_id)
            found = await self._charters.in_force(unit)
            line, who = plan.decided.line, Who.of(call)
            await certified_for_step(unit, self._repository, self._charters, line, step, who)
            target = await unit.load(ASSET, step.target_asset_id or "")
            book = await unit.load(PREAUTHORISATION, book_of(command.tenant_id))
            identifiers = [
                deciding.action_id_of(plan.plan_id, step.step_id, number) for number in range(1, command.attempt + 1)
            ]
            attempts = await attempts_of(unit, identifiers)
            # Neither the plan nor the permission nor the asset may change under the decision.
            for loaded in (case, target, book):
                unit.require(loaded)
            healthy, rehearsal = await self._connector(command, step.connector)
            around = deciding.Surroundings(
                subject.state,
                found.force,
                book.state,
                target.state,
                [attempt.state for attempt in attempts],
                healthy,
                rehearsal,
            )
            unit.append(attempts[-1], [deciding.dispatch_action(case.state, command, who, around)])

        return await self._handler.handle(call, command, work)

    async def automatic_steps(self, tenant_id: TenantId, case_id: str) -> tuple[str, list[tuple[int, str]]]:
        """The plan, and the place and name of each pre-authorised step that only its permission stands before.

        A look at the present, not a decision: whether each may be dispatched is for `dispatch_action` to say.
        """
        case = (await self._repository.load(tenant_id, CASE, case_id)).state
        plan = case.plan
        if plan is None or plan.rejected or not case.open:
            return "", []
        now = self._clock()
        candidates = [(place, step) for place, step in enumerate(plan.steps) if is_next(plan, step, now)]
        untried = [
            (place, step.step_id)
            for place, step in candidates
            if not (await self._attempt(tenant_id, plan.plan_id, step.step_id)).exists
        ]
        return plan.plan_id, untried

    async def _attempt(self, tenant_id: TenantId, plan_id: str, step_id: str) -> deciding.Action:
        identifier = deciding.action_id_of(plan_id, step_id, 1)
        return (await self._repository.load(tenant_id, ACTION, identifier)).state

    async def action_of(self, tenant_id: TenantId, action_id: str) -> deciding.Action:
        return (await self._repository.load(tenant_id, ACTION, action_id)).state

    async def _connector(self, command: DispatchAction | ReverseAction, name: str) -> tuple[bool, bool]:
        if name == PERSON:
            return True, False
        connector = self._connectors.get(command.tenant_id, name)
        return await connector.healthy(), connector.rehearsal

    async def acknowledge_action(self, call: Call, command: AcknowledgeAction) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            unit.append(action, deciding.acknowledge(action.state, command.receipt))

        return await self._handler.handle(call, command, work)

    async def refuse_action(self, call: Call, command: RefuseAction) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            unit.append(action, deciding.refuse(action.state, command))

        return await self._handler.handle(call, command, work)

    async def lose_action(self, call: Call, command: LoseAction) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            unit.append(action, deciding.lose(action.state, command.reason))

        return await self._handler.handle(call, command, work)

    async def verify_action(self, call: Call, command: VerifyAction) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            unit.append(action, [deciding.verify_action(action.state, command, call.request_key)])

        return await self._handler.handle(call, command, work)

    async def expire_action(self, call: Call, command: ExpireAction) -> Committed:
        """The end of an action's time and the dispatch of its reverse, in one: neither is without the other."""

        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            ended = action_end.expire(action.state, call.now)
            unit.append(action, ended)
            if ended:
                reverse = await unit.load(ACTION, deciding.reverse_id_of(command.action_id, 1))
                if not reverse.state.exists:
                    # An unhealthy connector does not keep the reverse from being due: sending it is tried, and a person
                    # is called when that fails.
                    event = action_end.reverse_action(action.state, [reverse.state], 1, connector_healthy=True)
                    unit.append(reverse, [event])

        return await self._handler.handle(call, command, work)

    async def reverse_action(self, call: Call, command: ReverseAction) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            intent = deciding.known_action(action.state)
            unit.require(action)
            identifiers = [
                deciding.reverse_id_of(command.action_id, number) for number in range(1, command.attempt + 1)
            ]
            earlier = await attempts_of(unit, identifiers)
            healthy, rehearsal = await self._connector(command, intent.connector)
            if rehearsal:
                raise ActionState("The connector only rehearses now; nothing can be reversed through it.")
            states = [attempt.state for attempt in earlier]
            event = action_end.reverse_action(action.state, states, command.attempt, connector_healthy=healthy)
            unit.append(earlier[-1], [event])

        return await self._handler.handle(call, command, work)

    async def settle_reversal(self, call: Call, command: SettleReversal) -> Committed:
        async def work(unit: Unit) -> None:
            action = await unit.load(ACTION, command.action_id)
            reverse = await unit.load(ACTION, command.by_action_id)
            unit.append(action, action_end.settle_reversal(action.state, reverse.state))

        return await self._handler.handle(call, command, work)

    async def cancel_actions(self, call: Call, command: CancelActions) -> Committed:
        """Cancels what is not dispatched, if the verdict that the plan rests on really does not stand any more."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            plan = case.state.plan
            if plan is None:
                return
            try:
                subject = await required_subject(unit, plan.subject.kind, plan.subject.id)
                still_stands(subject.state, plan.subject)
            except (NotValidated, ValidationWithdrawn):
                for step, event in action_end.cancel_actions(case.state, await actions_of(unit, plan)):
                    loaded = await unit.load(ACTION, deciding.action_id_of(plan.plan_id, step.step_id, 1))
                    unit.append(loaded, [event])

        return await self._handler.handle(call, command, work)
