"""Commands on suggestions that two cases are parts of one attack."""

from collections.abc import Sequence

from contracts.calls import Call
from contracts.events.case_work import JoiningReason
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.cases.application.aggregates import SUGGESTION
from services.cases.application.grounds import loaded_case
from services.cases.application.merging import merge
from services.cases.domain import joining as deciding
from services.cases.domain.work_commands import AcceptLink, DeclineLink, MergeCase, SuggestLink


class Suggesting:
    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler

    async def suggest_link(self, call: Call, command: SuggestLink, reasons: Sequence[JoiningReason]) -> Committed:
        async def work(unit: Unit) -> None:
            identifier = deciding.suggestion_id_of(command.case_id, command.with_case_id)
            suggestion = await unit.load(SUGGESTION, identifier)
            case = await loaded_case(unit, command.case_id)
            other = await loaded_case(unit, command.with_case_id)
            unit.append(suggestion, deciding.suggest_link(suggestion.state, case.state, other.state, tuple(reasons)))

        return await self._handler.handle(call, command, work)

    async def accept_link(self, call: Call, command: AcceptLink) -> Committed:
        """The acceptance and the merge in one: neither is without the other."""

        async def work(unit: Unit) -> None:
            suggestion = await unit.load(SUGGESTION, command.suggestion_id)
            settled = deciding.pending(suggestion.state)
            first = await loaded_case(unit, settled.case_id)
            second = await loaded_case(unit, settled.with_case_id)
            accepted = deciding.accept_link(settled, first.state, second.state)
            merging = MergeCase(
                tenant_id=command.tenant_id,
                request_id=command.request_id,
                case_id=accepted.merged_case_id,
                into_case_id=accepted.into_case_id,
                reason=command.reason,
            )
            await merge(unit, merging)
            unit.append(suggestion, [accepted])

        return await self._handler.handle(call, command, work)

    async def decline_link(self, call: Call, command: DeclineLink) -> Committed:
        async def work(unit: Unit) -> None:
            suggestion = await unit.load(SUGGESTION, command.suggestion_id)
            unit.append(suggestion, [deciding.decline_link(suggestion.state, command)])

        return await self._handler.handle(call, command, work)
