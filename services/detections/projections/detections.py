"""Every detection with its evidence and verdict, as it is known."""

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
    IndicatorRef,
    RuleRef,
    TechniqueWeight,
)
from contracts.events.subjects import Evidence
from contracts.labels import Label
from infra.read_database.views import DocumentView
from services.detections.projections.verdicts import TriageState, ValidationDocument, validation_of

MAX_EVIDENCE_SHOWN = 20
"""Samples kept of a group; the count tells how many records there were."""


class DetectionDocument(BaseModel):
    """A detection. Sealed fields are references."""

    model_config = ConfigDict(frozen=True)

    detection_id: str
    rule: RuleRef
    source: str
    severity_id: int
    techniques: tuple[str, ...]
    asset_ids: tuple[str, ...]
    sensor_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    count: int
    retrospective: int = 0
    headline: Sealed
    observables: tuple[Sealed, ...]
    evidence: tuple[Evidence, ...]
    label: Label
    state: TriageState
    claimed_by: str | None
    validation: ValidationDocument | None
    raised_position: int
    raised_at: datetime
    indicator: IndicatorRef | None = None
    sightings: int | None = None
    technique: TechniqueWeight | None = None


class Detections(DocumentView[DetectionDocument]):
    NAME = "detections"
    VERSION = 3
    READABLE_VERSIONS = frozenset({1, 2})
    TABLE = "detections"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            DetectionRaised,
            DetectionFoundByHunt,
            DetectionRepeated,
            DetectionClaimed,
            DetectionReleased,
            DetectionValidated,
            DetectionValidationWithdrawn,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "state": "text",
        "rule_id": "text",
        "severity_id": "integer",
        "asset_ids": "text[]",
        "raised_at": "timestamptz",
    }
    DOCUMENT = DetectionDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.detection_id]

    def fold(self, key: str, document: DetectionDocument | None, recorded: Recorded[Any]) -> DetectionDocument | None:
        if isinstance(recorded.event, DetectionRaised):
            return _raised(recorded)
        if document is None:
            raise ValueError(f"{recorded.event.TOPIC} of {key} before it was raised")
        return document.model_copy(update=_changes(document, recorded))

    def columns(self, document: DetectionDocument) -> Mapping[str, object]:
        return {
            "state": document.state.value,
            "rule_id": document.rule.rule_id,
            "severity_id": document.severity_id,
            "asset_ids": list(document.asset_ids),
            "raised_at": document.raised_at,
        }


def _raised(recorded: Recorded[DetectionRaised]) -> DetectionDocument:
    event = recorded.event
    return DetectionDocument(
        detection_id=event.detection_id,
        rule=event.rule,
        source=event.source,
        severity_id=event.severity_id,
        techniques=event.techniques,
        asset_ids=event.asset_ids,
        sensor_id=event.sensor_id,
        first_seen_at=event.first_seen_at,
        last_seen_at=event.last_seen_at,
        count=event.count,
        headline=event.headline,
        observables=event.observables,
        evidence=event.evidence,
        label=event.label,
        state=TriageState.OPEN,
        claimed_by=None,
        validation=None,
        raised_position=recorded.position,
        raised_at=recorded.recorded_at,
        indicator=event.indicator,
        sightings=event.sightings,
        technique=event.technique,
    )


def _changes(document: DetectionDocument, recorded: Recorded[Any]) -> Mapping[str, object]:
    event = recorded.event
    match event:
        case DetectionRepeated():
            return {
                "count": document.count + event.count,
                "first_seen_at": min(document.first_seen_at, event.first_seen_at),
                "last_seen_at": max(document.last_seen_at, event.last_seen_at),
                "evidence": (*document.evidence, *event.evidence)[:MAX_EVIDENCE_SHOWN],
            }
        case DetectionFoundByHunt():
            return {"retrospective": document.retrospective + event.count}
        case DetectionClaimed():
            return {"state": TriageState.CLAIMED, "claimed_by": event.principal_id}
        case DetectionReleased():
            return {"state": TriageState.OPEN, "claimed_by": None}
        case DetectionValidated():
            return {"state": TriageState.VALIDATED, "validation": validation_of(recorded)}
        case DetectionValidationWithdrawn():
            state = TriageState.CLAIMED if document.claimed_by else TriageState.OPEN
            return {"state": state, "validation": None}
    raise ValueError(f"{event.TOPIC} does not belong to this view")
