"""What callers want of the detections service. Private fields are sealed when recorded."""

from datetime import datetime

from contracts.commands import Command, Private
from contracts.events.base import Instant, Value
from contracts.events.detections import ConditionOperator, HuntKind, IdentityPart
from contracts.events.subjects import Sight, Verdict
from contracts.labels import Label


class EvidenceInput(Value):
    """A piece of evidence as it is brought forward."""

    label: Label
    summary: Private
    sha256: str | None = None
    offset: int | None = None
    position: int | None = None


class IngestBatch(Command):
    """The bytes themselves are in the object store under `sha256` before the command is decided."""

    batch_id: str
    sensor_id: str
    format: str
    first_record: int | None
    sha256: str
    bytes: int


class ClaimDetection(Command):
    detection_id: str


class ReleaseDetection(Command):
    detection_id: str


class ValidateDetection(Command):
    detection_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Private
    evidence: tuple[EvidenceInput, ...] = ()
    seen: tuple[Sight, ...] = ()
    duplicate_of: str | None = None


class WithdrawDetectionValidation(Command):
    detection_id: str
    validation_position: int
    reason: Private


class FileCustomerReport(Command):
    severity_id: int
    asset_ids: tuple[str, ...]
    summary: Private
    label: Label


class ValidateCustomerReport(Command):
    customer_report_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Private
    evidence: tuple[EvidenceInput, ...] = ()
    seen: tuple[Sight, ...] = ()


class WithdrawCustomerReportValidation(Command):
    customer_report_id: str
    validation_position: int
    reason: Private


class ImportRulePack(Command):
    """The archive itself is in the provider's object store under `sha256` before the command is decided."""

    name: str
    sha256: str


class DeployRulePack(Command):
    pack_id: str


class CompleteHunt(Command):
    """What came of a hunt."""

    hunt_id: str
    kind: HuntKind
    question: Private
    reason: Private
    start: Instant
    end: Instant
    files: int
    records: int
    missing_hours: int
    found: int
    truncated: bool


class ConditionInput(Value):
    field: str
    operator: ConditionOperator
    value: Private


class AddSuppression(Command):
    """`starts_at` left out is now."""

    rule_id: str | None
    conditions: tuple[ConditionInput, ...]
    starts_at: datetime | None
    expires_at: datetime
    reason: Private


class LiftSuppression(Command):
    suppression_id: str
    reason: Private


class RememberExpectedBehaviour(Command):
    """`parts` are what has to be the same; none means everything that identifies the detection's group."""

    detection_id: str
    validation_position: int
    parts: tuple[IdentityPart, ...]
    expires_at: datetime


class ConfirmExpectedBehaviour(Command):
    expected_behaviour_id: str


class EndExpectedBehaviour(Command):
    expected_behaviour_id: str
