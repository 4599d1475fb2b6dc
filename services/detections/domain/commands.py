"""What callers want of the detections service. Private fields are sealed when recorded."""

from contracts.commands import Command, Private
from contracts.events.base import Value
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
