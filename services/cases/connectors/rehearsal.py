"""The rehearsal: everything up to the effect, and nothing after it."""

from typing import ClassVar

import structlog

from services.cases.connectors.port import Acknowledged, NotSeen, Order, Refused, Unknown

log = structlog.get_logger()

NO_EFFECT = "REHEARSAL"


class Rehearsal:
    """Announces itself, sends nothing, and never acknowledges: a rehearsed action has an event of its own."""

    rehearsal: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        self.name = name
        log.warning("connector_is_a_rehearsal", connector=name, message="actions through it have no effect anywhere")

    async def healthy(self) -> bool:
        return True

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        log.warning("rehearsed_action_not_sent", connector=self.name, action_id=order.action_id)
        return Refused(NO_EFFECT, "A rehearsal sends nothing.")

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        log.warning("rehearsed_action_not_sent", connector=self.name, action_id=order.action_id)
        return NotSeen()

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        del target
        return Unknown(NO_EFFECT)

    async def close(self) -> None:
        return None
