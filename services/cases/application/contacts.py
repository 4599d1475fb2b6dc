"""How people on call are reached. The provider's, in its ledger."""

from contracts.calls import Call
from contracts.ids import PROVIDER
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.people_aggregates import PAGE_CONTACT
from services.cases.connectors.registry import Connectors
from services.cases.domain.page_contact import PageContact, contact_id_of, set_page_contact
from services.cases.domain.people_commands import SetPageContact
from services.cases.domain.who import Who


class Contacts:
    def __init__(self, handler: CommandHandler, repository: Repository, connectors: Connectors) -> None:
        self._handler, self._repository, self._connectors = handler, repository, connectors

    async def of(self, principal_id: str, *, at: int | None = None) -> PageContact:
        """As it is, or was at a position; without a way where the person has none."""
        return (await self._repository.load(PROVIDER, PAGE_CONTACT, contact_id_of(principal_id), at=at)).state

    async def set_page_contact(self, call: Call, command: SetPageContact) -> Committed:
        async def work(unit: Unit) -> None:
            contact = await unit.load(PAGE_CONTACT, contact_id_of(command.principal_id))
            usable = self._connectors.messengers_for(PROVIDER)
            unit.append(contact, [set_page_contact(command, Who.of(call), usable, lead=Role.LEAD in call.roles)])

        return await self._handler.handle(call, command, work)
