"""Incident notices with their deadlines."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.cases import NoticeAcknowledged, NoticeOverdue, NoticeSent
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

MARK_NOTICE_OVERDUE = "mark_notice_overdue"


class NoticeStatus(StrEnum):
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    OVERDUE = "overdue"


class NoticeRow(Value):
    notice: NoticeSent
    sent: Stamp
    status: NoticeStatus = NoticeStatus.SENT
    acknowledged: Stamp | None = None
    decision: str = ""
    comment: Sealed | None = None


class Notices(DocumentView[NoticeRow]):
    NAME = "notices"
    VERSION = 1
    TABLE = "notices"
    TOPICS = frozenset({NoticeSent, NoticeAcknowledged, NoticeOverdue})
    COLUMNS: ClassVar[Mapping[str, str]] = {"case_id": "text", "status": "text", "sent_position": "bigint"}
    DOCUMENT = NoticeRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.notice_id]

    def fold(self, key: str, document: NoticeRow | None, recorded: Recorded[Any]) -> NoticeRow | None:
        event = recorded.event
        if isinstance(event, NoticeSent):
            return NoticeRow(notice=event, sent=Stamp.of(recorded))
        if document is None:
            return None
        if isinstance(event, NoticeOverdue):
            return document.model_copy(update={"status": NoticeStatus.OVERDUE})
        update = {
            "status": NoticeStatus.ACKNOWLEDGED,
            "acknowledged": Stamp.of(recorded),
            "decision": event.decision,
            "comment": event.comment,
        }
        return document.model_copy(update=update)

    def columns(self, document: NoticeRow) -> Mapping[str, object]:
        return {
            "case_id": document.notice.case_id,
            "status": document.status.value,
            "sent_position": document.sent.position,
        }

    def timers(self, key: str, document: NoticeRow) -> Sequence[Due]:
        if document.status is not NoticeStatus.SENT:
            return ()
        return [Due(MARK_NOTICE_OVERDUE, document.notice.deadline, {"notice_id": key})]
