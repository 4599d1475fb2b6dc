"""Published reports, latest first, with what the customer said of them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.reporting import ReportConfirmed, ReportDisputed, ReportPublished
from infra.read_database.views import DocumentView


class Standing(StrEnum):
    """A dispute outlasts a confirmation: both stay on record, and a disputed report is never shown as agreed."""

    PUBLISHED = "published"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


class ReplyRow(Value):
    """A confirmation (`figure` None) or the dispute of a figure."""

    figure: str | None
    words: Sealed | None
    principal_id: str
    recorded_at: Instant
    position: int


class ReportRow(Value):
    published: ReportPublished
    published_at: Instant
    position: int
    replies: tuple[ReplyRow, ...] = ()

    @property
    def standing(self) -> Standing:
        if any(reply.figure is not None for reply in self.replies):
            return Standing.DISPUTED
        return Standing.CONFIRMED if self.replies else Standing.PUBLISHED


class Reports(DocumentView[ReportRow]):
    NAME = "reports"
    VERSION = 1
    TABLE = "reports"
    TOPICS = frozenset({ReportPublished, ReportConfirmed, ReportDisputed})
    COLUMNS: ClassVar[Mapping[str, str]] = {"published_at": "timestamptz", "standing": "text"}
    DOCUMENT = ReportRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.report_id]

    def fold(self, key: str, document: ReportRow | None, recorded: Recorded[Any]) -> ReportRow | None:
        match recorded.event:
            case ReportPublished() as event:
                return ReportRow(published=event, published_at=recorded.recorded_at, position=recorded.position)
            case ReportConfirmed(comment=comment) if document:
                return _replied(document, recorded, None, comment)
            case ReportDisputed(figure=figure, reason=reason) if document:
                return _replied(document, recorded, figure, reason)
            case _:
                return document

    def columns(self, document: ReportRow) -> Mapping[str, object]:
        return {"published_at": document.published_at, "standing": document.standing.value}


def _replied(document: ReportRow, recorded: Recorded[Any], figure: str | None, words: Sealed | None) -> ReportRow:
    reply = ReplyRow(
        figure=figure,
        words=words,
        principal_id=recorded.envelope.actor.id,
        recorded_at=recorded.recorded_at,
        position=recorded.position,
    )
    return document.model_copy(update={"replies": (*document.replies, reply)})
