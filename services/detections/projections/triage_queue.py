"""What waits for a person, over all tenants, by how much it matters (`domain/priority.py`).

Value and exposure are those that the assets had when the detection was raised, and a technique weighs what ATT&CK, as
it was imported then, says. What other customers are told to have sighted counts from when this tenant's ledger says so.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import (
    DetectionClaimed,
    DetectionFoundByHunt,
    DetectionRaised,
    DetectionReleased,
    DetectionRepeated,
    DetectionValidated,
    DetectionValidationWithdrawn,
    TechniqueWeight,
)
from contracts.events.intelligence import SightingsEnded, SightingsReported
from contracts.labels import Label
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView
from services.detections.domain.priority import Exposure, Inputs
from services.detections.projections.verdicts import TriageState

_TOLD = (SightingsReported, SightingsEnded)


class TriageItem(BaseModel):
    """One line of the queue. `severity_id` 0 and `asset_value` None mean that nobody knows."""

    model_config = ConfigDict(frozen=True)

    detection_id: str
    rule_id: str
    rule_title: str
    severity_id: int
    asset_value: int | None
    asset_ids: tuple[str, ...]
    techniques: tuple[str, ...]
    source: str
    count: int
    retrospective: int = 0
    first_seen_at: datetime
    last_seen_at: datetime
    raised_at: datetime
    state: TriageState
    claimed_by: str | None
    headline: Sealed
    label: Label
    likelihood_percent: int | None = None
    sightings: int | None = None
    exposure: Exposure | None = None
    technique: TechniqueWeight | None = None

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            self.severity_id,
            self.asset_value,
            self.likelihood_percent,
            self.sightings,
            self.exposure,
            self.technique.weight_percent if self.technique is not None else None,
        )


class TriageQueue(DocumentView[TriageItem]):
    NAME = "triage_queue"
    VERSION = 3
    READABLE_VERSIONS = frozenset({1, 2})
    TABLE = "triage_queue"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            DetectionRaised,
            DetectionFoundByHunt,
            DetectionRepeated,
            DetectionClaimed,
            DetectionReleased,
            DetectionValidated,
            DetectionValidationWithdrawn,
            SightingsReported,
            SightingsEnded,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "state": "text",
        "priority": "integer",
        "severity_id": "integer",
        "rule_id": "text",
        "claimed_by": "text",
        "raised_at": "timestamptz",
    }
    DOCUMENT = TriageItem

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [] if isinstance(recorded.event, _TOLD) else [recorded.event.detection_id]

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """What others have sighted concerns everything that the same rule or indicator raised here."""
        event = recorded.event
        return [equal("rule_id", event.subject_id)] if isinstance(event, _TOLD) else []

    def fold(self, key: str, document: TriageItem | None, recorded: Recorded[Any]) -> TriageItem | None:
        if isinstance(recorded.event, DetectionRaised):
            return _raised(recorded)
        if document is None:
            raise ValueError(f"{recorded.event.TOPIC} of {key} before it was raised")
        return document.model_copy(update=_changes(document, recorded.event))

    def columns(self, document: TriageItem) -> Mapping[str, object]:
        return {
            "state": document.state.value,
            "priority": document.inputs.priority,
            "severity_id": document.severity_id,
            "rule_id": document.rule_id,
            "claimed_by": document.claimed_by,
            "raised_at": document.raised_at,
        }


def _raised(recorded: Recorded[DetectionRaised]) -> TriageItem:
    event = recorded.event
    return TriageItem(
        detection_id=event.detection_id,
        rule_id=event.rule.rule_id,
        rule_title=event.rule.title,
        severity_id=event.severity_id,
        asset_value=event.asset_value,
        asset_ids=event.asset_ids,
        techniques=event.techniques,
        source=event.source,
        count=event.count,
        first_seen_at=event.first_seen_at,
        last_seen_at=event.last_seen_at,
        raised_at=recorded.recorded_at,
        state=TriageState.OPEN,
        claimed_by=None,
        headline=event.headline,
        label=event.label,
        likelihood_percent=event.indicator.confidence_percent if event.indicator is not None else None,
        sightings=event.sightings,
        exposure=Exposure(event.exposure) if event.exposure else None,
        technique=event.technique,
    )


def _changes(document: TriageItem, event: Event) -> Mapping[str, object]:
    match event:
        case DetectionRepeated():
            return {
                "count": document.count + event.count,
                "first_seen_at": min(document.first_seen_at, event.first_seen_at),
                "last_seen_at": max(document.last_seen_at, event.last_seen_at),
            }
        case DetectionFoundByHunt():
            return {"retrospective": document.retrospective + event.count}
        case DetectionClaimed():
            return {"state": TriageState.CLAIMED, "claimed_by": event.principal_id}
        case DetectionReleased():
            return {"state": TriageState.OPEN, "claimed_by": None}
        case DetectionValidated():
            return {"state": TriageState.VALIDATED}
        case SightingsReported():
            return {"sightings": event.at_least}
        case SightingsEnded():
            return {"sightings": 0}
        case DetectionValidationWithdrawn():
            return {"state": TriageState.CLAIMED if document.claimed_by else TriageState.OPEN}
    raise ValueError(f"{event.TOPIC} does not belong to this view")
