"""What people have judged to be expected, so that it is not asked about again."""

from collections.abc import Awaitable, Callable, Sequence

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.detections.application.aggregates import DETECTION, EXPECTATIONS
from services.detections.domain import expected
from services.detections.domain.commands import (
    ConfirmExpectedBehaviour,
    EndExpectedBehaviour,
    RememberExpectedBehaviour,
)

Privileged = Callable[[TenantId, Sequence[str]], Awaitable[bool]]
"""Whether one of these assets is a privileged account."""


class Expecting:
    def __init__(self, handler: CommandHandler, privileged: Privileged) -> None:
        self._handler, self._privileged = handler, privileged

    async def remember_expected_behaviour(
        self, call: Call, command: RememberExpectedBehaviour
    ) -> tuple[str, Committed]:
        """The memory's id with what was recorded. It holds only while the verdict that it rests on stands."""

        async def work(unit: Unit) -> None:
            detection = await unit.load(DETECTION, command.detection_id)
            loaded = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
            privileged = await self._privileged(call.tenant_id, detection.state.asset_ids)
            unit.require(detection)
            unit.append(loaded, expected.remember(loaded.state, call, command, detection.state, privileged))

        return expected.expected_behaviour_id_of(call), await self._handler.handle(call, command, work)

    async def confirm_expected_behaviour(self, call: Call, command: ConfirmExpectedBehaviour) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
            unit.append(loaded, expected.confirm(loaded.state, call, command))

        return await self._handler.handle(call, command, work)

    async def end_expected_behaviour(self, call: Call, command: EndExpectedBehaviour) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
            unit.append(loaded, expected.end(loaded.state, call, command))

        return await self._handler.handle(call, command, work)
