"""Pages: who was called for what, who has it, and when the next one is called."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Value
from contracts.events.cases import Priority
from contracts.events.people import (
    PageAbout,
    PageAcknowledged,
    PageChannel,
    PageEscalated,
    PageSent,
    PageUnanswered,
)
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

ESCALATE_PAGE = "escalate_page"


class PageStatus(StrEnum):
    CALLING = "calling"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"


class CallRow(Value):
    """One rung of the ladder: the intent to reach this person over this channel."""

    principal_id: str
    channel: PageChannel
    called: Stamp
    deadline: Instant


class PageRow(Value):
    page_id: str
    about: PageAbout
    about_id: str
    detail: str
    priority: Priority
    rota_id: str
    calls: tuple[CallRow, ...]
    status: PageStatus = PageStatus.CALLING
    acknowledged: Stamp | None = None


class Pages(DocumentView[PageRow]):
    NAME = "pages"
    VERSION = 1
    TABLE = "pages"
    TOPICS = frozenset({PageSent, PageEscalated, PageAcknowledged, PageUnanswered})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "status": "text",
        "about": "text",
        "about_id": "text",
        "person": "text",
        "sent_position": "bigint",
    }
    DOCUMENT = PageRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.page_id]

    def fold(self, key: str, document: PageRow | None, recorded: Recorded[Any]) -> PageRow | None:
        event = recorded.event
        if isinstance(event, PageSent):
            return PageRow(
                page_id=key,
                about=event.about,
                about_id=event.about_id,
                detail=event.detail,
                priority=event.priority,
                rota_id=event.rota_id,
                calls=(_call(event, recorded),),
            )
        if document is None:
            return None
        match event:
            case PageEscalated():
                return document.model_copy(update={"calls": (*document.calls, _call(event, recorded))})
            case PageAcknowledged():
                update = {"status": PageStatus.ACKNOWLEDGED, "acknowledged": Stamp.of(recorded)}
                return document.model_copy(update=update)
            case _:
                return document.model_copy(update={"status": PageStatus.UNANSWERED})

    def columns(self, document: PageRow) -> Mapping[str, object]:
        return {
            "status": document.status.value,
            "about": document.about.value,
            "about_id": document.about_id,
            "person": document.calls[-1].principal_id,
            "sent_position": document.calls[0].called.position,
        }

    def timers(self, key: str, document: PageRow) -> Sequence[Due]:
        if document.status is not PageStatus.CALLING:
            return ()
        rung = len(document.calls)
        return [Due(ESCALATE_PAGE, document.calls[-1].deadline, {"page_id": key, "rung": rung}, str(rung))]


def _call(event: PageSent | PageEscalated, recorded: Recorded[Any]) -> CallRow:
    return CallRow(
        principal_id=event.principal_id, channel=event.channel, called=Stamp.of(recorded), deadline=event.deadline
    )
