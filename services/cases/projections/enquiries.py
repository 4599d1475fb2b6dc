"""Questions to the customer, with their answers or their silence."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.cases import EnquiryAnswered, EnquiryExpired, EnquirySent
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

EXPIRE_ENQUIRY = "expire_enquiry"


class EnquiryStatus(StrEnum):
    SENT = "sent"
    EXPECTED = "expected"
    NOT_EXPECTED = "not_expected"
    EXPIRED = "expired"


class EnquiryRow(Value):
    enquiry: EnquirySent
    sent: Stamp
    status: EnquiryStatus = EnquiryStatus.SENT
    answered: Stamp | None = None
    comment: Sealed | None = None


class Enquiries(DocumentView[EnquiryRow]):
    NAME = "enquiries"
    VERSION = 1
    TABLE = "enquiries"
    TOPICS = frozenset({EnquirySent, EnquiryAnswered, EnquiryExpired})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "detection_id": "text",
        "case_id": "text",
        "status": "text",
        "sent_position": "bigint",
    }
    DOCUMENT = EnquiryRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.enquiry_id]

    def fold(self, key: str, document: EnquiryRow | None, recorded: Recorded[Any]) -> EnquiryRow | None:
        event = recorded.event
        if isinstance(event, EnquirySent):
            return EnquiryRow(enquiry=event, sent=Stamp.of(recorded))
        if document is None:
            return None
        if isinstance(event, EnquiryExpired):
            return document.model_copy(update={"status": EnquiryStatus.EXPIRED})
        status = EnquiryStatus.EXPECTED if event.expected else EnquiryStatus.NOT_EXPECTED
        return document.model_copy(update={"status": status, "answered": Stamp.of(recorded), "comment": event.comment})

    def columns(self, document: EnquiryRow) -> Mapping[str, object]:
        return {
            "detection_id": document.enquiry.detection_id,
            "case_id": document.enquiry.case_id,
            "status": document.status.value,
            "sent_position": document.sent.position,
        }

    def timers(self, key: str, document: EnquiryRow) -> Sequence[Due]:
        if document.status is not EnquiryStatus.SENT:
            return ()
        return [Due(EXPIRE_ENQUIRY, document.enquiry.deadline, {"enquiry_id": key})]
