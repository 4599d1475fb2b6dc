"""A page: somebody is called and has to acknowledge by a deadline; if not, the next one on the ladder is called.

sent ─ escalated ─ escalated … ─ unanswered   (an alarm; it can still be acknowledged)
  └────────┴─────────── acknowledged
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.cases import Priority
from contracts.events.people import (
    PageAbout,
    PageAcknowledged,
    PageChannel,
    PageEscalated,
    PageSent,
    PageUnanswered,
)
from contracts.ids import derive_id
from services.cases.domain.people_commands import AcknowledgePage, EscalatePage, SendPage
from services.cases.domain.people_errors import (
    NobodyToCall,
    NotAPerson,
    NotPaged,
    PageAcknowledgedAlready,
    PageUnknown,
)
from services.cases.domain.who import Who

URGENT = frozenset({Priority.P1, Priority.P2})
LEADS_FIRST = frozenset({PageAbout.SERVICE_LEVEL, PageAbout.QUESTION, PageAbout.COVERAGE_GAP})
"""What the people on shift have let pass goes to those who answer for them."""
UNHURRIED = timedelta(days=1)
"""The time to answer a page about hours that nobody covers; they lie ahead."""

PageEvent = PageSent | PageEscalated | PageAcknowledged | PageUnanswered


@dataclass(frozen=True, slots=True)
class Page:
    sent: PageSent | None = None
    rung: int = 0
    called: tuple[str, ...] = ()
    """Everybody who was called, in order."""
    acknowledged: bool = False
    unanswered: bool = False


def evolve_page(state: Page, recorded: Recorded[PageEvent]) -> Page:
    event = recorded.event
    match event:
        case PageSent():
            return Page(event, 1, (event.principal_id,))
        case PageEscalated():
            return replace(state, rung=event.rung, called=(*state.called, event.principal_id))
        case PageAcknowledged():
            return replace(state, acknowledged=True)
        case PageUnanswered():
            return replace(state, unanswered=True)
        case _:
            assert_never(event)


def page_id_of(command: SendPage) -> str:
    """One page for each cause: neither a retry nor a second policy calls anybody twice."""
    return derive_id("page", command.tenant_id, command.about.value, command.about_id, command.detail, command.cause)


def send_page(
    page: Page, command: SendPage, rota_id: str, ladder: Sequence[str], answer_minutes: int, now: datetime
) -> list[PageSent]:
    """Nothing when it is on record already. Raises NobodyToCall."""
    if page.sent is not None:
        return []
    if not ladder:
        raise NobodyToCall("Nobody is on call, and the rota has no lead.")
    return [
        PageSent(
            page_id=page_id_of(command),
            about=command.about,
            about_id=command.about_id,
            detail=command.detail,
            priority=command.priority,
            rota_id=rota_id,
            principal_id=ladder[0],
            channel=_channel(command.priority),
            deadline=now + _time_to_answer(command.about, answer_minutes),
        )
    ]


def acknowledge_page(page: Page, command: AcknowledgePage, who: Who, *, lead: bool) -> PageAcknowledged:
    """Raises PageUnknown, NotAPerson, PageAcknowledgedAlready, NotPaged."""
    sent = known(page)
    if not who.person:
        raise NotAPerson("A page is acknowledged by a person.")
    if page.acknowledged:
        raise PageAcknowledgedAlready("Somebody has it already.")
    if who.id not in page.called and not lead:
        raise NotPaged("Only somebody who was called, or a lead, can take this up.")
    return PageAcknowledged(page_id=command.page_id, about=sent.about, about_id=sent.about_id, rung=page.rung)


def escalate_page(
    page: Page, command: EscalatePage, ladder: Sequence[str], answer_minutes: int, now: datetime
) -> list[PageEscalated | PageUnanswered]:
    """The next person who was not called yet; when there is none, the alarm. Nothing for a call that is settled.

    A last person whom no message reaches has until the deadline all the same: the page is on the screen.
    """
    sent = known(page)
    if page.unanswered or not waits_at(page, command.rung):
        return []
    following = next((person for person in ladder if person not in page.called), None)
    if following is None:
        return [] if command.unreachable else [PageUnanswered(page_id=command.page_id, rungs=page.rung)]
    return [
        PageEscalated(
            page_id=command.page_id,
            rung=page.rung + 1,
            principal_id=following,
            channel=_channel(sent.priority),
            deadline=now + _time_to_answer(sent.about, answer_minutes),
        )
    ]


def waits_at(page: Page, rung: int) -> bool:
    """Whether nobody has it, and this call is the last one."""
    return not page.acknowledged and page.rung == rung


def _channel(priority: Priority) -> PageChannel:
    return PageChannel.PHONE if priority in URGENT else PageChannel.PORTAL


def _time_to_answer(about: PageAbout, minutes: int) -> timedelta:
    return UNHURRIED if about is PageAbout.COVERAGE_GAP else timedelta(minutes=minutes)


def known(page: Page) -> PageSent:
    """Raises PageUnknown."""
    if page.sent is None:
        raise PageUnknown("There is no such page in this tenant.")
    return page.sent
