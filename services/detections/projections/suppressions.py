"""Suppressions of a tenant: what each hides, until when, who answers for it, and how much it has hidden."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import ActivityHidden, FieldCondition, SuppressionAdded, SuppressionLifted
from infra.read_database.views import DocumentView


class SuppressionDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    suppression_id: str
    rule_id: str | None
    conditions: tuple[FieldCondition, ...]
    starts_at: datetime
    expires_at: datetime
    owner_id: str
    reason: Sealed
    added_position: int
    hidden: int = 0
    last_hidden_at: datetime | None = None
    lifted_position: int | None = None


class Suppressions(DocumentView[SuppressionDocument]):
    NAME = "suppressions"
    VERSION = 1
    TABLE = "suppressions"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({SuppressionAdded, SuppressionLifted, ActivityHidden})
    COLUMNS: ClassVar[Mapping[str, str]] = {"lifted": "boolean", "expires_at": "timestamptz"}
    DOCUMENT = SuppressionDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, ActivityHidden):
            return list(dict.fromkeys(each.suppression_id for each in event.hidden))
        return [event.suppression_id]

    def fold(
        self, key: str, document: SuppressionDocument | None, recorded: Recorded[Any]
    ) -> SuppressionDocument | None:
        event = recorded.event
        if isinstance(event, SuppressionAdded):
            return _added(recorded)
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was added")
        if isinstance(event, SuppressionLifted):
            return document.model_copy(update={"lifted_position": recorded.position})
        own = [each for each in event.hidden if each.suppression_id == key]
        return document.model_copy(
            update={
                "hidden": document.hidden + sum(each.hits for each in own),
                "last_hidden_at": max(each.last_seen_at for each in own),
            }
        )

    def columns(self, document: SuppressionDocument) -> Mapping[str, object]:
        return {"lifted": document.lifted_position is not None, "expires_at": document.expires_at}


def _added(recorded: Recorded[SuppressionAdded]) -> SuppressionDocument:
    event = recorded.event
    return SuppressionDocument(
        suppression_id=event.suppression_id,
        rule_id=event.rule_id,
        conditions=event.conditions,
        starts_at=event.starts_at,
        expires_at=event.expires_at,
        owner_id=event.owner_id,
        reason=event.reason,
        added_position=recorded.position,
    )
