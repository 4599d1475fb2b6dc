"""Ending a rule for all tenants, and taking it up again, in the provider's ledger."""

from collections.abc import Awaitable, Callable

from contracts.calls import Call
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.detections.application.aggregates import RULE_LIVES
from services.detections.application.deployed_rules import DeployedRules
from services.detections.domain import rule_life
from services.detections.domain.commands import ReinstateRule, RetireRule


class RuleLives:
    """On return this process runs what was decided; other processes follow within seconds."""

    def __init__(self, handler: CommandHandler, deployed: DeployedRules) -> None:
        self._handler, self._deployed = handler, deployed

    async def retire_rule(self, call: Call, command: RetireRule) -> Committed:
        async def work(unit: Unit) -> None:
            lives = await unit.load(RULE_LIVES, rule_life.STREAM)
            await self._deployed.catch_up()
            referring = self._deployed.referring(command.rule_id)
            unit.append(lives, rule_life.retire(lives.state, command, referring))

        return await self._carried_out(call, command, work)

    async def reinstate_rule(self, call: Call, command: ReinstateRule) -> Committed:
        async def work(unit: Unit) -> None:
            lives = await unit.load(RULE_LIVES, rule_life.STREAM)
            held = await self._deployed.held()
            unit.append(lives, rule_life.reinstate(lives.state, command, held))

        return await self._carried_out(call, command, work)

    async def _carried_out(
        self, call: Call, command: RetireRule | ReinstateRule, work: Callable[[Unit], Awaitable[None]]
    ) -> Committed:
        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        await self._deployed.catch_up()
        return committed
