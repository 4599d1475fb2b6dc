"""Suggestions that two cases are parts of one attack, the likeliest first."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.case_work import JoiningReason, LinkAccepted, LinkDeclined, LinkSuggested
from infra.read_database.views import DocumentView
from services.cases.domain.joining import SuggestionStatus, score
from services.cases.projections.stamp import Stamp


class SuggestionRow(Value):
    suggestion_id: str
    case_id: str
    with_case_id: str
    reasons: tuple[JoiningReason, ...]
    suggested: Stamp
    status: SuggestionStatus = SuggestionStatus.SUGGESTED
    settled: Stamp | None = None
    into_case_id: str = ""
    why_declined: Sealed | None = None


class LinkSuggestions(DocumentView[SuggestionRow]):
    NAME = "link_suggestions"
    VERSION = 1
    TABLE = "link_suggestions"
    TOPICS = frozenset({LinkSuggested, LinkAccepted, LinkDeclined})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "status": "text",
        "score": "integer",
        "case_ids": "text[]",
        "suggested_position": "bigint",
    }
    DOCUMENT = SuggestionRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.suggestion_id]

    def fold(self, key: str, document: SuggestionRow | None, recorded: Recorded[Any]) -> SuggestionRow | None:
        event, stamp = recorded.event, Stamp.of(recorded)
        if isinstance(event, LinkSuggested):
            return SuggestionRow(
                suggestion_id=key,
                case_id=event.case_id,
                with_case_id=event.with_case_id,
                reasons=event.reasons,
                suggested=stamp,
            )
        if document is None:
            return None
        match event:
            case LinkAccepted():
                settled = {"status": SuggestionStatus.ACCEPTED, "settled": stamp, "into_case_id": event.into_case_id}
                return document.model_copy(update=settled)
            case LinkDeclined():
                declined = {"status": SuggestionStatus.DECLINED, "settled": stamp, "why_declined": event.reason}
                return document.model_copy(update=declined)
            case _:
                return document

    def columns(self, document: SuggestionRow) -> Mapping[str, object]:
        return {
            "status": document.status.value,
            "score": score(document.reasons),
            "case_ids": [document.case_id, document.with_case_id],
            "suggested_position": document.suggested.position,
        }
