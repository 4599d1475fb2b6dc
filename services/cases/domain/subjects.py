"""What a response rests on, read from other services' streams: detections, findings, customers' reports; and assets.

These folds read only what they need and pass over every other event, because the streams belong to other services,
which may add events of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.events.assets import (
    AssetClass,
    AssetKind,
    AssetReclassified,
    AssetRegistered,
    AssetRetired,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Recorded, Sealed
from contracts.events.detections import (
    CustomerReportFiled,
    CustomerReportValidated,
    CustomerReportValidationWithdrawn,
    DetectionClaimed,
    DetectionRaised,
    DetectionReleased,
    DetectionValidated,
    DetectionValidationWithdrawn,
)
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind, SubjectRef, Verdict
from contracts.labels import Label
from services.cases.domain.errors import AssetUnknown, NotValidated, SubjectUnknown, ValidationWithdrawn


@dataclass(frozen=True, slots=True)
class Validation:
    position: int
    verdict: Verdict
    confidence_percent: int
    validator: str


@dataclass(frozen=True, slots=True)
class Subject:
    """`event_kind` is what a charter's lines name: detection, exposure, insecure_change, newcomer, customer_report."""

    kind: SubjectKind
    id: str = ""
    event_kind: str = ""
    severity_id: int = 0
    techniques: tuple[str, ...] = ()
    asset_ids: tuple[str, ...] = ()
    title: str = ""
    claimed_by: str | None = None
    rule_id: str = ""
    seen_at: datetime | None = None
    observables: tuple[Sealed, ...] = ()
    label: Label = Label.AMBER
    validation: Validation | None = None
    withdrawn: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.id)


def evolve_subject(state: Subject, recorded: Recorded[Any]) -> Subject:
    match recorded.event:
        case DetectionRaised() as event:
            return replace(
                state,
                id=event.detection_id,
                event_kind="detection",
                severity_id=event.severity_id,
                techniques=event.techniques,
                asset_ids=event.asset_ids,
                title=event.rule.title,
                rule_id=event.rule.rule_id,
                seen_at=event.first_seen_at,
                observables=event.observables,
                label=event.label,
            )
        case FindingReported() as event:
            return replace(
                state,
                id=event.finding_id,
                event_kind=event.kind.value,
                severity_id=event.severity_id,
                asset_ids=event.asset_ids,
                title=event.title,
            )
        case CustomerReportFiled() as event:
            return replace(
                state,
                id=event.customer_report_id,
                event_kind="customer_report",
                severity_id=event.severity_id,
                asset_ids=event.asset_ids,
                title="Reported by the customer",
            )
        case DetectionClaimed() as event:
            return replace(state, claimed_by=event.principal_id)
        case DetectionReleased():
            return replace(state, claimed_by=None)
        case DetectionValidated() | FindingValidated() | CustomerReportValidated() as event:
            validation = Validation(
                recorded.position, event.verdict, event.confidence_percent, recorded.envelope.actor.id
            )
            return replace(state, validation=validation, withdrawn=False)
        case DetectionValidationWithdrawn() | FindingValidationWithdrawn() | CustomerReportValidationWithdrawn():
            return replace(state, validation=None, withdrawn=True)
        case _:
            return state


def no_subject(kind: SubjectKind) -> Callable[[], Subject]:
    return lambda: Subject(kind)


def standing_validation(subject: Subject) -> Validation:
    """The validation that a response may rest on. Raises SubjectUnknown, ValidationWithdrawn, NotValidated."""
    metadata = {"subject_kind": subject.kind.value, "subject_id": subject.id}
    if not subject.exists:
        raise SubjectUnknown("There is no such detection, finding or report in this tenant.")
    if subject.validation is None and subject.withdrawn:
        raise ValidationWithdrawn("The validation was withdrawn; nothing can rest on it.", metadata=metadata)
    if subject.validation is None:
        raise NotValidated("No person has validated this yet.", metadata=metadata)
    if subject.validation.verdict not in CALLS_FOR_RESPONSE:
        raise NotValidated(
            f"The verdict {subject.validation.verdict.value} calls for no response.",
            metadata={**metadata, "verdict": subject.validation.verdict.value},
        )
    return subject.validation


def cite(subject: Subject, stream_version: int) -> SubjectRef:
    """What a response records: this subject by the position of its standing validation. Raises as above."""
    validation = standing_validation(subject)
    return SubjectRef(
        kind=subject.kind, id=subject.id, stream_version=stream_version, validation_position=validation.position
    )


def still_stands(subject: Subject, cited: SubjectRef) -> None:
    """Raises ValidationWithdrawn or NotValidated unless exactly the cited validation stands."""
    validation = standing_validation(subject)
    if validation.position != cited.validation_position:
        raise ValidationWithdrawn(
            "The validation that this rests on was replaced by another one; decide the plan again.",
            metadata={"cited": str(cited.validation_position), "standing": str(validation.position)},
        )


@dataclass(frozen=True, slots=True)
class Asset:
    asset_id: str = ""
    kind: AssetKind = AssetKind.UNKNOWN
    asset_class: AssetClass = AssetClass.UNCLASSIFIED
    value: int = 1
    group: str = ""
    external_id: Sealed | str | None = None
    """How connectors know it; a text only where it was registered before these identifiers were sealed."""
    external_id_index: str | None = None
    retired: bool = False

    def known_as(self, external_id: str, index: str) -> bool:
        """Whether this is its identifier, of which `index` is the blind index."""
        return self.external_id == external_id if self.external_id_index is None else self.external_id_index == index


def evolve_asset(state: Asset, recorded: Recorded[Any]) -> Asset:
    match recorded.event:
        case AssetRegistered() as event:
            return Asset(
                event.asset_id,
                event.kind,
                event.asset_class,
                event.value,
                event.group,
                event.external_id,
                event.external_id_index,
            )
        case AssetReclassified() as event:
            return replace(state, asset_class=event.asset_class, value=event.value, group=event.group)
        case AssetRetired():
            return replace(state, retired=True)
        case _:
            return state


def known(asset: Asset, asset_id: str) -> Asset:
    """The asset itself. Raises AssetUnknown for one that is not registered here, or was retired."""
    if not asset.asset_id or asset.retired:
        raise AssetUnknown("The asset is not registered with this tenant.", metadata={"asset_id": asset_id})
    return asset
