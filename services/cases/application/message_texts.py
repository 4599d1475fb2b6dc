"""What a person reads: a notice, an enquiry or a page in plain words, made when it is sent and kept nowhere.

The title says nothing of the matter, since it may show on a locked screen.
"""

from collections.abc import Iterable, Mapping

from contracts.events.base import Sealed
from contracts.events.cases import EnquirySent, NoticeSent
from contracts.events.people import PageAbout, PageSent
from contracts.ids import TenantId
from infra.event_store.openings import Erased
from services.cases.domain.page_message import Called

ERASED = "(erased)"
Opened = Mapping[Sealed, str | Erased]
PAGE_ABOUT = {
    PageAbout.CASE: "an urgent case",
    PageAbout.DETECTION: "a detection",
    PageAbout.SERVICE_LEVEL: "a promise that was not kept",
    PageAbout.QUESTION: "a question that nobody answered",
    PageAbout.COVERAGE_GAP: "hours ahead that nobody covers",
    PageAbout.PROBE: "nothing but whether somebody is there",
}


def sealed_of(event: NoticeSent | EnquirySent) -> list[Sealed]:
    """What has to be opened to write the text."""
    if isinstance(event, EnquirySent):
        return [event.question]
    evidence = [item.summary for item in event.evidence]
    return [event.what, event.where, event.when, *evidence, *event.options]


def title_of(tenant_id: TenantId, event: NoticeSent | EnquirySent) -> str:
    if isinstance(event, EnquirySent):
        return f"{tenant_id}: did you expect this?"
    return f"{tenant_id}: incident notice, your decision is needed"


def text_of(event: NoticeSent | EnquirySent, opened: Opened) -> str:
    return "\n".join(_enquiry(event, opened) if isinstance(event, EnquirySent) else _notice(event, opened)) + "\n"


def page_title_of(tenant_id: TenantId, sent: PageSent) -> str:
    return f"{tenant_id}: {sent.priority.value} page, please acknowledge"


def page_text_of(tenant_id: TenantId, sent: PageSent, to: Called) -> str:
    """Identifiers only: whoever is called looks the matter up, under their own name."""
    lines = (
        f"You are called (call {to.rung}) about {PAGE_ABOUT[sent.about]}: {sent.about_id} {sent.detail}".rstrip(),
        "",
        f"Please acknowledge by {to.deadline:%Y-%m-%d %H:%M:%S} UTC, or the next person is called:",
        f"  tenet oncall acknowledge {sent.page_id} --tenant {tenant_id}",
        "Do not answer this message: nobody reads what comes back to it.",
    )
    return "\n".join(lines) + "\n"


def _notice(event: NoticeSent, opened: Opened) -> Iterable[str]:
    yield f"What:  {_said(event.what, opened)}"
    yield f"Where: {_said(event.where, opened)}"
    yield f"When:  {_said(event.when, opened)}"
    yield ""
    yield "Evidence:"
    yield from (f"  - {_said(item.summary, opened)}" for item in event.evidence)
    yield ""
    yield "You can decide:"
    yield from (f"  {number}. {_said(option, opened)}" for number, option in enumerate(event.options, 1))
    yield ""
    yield f"Please answer by {event.deadline:%Y-%m-%d %H:%M} UTC in the portal, naming {event.notice_id}."
    yield "Do not answer this message: nobody reads what comes back to it."


def _enquiry(event: EnquirySent, opened: Opened) -> Iterable[str]:
    yield _said(event.question, opened)
    yield ""
    yield f"Please answer yes or no by {event.deadline:%Y-%m-%d %H:%M} UTC in the portal, naming {event.enquiry_id}."
    yield "Without an answer we treat it as not expected."
    yield "Do not answer this message: nobody reads what comes back to it."


def _said(sealed: Sealed, opened: Opened) -> str:
    value = opened.get(sealed)
    return value if isinstance(value, str) else ERASED
