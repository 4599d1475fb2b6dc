"""A message to a contact: intent, and what became of it. Reading it is another matter, which the contact acknowledges.

dispatched ─ attempted ─ accepted
                 ├─────── refused   (the contact's next channel is tried)
                 └─────── lost      (unknown; the same)
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.cases import EnquirySent, NoticeSent
from contracts.events.messages import (
    MessageAbout,
    MessageAccepted,
    MessageAttempted,
    MessageDispatched,
    MessageLost,
    MessageRefused,
)
from contracts.ids import derive_id
from services.cases.domain.charter import Channel, Charter
from services.cases.domain.commands import AcceptMessage, DispatchMessage, LoseMessage, RefuseMessage
from services.cases.domain.errors import MessageUnknown

MessageEvent = MessageDispatched | MessageAttempted | MessageAccepted | MessageRefused | MessageLost


class MessageStatus(StrEnum):
    DISPATCHED = "dispatched"
    ATTEMPTED = "attempted"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LOST = "lost"


UNSETTLED = frozenset({MessageStatus.DISPATCHED, MessageStatus.ATTEMPTED})


@dataclass(frozen=True, slots=True)
class Message:
    status: MessageStatus = MessageStatus.DISPATCHED
    dispatched: MessageDispatched | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a message speaks of, and whom its event names."""

    about: MessageAbout
    id: str
    case_id: str | None
    recipient: str
    channel: str
    event: NoticeSent | EnquirySent


def told(event: NoticeSent | EnquirySent) -> Told:
    recipient, channel = event.recipient_principal_id, event.channel
    match event:
        case NoticeSent():
            return Told(MessageAbout.NOTICE, event.notice_id, event.case_id, recipient, channel, event)
        case EnquirySent():
            return Told(MessageAbout.ENQUIRY, event.enquiry_id, event.case_id, recipient, channel, event)
        case _:
            assert_never(event)


def evolve_message(state: Message, recorded: Recorded[MessageEvent]) -> Message:
    event = recorded.event
    match event:
        case MessageDispatched():
            return Message(MessageStatus.DISPATCHED, event)
        case MessageAttempted():
            return replace(state, status=MessageStatus.ATTEMPTED)
        case MessageAccepted():
            return replace(state, status=MessageStatus.ACCEPTED)
        case MessageRefused():
            return replace(state, status=MessageStatus.REFUSED)
        case MessageLost():
            return replace(state, status=MessageStatus.LOST)
        case _:
            assert_never(event)


def message_id_of(about_id: str, channel: str) -> str:
    """One message for each thing and channel: neither a retry nor a second policy can double it."""
    return derive_id("message", about_id, channel)


def channel_for(charter: Charter, of: Told, after: str) -> Channel | None:
    """The channel to send over; None where a person has to do it, or where the contact has no further one.

    The ladder is the order of the contact's channels in the charter. It is climbed for notices only: which channel a
    question may take depends on what is under suspicion, and a person has judged that for the one that it names.
    """
    contact = charter.contact_of(of.recipient)
    if contact is None:
        return None
    names = [channel.channel for channel in contact.channels]
    if not after:
        found = [channel for channel in contact.channels if channel.channel == of.channel]
    elif of.about is MessageAbout.NOTICE and after in names:
        # The notice's own channel was tried first, wherever it stands; the others follow in the charter's order.
        rest = [channel for channel in contact.channels if channel.channel != of.channel]
        start = 0 if after == of.channel else [channel.channel for channel in rest].index(after) + 1
        found = rest[start:]
    else:
        found = []
    return next((channel for channel in found if channel.via), None)


def dispatch_message(message: Message, command: DispatchMessage, of: Told, channel: Channel) -> list[MessageDispatched]:
    """Nothing when it is on record already."""
    if message.dispatched is not None:
        return []
    return [
        MessageDispatched(
            message_id=message_id_of(of.id, channel.channel),
            about=of.about,
            about_id=of.id,
            about_position=command.about_position,
            case_id=of.case_id,
            recipient_principal_id=of.recipient,
            channel=channel.channel,
            messenger=channel.via,
            address=Sealed.of(channel.address, subject=of.recipient),
            label=of.event.label,
        )
    ]


def attempt_message(message: Message) -> list[MessageAttempted]:
    intent = _known(message)
    if message.status is not MessageStatus.DISPATCHED:
        return []
    return [MessageAttempted(message_id=intent.message_id)]


def accept_message(message: Message, command: AcceptMessage) -> list[MessageAccepted]:
    intent = _known(message)
    if message.status not in UNSETTLED:
        return []
    receipt = Sealed.of(command.receipt, subject=intent.recipient_principal_id)
    return [MessageAccepted(message_id=intent.message_id, receipt=receipt)]


def refuse_message(message: Message, command: RefuseMessage) -> list[MessageRefused]:
    intent = _known(message)
    if message.status not in UNSETTLED:
        return []
    detail = Sealed.of(command.detail, subject=intent.recipient_principal_id)
    return [MessageRefused(message_id=intent.message_id, reason=command.reason, detail=detail)]


def lose_message(message: Message, command: LoseMessage) -> list[MessageLost]:
    intent = _known(message)
    if message.status not in UNSETTLED:
        return []
    return [MessageLost(message_id=intent.message_id, reason=command.reason)]


def _known(message: Message) -> MessageDispatched:
    if message.dispatched is None:
        raise MessageUnknown("There is no such message in this tenant.")
    return message.dispatched
