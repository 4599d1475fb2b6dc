"""Getting an order to its receiver, and observing its effect by another path. Nothing here decides or records."""

import asyncio
from dataclasses import dataclass

from contracts.canonical import canonical
from contracts.events.cases import ActionDispatched
from contracts.ids import TenantId
from infra.event_store.openings import Erased, Openings
from services.cases.connectors.port import Acknowledged, Connector, NotSeen, Order, Refused, Unknown
from services.cases.connectors.registry import Connectors
from services.cases.domain.repertoire import Deed, deed_of

SEND_PAUSES_SECONDS = (0.2, 1.0)
"""Before each further try to learn what became of an order. After the last one its outcome counts as unknown."""
READ_PAUSES_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Before each look at the target's state. An effect that does not show after the last one is not verified."""


@dataclass(frozen=True, slots=True)
class Observation:
    effective: bool
    summary: str
    """What was seen, as canonical JSON."""
    reason: str


class Delivery:
    def __init__(self, openings: Openings, connectors: Connectors) -> None:
        self._openings, self._connectors = openings, connectors

    async def deliver(self, tenant_id: TenantId, intent: ActionDispatched) -> Acknowledged | Refused | Unknown:
        """Hands the order over once. Safe to call again after a crash.

        The receiver is asked first, every time: an earlier try of this very call may have got through. The order goes
        out only after the receiver itself has said that it never saw it, and it carries the receiver's key against a
        second effect for the try that may still be on its way.
        """
        connector = self._connectors.get(tenant_id, intent.connector)
        order = await self._order(tenant_id, intent)
        if order is None:
            return Refused("TARGET_ERASED", "The target's identifier was erased before the order was sent.")
        reason = "NO_ANSWER"
        for pause in (0.0, *SEND_PAUSES_SECONDS):
            await asyncio.sleep(pause)
            answer = await _ask_then_send(connector, order)
            if not isinstance(answer, Unknown):
                return answer
            reason = answer.reason
        return Unknown(reason)

    async def observe(self, tenant_id: TenantId, intent: ActionDispatched) -> Observation:
        """Looks at the target's state by the reading path until the effect shows, or for as long as it may take."""
        connector = self._connectors.get(tenant_id, intent.connector)
        order, deed = await self._order(tenant_id, intent), _deed(intent)
        if order is None:
            return Observation(False, "{}", "TARGET_ERASED")
        name, wanted = deed.effect
        seen: str | None = None
        reason = "NO_EFFECT"
        for pause in READ_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            state = await connector.read_back(order.target)
            if isinstance(state, Unknown):
                reason = f"NO_READ_BACK {state.reason}"
                continue
            seen, reason = state.get(name), "NO_EFFECT"
            if seen == wanted:
                return Observation(True, _shown(name, wanted, seen), "")
        return Observation(False, _shown(name, wanted, seen), reason)

    async def _order(self, tenant_id: TenantId, intent: ActionDispatched) -> Order | None:
        target = (await self._openings.open(tenant_id, [intent.target]))[intent.target]
        if isinstance(target, Erased):
            return None
        return Order(
            intent.action_id,
            tenant_id,
            intent.action,
            intent.argument,
            target,
            _deed(intent).account,
            intent.expires_at,
        )


async def _ask_then_send(connector: Connector, order: Order) -> Acknowledged | Refused | Unknown:
    known = await connector.find(order)
    return await connector.send(order) if isinstance(known, NotSeen) else known


def _deed(intent: ActionDispatched) -> Deed:
    deed = deed_of(intent.action, intent.argument)
    assert deed is not None  # An intent is only recorded for what the profile knows.
    return deed


def _shown(name: str, wanted: str, seen: str | None) -> str:
    return canonical({"name": name, "wanted": wanted, "seen": seen}).decode()
