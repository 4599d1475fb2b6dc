"""What callers want of the detections service. Private fields are sealed when recorded."""

from contracts.commands import Command, Private
from contracts.events.base import Instant, Value
from contracts.events.detections import HuntKind
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
