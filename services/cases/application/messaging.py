"""Commands on messages: dispatch, and what became of it."""

from contracts.calls import Call
from contracts.events.cases import EnquirySent, NoticeSent
from contracts.events.messages import MessageAbout
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.aggregates import MESSAGE, NOTICE
from services.cases.application.charters import Charters
from services.cases.domain import message as posting
from services.cases.domain.commands import AcceptMessage, AttemptMessage, DispatchMessage, LoseMessage, RefuseMessage
from services.cases.domain.errors import MessageUnknown
from services.cases.domain.message import Message, Told, told


class Messaging:
    def __init__(self, handler: CommandHandler, repository: Repository, feed: Feed, charters: Charters) -> None:
        self._handler, self._repository, self._feed, self._charters = handler, repository, feed, charters

    async def told_at(self, tenant_id: TenantId, position: int) -> Told:
        """What the notice or enquiry at a position says. Raises MessageUnknown where there is neither."""
        found = await self._feed.read(tenant_id, position, 1)
        event = found[0].event if found else None
        if not isinstance(event, NoticeSent | EnquirySent):
            raise MessageUnknown("Neither a notice nor an enquiry stands at this position.")
        return told(event)

    async def message_of(self, tenant_id: TenantId, message_id: str) -> Message:
        return (await self._repository.load(tenant_id, MESSAGE, message_id)).state

    async def dispatch_message(self, call: Call, command: DispatchMessage) -> Committed:
        """Records the intent; a policy sends it.

        Nothing where no channel brings messages by itself, nor over a further channel once somebody has answered.
        """
        of = await self.told_at(command.tenant_id, command.about_position)

        async def work(unit: Unit) -> None:
            if command.after and of.about is MessageAbout.NOTICE:
                notice = await unit.load(NOTICE, of.id)
                if notice.state.acknowledged:
                    return
                unit.require(notice)
            found = await self._charters.in_force(unit)
            channel = posting.channel_for(found.force.charter, of, command.after)
            if channel is None:
                return
            message = await unit.load(MESSAGE, posting.message_id_of(of.id, channel.channel))
            unit.append(message, posting.dispatch_message(message.state, command, of, channel))

        return await self._handler.handle(call, command, work)

    async def attempt_message(self, call: Call, command: AttemptMessage) -> Committed:
        async def work(unit: Unit) -> None:
            message = await unit.load(MESSAGE, command.message_id)
            unit.append(message, posting.attempt_message(message.state))

        return await self._handler.handle(call, command, work)

    async def accept_message(self, call: Call, command: AcceptMessage) -> Committed:
        async def work(unit: Unit) -> None:
            message = await unit.load(MESSAGE, command.message_id)
            unit.append(message, posting.accept_message(message.state, command))

        return await self._handler.handle(call, command, work)

    async def refuse_message(self, call: Call, command: RefuseMessage) -> Committed:
        async def work(unit: Unit) -> None:
            message = await unit.load(MESSAGE, command.message_id)
            unit.append(message, posting.refuse_message(message.state, command))

        return await self._handler.handle(call, command, work)

    async def lose_message(self, call: Call, command: LoseMessage) -> Committed:
        async def work(unit: Unit) -> None:
            message = await unit.load(MESSAGE, command.message_id)
            unit.append(message, posting.lose_message(message.state, command))

        return await self._handler.handle(call, command, work)
