"""Commands on handovers of a shift."""

from typing import Protocol

from contracts.calls import Call
from contracts.ids import PROVIDER, derive_id
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.people_aggregates import HANDOVER, ROTA
from services.cases.domain import handover as deciding
from services.cases.domain.handover import Handover, Open
from services.cases.domain.people_commands import AcceptHandoverItem, CompleteHandover, StartHandover
from services.cases.domain.rota import Rota, known
from services.cases.domain.who import Who


class OpenItems(Protocol):
    async def __call__(self, rota: Rota) -> Open:
        """Everything that is open in the rota's group, when every ledger's head has been looked at."""
        ...


class Handovers:
    def __init__(self, handler: CommandHandler, repository: Repository, open_items: OpenItems) -> None:
        self._handler, self._repository, self._open_items = handler, repository, open_items

    async def start_handover(self, call: Call, command: StartHandover) -> Committed:
        handover_id = derive_id("handover", call.request_key)

        async def work(unit: Unit) -> None:
            rota = await unit.load(ROTA, command.rota_id)
            handover = await unit.load(HANDOVER, handover_id)
            unit.append(handover, [deciding.start_handover(handover_id, known(rota.state), command)])

        return await self._handler.handle(call, command, work)

    async def accept_handover_item(self, call: Call, command: AcceptHandoverItem) -> Committed:
        async def work(unit: Unit) -> None:
            handover = await unit.load(HANDOVER, command.handover_id)
            found = await self._open(handover.state)
            unit.append(handover, [deciding.accept_item(handover.state, command, found, Who.of(call))])

        return await self._handler.handle(call, command, work)

    async def complete_handover(self, call: Call, command: CompleteHandover) -> Committed:
        """What has become open since the last look has to be accepted as well."""

        async def work(unit: Unit) -> None:
            handover = await unit.load(HANDOVER, command.handover_id)
            found = await self._open(handover.state)
            unit.append(handover, [deciding.complete_handover(handover.state, found, Who.of(call))])

        return await self._handler.handle(call, command, work)

    async def look(self, handover_id: str) -> tuple[Handover, Open]:
        """A handover, and what is open now. Raises HandoverUnknown."""
        handover = (await self._repository.load(PROVIDER, HANDOVER, handover_id)).state
        return handover, await self._open(handover)

    async def _open(self, handover: Handover) -> Open:
        rota = await self._repository.load(PROVIDER, ROTA, deciding.known(handover).rota_id)
        return await self._open_items(known(rota.state))
