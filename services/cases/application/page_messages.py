"""From a call of a page to a message, and on to the next way or the next person where it could not be brought."""

from contracts.calls import Call
from contracts.events.messages import MessageDispatched
from contracts.events.people import PageEscalated, PageSent
from contracts.ids import PROVIDER, TenantId
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.openings import Erased, Openings
from infra.event_store.repository import Repository
from services.cases.application.aggregates import MESSAGE
from services.cases.application.calling import Calling
from services.cases.application.contacts import Contacts
from services.cases.application.message_texts import page_text_of, page_title_of
from services.cases.application.people_aggregates import PAGE
from services.cases.connectors import messages
from services.cases.connectors.port import Refused
from services.cases.domain.acknowledgement import known, waits_at
from services.cases.domain.errors import MessageUnknown
from services.cases.domain.page_contact import fact_of, way_after, way_named
from services.cases.domain.page_message import Called, called, dispatch_page_message, page_message_id_of
from services.cases.domain.people_commands import DispatchPageMessage, EscalatePage

NO_LONGER_NEEDED = "NO_LONGER_NEEDED"
"""Somebody has the page, or somebody else is called by now."""
CONTACT_CHANGED = "CONTACT_CHANGED"


class PageMessages:
    def __init__(
        self,
        handler: CommandHandler,
        repository: Repository,
        feed: Feed,
        openings: Openings,
        calling: Calling,
        contacts: Contacts,
    ) -> None:
        self._handler, self._repository, self._feed, self._openings = handler, repository, feed, openings
        self._calling, self._contacts = calling, contacts

    async def dispatch_page_message(self, call: Call, command: DispatchPageMessage) -> Committed:
        """Records the intent; a policy sends it. Where the last way brought nothing, the next person is called at once.

        Nothing for a person without any way, who has the screen, and for a call that is settled.
        """
        to = await self._called_at(command.tenant_id, command.about_position)

        async def work(unit: Unit) -> None:
            page = await unit.load(PAGE, to.page_id)
            if not waits_at(page.state, to.rung):
                return
            contact = await self._contacts.of(to.principal_id)
            way = way_after(contact, command.after)
            if way is not None:
                message = await unit.load(MESSAGE, page_message_id_of(to, way))
                unit.cite(fact_of(contact))
                sent = known(page.state)
                unit.append(message, dispatch_page_message(message.state, sent, to, command.about_position, way))
            elif command.after:
                climbing = EscalatePage(
                    tenant_id=command.tenant_id,
                    request_id=command.request_id,
                    page_id=to.page_id,
                    rung=to.rung,
                    unreachable=True,
                )
                await self._calling.climb(unit, page, climbing, call.now)

        return await self._handler.handle(call, command, work)

    async def written(self, tenant_id: TenantId, intent: MessageDispatched) -> messages.Message | Refused:
        """What is handed over; refused where it is of no use any more, or has nowhere to go."""
        to = await self._called_at(tenant_id, intent.about_position)
        page = (await self._repository.load(tenant_id, PAGE, to.page_id)).state
        if not waits_at(page, to.rung):
            return Refused(NO_LONGER_NEEDED, "Somebody has it, or somebody else is called by now.")
        contact = await self._contacts.of(to.principal_id)
        way = way_named(contact, intent.channel, intent.messenger)
        if way is None:
            return Refused(CONTACT_CHANGED, "The person is reached in another way since.")
        address = (await self._openings.open(PROVIDER, [way.address]))[way.address]
        if isinstance(address, Erased):
            return Refused("ADDRESS_ERASED", "The person's address was erased before the message was sent.")
        sent = known(page)
        return messages.Message(
            message_id=intent.message_id,
            address=address,
            label=intent.label,
            title=page_title_of(tenant_id, sent),
            text=page_text_of(tenant_id, sent, to),
        )

    async def _called_at(self, tenant_id: TenantId, position: int) -> Called:
        """Raises MessageUnknown where nobody is called at this position."""
        found = await self._feed.read(tenant_id, position, 1)
        event = found[0].event if found else None
        if not isinstance(event, PageSent | PageEscalated):
            raise MessageUnknown("Nobody is called at this position.")
        return called(event)
