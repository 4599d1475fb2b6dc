"""A message that brings one call of a page to the person who is called."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from contracts.events.messages import MessageAbout, MessageDispatched, PageWay
from contracts.events.people import PageAbout, PageEscalated, PageSent
from contracts.ids import derive_id
from contracts.labels import Label
from services.cases.domain.message import Message

ABOUT_A_CASE = frozenset({PageAbout.CASE, PageAbout.SERVICE_LEVEL})


@dataclass(frozen=True, slots=True)
class Called:
    """One rung of a page's ladder, as it was recorded."""

    page_id: str
    rung: int
    principal_id: str
    deadline: datetime


def called(event: PageSent | PageEscalated) -> Called:
    match event:
        case PageSent():
            return Called(event.page_id, 1, event.principal_id, event.deadline)
        case PageEscalated():
            return Called(event.page_id, event.rung, event.principal_id, event.deadline)
        case _:
            assert_never(event)


def page_message_id_of(to: Called, way: PageWay) -> str:
    """One message for each call and channel: neither a retry nor a second policy can double it."""
    return derive_id("message", to.page_id, str(to.rung), way.channel)


def dispatch_page_message(
    message: Message, sent: PageSent, to: Called, position: int, way: PageWay
) -> list[MessageDispatched]:
    """Nothing when it is on record already. `position` is where the call stands."""
    if message.dispatched is not None:
        return []
    return [
        MessageDispatched(
            message_id=page_message_id_of(to, way),
            about=MessageAbout.PAGE,
            about_id=to.page_id,
            about_position=position,
            case_id=sent.about_id if sent.about in ABOUT_A_CASE else None,
            recipient_principal_id=to.principal_id,
            channel=way.channel,
            messenger=way.messenger,
            address=None,
            # Whom the provider calls, and how, is its own people's to know.
            label=Label.RED,
        )
    ]
