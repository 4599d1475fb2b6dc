"""Messages to contacts and to people on call, each with what it is about and every stage of its way."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Value
from contracts.events.messages import MessageAccepted, MessageAttempted, MessageDispatched, MessageLost, MessageRefused
from infra.read_database.views import DocumentView
from services.cases.domain.message import UNSETTLED, MessageStatus
from services.cases.projections.stamp import Stamp


class MessageRow(Value):
    """`reason` is why it was refused or lost."""

    intent: MessageDispatched
    status: MessageStatus = MessageStatus.DISPATCHED
    reason: str = ""
    dispatched: Stamp
    settled: Stamp | None = None
    trace_parent: str = ""
    correlation_id: str = ""


class Messages(DocumentView[MessageRow]):
    NAME = "messages"
    VERSION = 2
    TABLE = "messages"
    TOPICS = frozenset({MessageDispatched, MessageAttempted, MessageAccepted, MessageRefused, MessageLost})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "about": "text",
        "about_id": "text",
        "status": "text",
        "first_position": "bigint",
        "unsettled": "boolean",
    }
    DOCUMENT = MessageRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.message_id]

    def fold(self, key: str, document: MessageRow | None, recorded: Recorded[Any]) -> MessageRow | None:
        event, envelope = recorded.event, recorded.envelope
        if isinstance(event, MessageDispatched):
            return MessageRow(
                intent=event,
                dispatched=Stamp.of(recorded),
                trace_parent=envelope.trace_parent,
                correlation_id=envelope.correlation_id,
            )
        if document is None:
            return None
        match event:
            case MessageAttempted():
                return document.model_copy(update={"status": MessageStatus.ATTEMPTED})
            case MessageAccepted():
                update: dict[str, object] = {"status": MessageStatus.ACCEPTED}
            case MessageRefused():
                update = {"status": MessageStatus.REFUSED, "reason": event.reason}
            case _:
                update = {"status": MessageStatus.LOST, "reason": event.reason}
        return document.model_copy(update={**update, "settled": Stamp.of(recorded)})

    def columns(self, document: MessageRow) -> Mapping[str, object]:
        return {
            "about": document.intent.about.value,
            "about_id": document.intent.about_id,
            "status": document.status.value,
            "first_position": document.dispatched.position,
            "unsettled": document.status in UNSETTLED,
        }
