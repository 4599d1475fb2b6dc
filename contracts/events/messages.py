"""Events of the cases service about messages to people: the intent, the attempt, what became of it, the ways."""

from enum import StrEnum

from contracts.events.base import Event, Payload, Sealed, Value, event, upcaster
from contracts.labels import Label


class MessageAbout(StrEnum):
    """What a message tells its recipient of: a recorded event of this kind."""

    NOTICE = "notice"
    ENQUIRY = "enquiry"
    PAGE = "page"
    """One call of a page: what was sent, or climbed, at the position that the message speaks of."""


@event("tenet.cases.MessageDispatched", category="message", version=2)
class MessageDispatched(Event):
    """The intent to bring what stands at `about_position` to a person, recorded before anything is sent.

    `messenger` is the configured way, `address` the recipient as that way writes it; None for a page, whose recipient's
    addresses stay in the provider's ledger. The message's identifier is the same at every try, so that a second copy
    can be known as one.
    """

    message_id: str
    about: MessageAbout
    about_id: str
    about_position: int
    case_id: str | None
    recipient_principal_id: str
    channel: str
    messenger: str
    address: Sealed | None
    label: Label


@upcaster("tenet.cases.MessageDispatched", 1)
def _message_dispatched_1(payload: Payload) -> Payload:
    """Every message was to a contact and had its address; now there are pages besides."""
    return payload


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


class PageWay(Value):
    """One way to a person: a messenger, and the person's address as that messenger writes it. `channel` names it."""

    channel: str
    messenger: str
    address: Sealed


@event("tenet.cases.PageContactSet", category="page_contact")
class PageContactSet(Event):
    """How a person on call is reached from here on, in the order of trying; without a way, on the screen only.

    In the provider's ledger, and nowhere else: messages name the channel and the messenger, never the address. They
    cite this by `digest`, the SHA-256 of the person with the channels and messengers.
    """

    principal_id: str
    digest: str
    ways: tuple[PageWay, ...]
