"""What is expected in a tenant, by which verdict, until when, and how often it was seen again without being asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded
from contracts.events.detections import (
    EndOfExpectation,
    ExpectedActivitySeen,
    ExpectedBehaviourConfirmed,
    ExpectedBehaviourEnded,
    ExpectedBehaviourRemembered,
    IdentityPart,
    RuleRef,
)
from infra.read_database.views import DocumentView


class ExpectedBehaviourDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    expected_behaviour_id: str
    detection_id: str
    validation_position: int
    rule: RuleRef
    parts: tuple[IdentityPart, ...]
    expires_at: datetime
    privileged: bool
    remembered_by: str
    remembered_position: int
    confirmed_by: str | None = None
    end: EndOfExpectation | None = None
    hits: int = 0
    last_seen_at: datetime | None = None


class ExpectedBehaviours(DocumentView[ExpectedBehaviourDocument]):
    NAME = "expected_behaviours"
    VERSION = 1
    TABLE = "expected_behaviours"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {ExpectedBehaviourRemembered, ExpectedBehaviourConfirmed, ExpectedBehaviourEnded, ExpectedActivitySeen}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"ended": "boolean", "expires_at": "timestamptz"}
    DOCUMENT = ExpectedBehaviourDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, ExpectedActivitySeen):
            return list(dict.fromkeys(each.expected_behaviour_id for each in event.expected))
        return [event.expected_behaviour_id]

    def fold(
        self, key: str, document: ExpectedBehaviourDocument | None, recorded: Recorded[Any]
    ) -> ExpectedBehaviourDocument | None:
        event = recorded.event
        if isinstance(event, ExpectedBehaviourRemembered):
            return _remembered(recorded)
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was remembered")
        if isinstance(event, ExpectedBehaviourConfirmed):
            return document.model_copy(update={"confirmed_by": event.principal_id})
        if isinstance(event, ExpectedBehaviourEnded):
            return document.model_copy(update={"end": event.end})
        own = [each for each in event.expected if each.expected_behaviour_id == key]
        return document.model_copy(
            update={
                "hits": document.hits + sum(each.hits for each in own),
                "last_seen_at": max(each.last_seen_at for each in own),
            }
        )

    def columns(self, document: ExpectedBehaviourDocument) -> Mapping[str, object]:
        return {"ended": document.end is not None, "expires_at": document.expires_at}


def _remembered(recorded: Recorded[ExpectedBehaviourRemembered]) -> ExpectedBehaviourDocument:
    event = recorded.event
    return ExpectedBehaviourDocument(
        expected_behaviour_id=event.expected_behaviour_id,
        detection_id=event.detection_id,
        validation_position=event.validation_position,
        rule=event.rule,
        parts=event.parts,
        expires_at=event.expires_at,
        privileged=event.privileged,
        remembered_by=recorded.envelope.actor.id,
        remembered_position=recorded.position,
    )
