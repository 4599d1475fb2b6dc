"""Events of the cases service about messages to contacts: the intent, the attempt, and what became of it."""

from enum import StrEnum

from contracts.events.base import Event, Sealed, event
from contracts.labels import Label


class MessageAbout(StrEnum):
    """What a message tells its recipient of: a recorded event of this kind."""

    NOTICE = "notice"
    ENQUIRY = "enquiry"


@event("tenet.cases.MessageDispatched", category="message")
class MessageDispatched(Event):
    """The intent to bring what stands at `about_position` to a contact, recorded before anything is sent.

    `messenger` is the configured way, `address` the recipient as that way writes it. The message's identifier is the
    same at every try, so that a second copy can be known as one.
    """

    message_id: str
    about: MessageAbout
    about_id: str
    about_position: int
    case_id: str | None
    recipient_principal_id: str
    channel: str
    messenger: str
    address: Sealed
    label: Label


@event("tenet.cases.MessageAttempted", category="message")
class MessageAttempted(Event):
    """From here on a copy may be on its way: a message that is found like this again after a crash counts as lost."""

    message_id: str


@event("tenet.cases.MessageAccepted", category="message")
class MessageAccepted(Event):
    """The messenger took it over: proof of sending, not of reading."""

    message_id: str
    receipt: Sealed


@event("tenet.cases.MessageRefused", category="message")
class MessageRefused(Event):
    """Nothing was taken over: the recipient will not get it this way."""

    message_id: str
    reason: str
    detail: Sealed


@event("tenet.cases.MessageLost", category="message")
class MessageLost(Event):
    """It may have gone out, and nobody can tell. It is not sent again this way."""

    message_id: str
    reason: str
