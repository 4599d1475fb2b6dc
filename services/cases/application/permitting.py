"""Commands by which a customer says beforehand what may be done: charters and pre-authorisations."""

from contracts.calls import Call
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.object_store import ObjectStore
from services.cases.application.aggregates import CHARTER, PREAUTHORISATION
from services.cases.application.charters import Charters
from services.cases.connectors.registry import Connectors
from services.cases.domain import charter_versions as versions
from services.cases.domain import preauthorisation as signing
from services.cases.domain.charter import read_charter, refuse
from services.cases.domain.charter_check import contradictions, unknown_messengers
from services.cases.domain.commands import (
    ApproveCharter,
    ProposeCharter,
    RevokePreauthorisation,
    SignPreauthorisation,
)
from services.cases.domain.who import Who


class Permitting:
    def __init__(
        self,
        handler: CommandHandler,
        charters: Charters,
        objects: ObjectStore,
        connectors: Connectors,
    ) -> None:
        self._handler = handler
        self._charters, self._objects, self._connectors = charters, objects, connectors

    async def propose_charter(self, call: Call, command: ProposeCharter) -> Committed:
        """Raises CharterInvalid; the text is durable in the object store before the ledger speaks of it."""
        charter = read_charter(command.text)
        tenant_id = command.tenant_id
        refuse(contradictions(charter, self._connectors.names_for(tenant_id)))
        refuse(unknown_messengers(charter, self._connectors.messengers_for(tenant_id)))
        reference = await self._objects.put(command.tenant_id, command.text.encode())

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CHARTER, versions.charter_id_of(command.tenant_id))
            events = versions.propose_charter(loaded.state, command.tenant_id, charter, reference.sha256)
            unit.append(loaded, events)

        return await self._handler.handle(call, command, work)

    async def approve_charter(self, call: Call, command: ApproveCharter) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(CHARTER, versions.charter_id_of(command.tenant_id))
            wanted = [each for each in loaded.state.versions if each.number == command.charter_version]
            text = await self._charters.text_at(command.tenant_id, wanted[0].sha256) if wanted else ""
            acr = read_charter(text).approvals.acr if text else ()
            events = versions.approve_charter(loaded.state, command.tenant_id, command, Who.of(call), acr)
            unit.append(loaded, events)

        return await self._handler.handle(call, command, work)

    async def sign_preauthorisation(self, call: Call, command: SignPreauthorisation) -> Committed:
        async def work(unit: Unit) -> None:
            found = await self._charters.in_force(unit)
            book = await unit.load(PREAUTHORISATION, signing.book_of(command.tenant_id))
            acr = found.force.charter.approvals.acr
            event = signing.sign_preauthorisation(
                book.state, command, Who.of(call), found.force.digest, acr, call.request_key
            )
            unit.append(book, [event])

        return await self._handler.handle(call, command, work)

    async def revoke_preauthorisation(self, call: Call, command: RevokePreauthorisation) -> Committed:
        async def work(unit: Unit) -> None:
            book = await unit.load(PREAUTHORISATION, signing.book_of(command.tenant_id))
            unit.append(book, signing.revoke_preauthorisation(book.state, command, Who.of(call)))

        return await self._handler.handle(call, command, work)
