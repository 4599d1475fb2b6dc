"""What a tenant does without: each exception with its end, who answers for it, and how much it has kept back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.rule_lives import (
    ExceptedRulesMatched,
    RuleDisabled,
    RuleEnabled,
    RuleExcepted,
    RuleExceptionEnded,
    RuleExceptionRenewed,
)
from infra.read_database.views import DocumentView

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""How the table writes the end of what nobody has set an end to."""


class RuleExceptionDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    exception_id: str
    rule_id: str
    sha256: str
    disabled: bool
    owner_id: str
    expires_at: datetime | None
    reason: Sealed
    added_position: int
    renewals: int = 0
    matches: int = 0
    last_matched_at: datetime | None = None
    ended_position: int | None = None


class RuleExceptions(DocumentView[RuleExceptionDocument]):
    NAME = "rule_exceptions"
    VERSION = 1
    TABLE = "rule_exceptions"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {RuleExcepted, RuleExceptionRenewed, RuleExceptionEnded, RuleDisabled, RuleEnabled, ExceptedRulesMatched}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"rule_id": "text", "ended": "boolean", "expires_at": "timestamptz"}
    DOCUMENT = RuleExceptionDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, ExceptedRulesMatched):
            return [each.exception_id for each in event.excepted]
        return [event.exception_id]

    def fold(
        self, key: str, document: RuleExceptionDocument | None, recorded: Recorded[Any]
    ) -> RuleExceptionDocument | None:
        event = recorded.event
        if isinstance(event, RuleExcepted | RuleDisabled):
            return _added(recorded)
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was added")
        return document.model_copy(update=_changes(key, document, recorded))

    def columns(self, document: RuleExceptionDocument) -> Mapping[str, object]:
        return {
            "rule_id": document.rule_id,
            "ended": document.ended_position is not None,
            "expires_at": document.expires_at or FOREVER,
        }


def _added(recorded: Recorded[Any]) -> RuleExceptionDocument:
    event = recorded.event
    return RuleExceptionDocument(
        exception_id=event.exception_id,
        rule_id=event.rule_id,
        sha256=event.sha256,
        disabled=isinstance(event, RuleDisabled),
        owner_id=event.owner_id,
        expires_at=event.expires_at,
        reason=event.reason,
        added_position=recorded.position,
    )


def _changes(key: str, document: RuleExceptionDocument, recorded: Recorded[Any]) -> Mapping[str, object]:
    event = recorded.event
    match event:
        case RuleExceptionRenewed():
            renewals = document.renewals + 1
            return {
                "owner_id": event.owner_id,
                "expires_at": event.expires_at,
                "reason": event.reason,
                "renewals": renewals,
            }
        case RuleExceptionEnded() | RuleEnabled():
            return {"ended_position": recorded.position, "reason": event.reason}
        case ExceptedRulesMatched():
            own = [each for each in event.excepted if each.exception_id == key]
            last = max(each.last_seen_at for each in own)
            return {"matches": document.matches + sum(each.hits for each in own), "last_matched_at": last}
    raise ValueError(f"{event.TOPIC} does not belong to this view")
