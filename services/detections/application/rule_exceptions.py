"""What a tenant does without, as people decide it and as a batch is judged by it."""

from collections.abc import Callable, Sequence

from contracts.calls import Call
from contracts.events.base import Event
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.detections.application.aggregates import RULE_EXCEPTIONS, RULE_LIVES
from services.detections.domain import rule_exception, rule_life
from services.detections.domain.commands import (
    DisableRule,
    EnableRule,
    EndRuleException,
    ExceptRule,
    RenewRuleException,
)

Command = ExceptRule | RenewRuleException | EndRuleException | DisableRule | EnableRule
Decision = Callable[[rule_exception.RuleExceptions], Sequence[Event]]


class RuleExceptions:
    """Every batch is judged by, and appended under, the tenant's exceptions: what is decided holds at once."""

    def __init__(self, handler: CommandHandler, repository: Repository) -> None:
        self._handler, self._repository = handler, repository

    async def except_rule(self, call: Call, command: ExceptRule) -> tuple[str, Committed]:
        """The exception's id with what was recorded. Raises RuleUnknown, RuleRetired, RuleNotDeployed besides."""

        async def work(unit: Unit) -> None:
            sha256 = await self._at_work(command.rule_id)
            loaded = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id))
            unit.append(loaded, rule_exception.except_rule(loaded.state, call, command, sha256))

        return rule_exception.exception_id_of(call), await self._handler.handle(call, command, work)

    async def disable_rule(self, call: Call, command: DisableRule) -> tuple[str, Committed]:
        """The same for one that is disabled."""

        async def work(unit: Unit) -> None:
            sha256 = await self._at_work(command.rule_id)
            loaded = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id))
            unit.append(loaded, rule_exception.disable(loaded.state, call, command, sha256))

        return rule_exception.exception_id_of(call), await self._handler.handle(call, command, work)

    async def renew_rule_exception(self, call: Call, command: RenewRuleException) -> Committed:
        return await self._decided(call, command, lambda state: rule_exception.renew(state, call, command))

    async def end_rule_exception(self, call: Call, command: EndRuleException) -> Committed:
        return await self._decided(call, command, lambda state: rule_exception.end(state, call, command))

    async def enable_rule(self, call: Call, command: EnableRule) -> Committed:
        return await self._decided(call, command, lambda state: rule_exception.enable(state, call, command))

    async def _decided(self, call: Call, command: Command, decision: Decision) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id))
            unit.append(loaded, decision(loaded.state))

        return await self._handler.handle(call, command, work)

    async def _at_work(self, rule_id: str) -> str:
        """The text that runs for all tenants. Raises RuleUnknown, RuleRetired, RuleNotDeployed."""
        lives = await self._repository.load(PROVIDER, RULE_LIVES, rule_life.STREAM)
        return lives.state.at_work(rule_id)
