"""What people keep from being raised, and the conditions of it as a batch is judged by them."""

from collections import OrderedDict

from contracts.calls import Call
from contracts.events.detections import SuppressionAdded
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.openings import Openings
from infra.event_store.repository import Loaded
from services.detections.application.aggregates import SUPPRESSIONS
from services.detections.domain import suppression
from services.detections.domain.commands import AddSuppression, LiftSuppression
from services.detections.domain.suppression import Condition, Hiding, Opened, Suppressions

MAX_OPENED = 20_000
"""Suppressions whose conditions are held opened, over all tenants."""


class Suppressing:
    def __init__(self, handler: CommandHandler, openings: Openings) -> None:
        self._handler, self._openings = handler, openings
        self._opened: OrderedDict[tuple[TenantId, str], Opened | None] = OrderedDict()

    async def add_suppression(self, call: Call, command: AddSuppression) -> tuple[str, Committed]:
        """The suppression's id with what was recorded."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(SUPPRESSIONS, suppression.stream_of(call.tenant_id))
            unit.append(loaded, suppression.add(loaded.state, call, command))

        return suppression.suppression_id_of(call), await self._handler.handle(call, command, work)

    async def lift_suppression(self, call: Call, command: LiftSuppression) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(SUPPRESSIONS, suppression.stream_of(call.tenant_id))
            unit.append(loaded, suppression.lift(loaded.state, call, command))

        return await self._handler.handle(call, command, work)

    async def hiding(self, call: Call, loaded: Loaded[Suppressions]) -> Hiding:
        """What hides at the time of the call. A condition whose value was erased can be met by nothing any more."""
        standing = loaded.state.at(call.now)
        opened = [await self._open(call.tenant_id, each) for each in standing]
        return Hiding(each for each in opened if each is not None)

    async def _open(self, tenant_id: TenantId, event: SuppressionAdded) -> Opened | None:
        key = (tenant_id, event.suppression_id)
        if key in self._opened:
            self._opened.move_to_end(key)
            return self._opened[key]
        values = await self._openings.open(tenant_id, [each.value for each in event.conditions])
        conditions: list[Condition] = []
        for each in event.conditions:
            value = values[each.value]
            if isinstance(value, str):
                conditions.append(Condition.of(each.field, each.operator, value))
        opened = (
            Opened(event.suppression_id, event.rule_id, tuple(conditions), event.starts_at, event.expires_at)
            if len(conditions) == len(event.conditions)
            else None
        )
        self._opened[key] = opened
        while len(self._opened) > MAX_OPENED:
            self._opened.popitem(last=False)
        return opened
