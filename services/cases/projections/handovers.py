"""Handovers of shifts, in the provider's ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Value
from contracts.events.people import HandoverCompleted, HandoverItem, HandoverItemAccepted, HandoverStarted
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp


class HandoverRow(Value):
    handover: HandoverStarted
    started: Stamp
    accepted: tuple[HandoverItem, ...] = ()
    completed: Stamp | None = None


class Handovers(DocumentView[HandoverRow]):
    NAME = "handovers"
    VERSION = 1
    TABLE = "handovers"
    TOPICS = frozenset({HandoverStarted, HandoverItemAccepted, HandoverCompleted})
    COLUMNS: ClassVar[Mapping[str, str]] = {"rota": "text", "completed": "boolean", "started_position": "bigint"}
    DOCUMENT = HandoverRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.handover_id]

    def fold(self, key: str, document: HandoverRow | None, recorded: Recorded[Any]) -> HandoverRow | None:
        event = recorded.event
        if isinstance(event, HandoverStarted):
            return HandoverRow(handover=event, started=Stamp.of(recorded))
        if document is None:
            return None
        if isinstance(event, HandoverItemAccepted):
            return document.model_copy(update={"accepted": (*document.accepted, event.item)})
        return document.model_copy(update={"completed": Stamp.of(recorded)})

    def columns(self, document: HandoverRow) -> Mapping[str, object]:
        return {
            "rota": document.handover.rota_id,
            "completed": document.completed is not None,
            "started_position": document.started.position,
        }
