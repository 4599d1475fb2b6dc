"""The intent is on record: now the order goes out, its effect is looked at, and both outcomes are recorded."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded
from contracts.events.cases import ActionDispatched
from contracts.ids import TenantId
from infra.read_database.policies import Activation, Origin, Policy
from infra.read_database.reader.conditions import ascending, equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.application.outbox import Intent, TakesIntents, Unfinished
from services.cases.projections import ACTIONS


class SendActionWhenDispatched(Policy):
    ID = "send_action_when_dispatched"
    TOPICS = frozenset({ActionDispatched})
    ACTIVATION = Activation.START

    def __init__(self, outbox: TakesIntents) -> None:
        self._outbox = outbox

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        event: ActionDispatched = recorded.event
        call = origin.call()
        await self._outbox.take(Intent(recorded.tenant_id, event.action_id, call.trace_parent, call.correlation_id))


def unfinished_actions(reader: Reader) -> Unfinished:
    async def unfinished(tenants: Sequence[TenantId], limit: int) -> Sequence[Intent]:
        order = [ascending("first_position")]
        page = await ACTIONS.list(reader, tenants, [equal("unfinished", True)], order, PageRequest(limit))
        return [
            Intent(item.tenant_id, item.key, item.document.trace_parent, item.document.correlation_id)
            for item in page.items
        ]

    return unfinished
