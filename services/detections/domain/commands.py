"""What callers want of the detections service. Private fields are sealed when recorded."""

from datetime import datetime

from contracts.commands import Command, Private
from contracts.events.base import Instant, Value
from contracts.events.detections import ConditionOperator, IdentityPart
from contracts.events.hunts import HuntKind
from contracts.events.intelligence import FetchKind, ImportMode, SightingSubject
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


class DiscoverHosts(Command):
    """What the batch at a position names, which lies in the object store, is looked through for new hosts."""

    sensor_id: str
    batch_position: int


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


class RuleShareInput(Value):
    rule_id: str
    share_permille: int


class SetBlindReviewShare(Command):
    """Shares are in thousandths."""

    share_permille: int
    rules: tuple[RuleShareInput, ...]
    reason: Private


class DrawBlindReview(Command):
    """A policy asks whether this verdict is drawn."""

    detection_id: str
    validation_position: int
    validator_id: str


class GiveBlindReview(Command):
    review_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Private


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
    """The archive itself is in the provider's object store under `sha256` before the command is decided, and the
    signature, if it came with one, under `signature_sha256`."""

    name: str
    sha256: str
    signature_sha256: str = ""
    reason: Private = ""


class DeployRulePack(Command):
    pack_id: str
    reason: Private = ""


class TrustRulePublisher(Command):
    verifier_key: str
    names: tuple[str, ...]
    reason: Private


class DistrustRulePublisher(Command):
    verifier_key: str
    release_names: bool
    reason: Private


class RetireRule(Command):
    rule_id: str
    reason: Private


class ReinstateRule(Command):
    rule_id: str
    reason: Private


class CompleteHunt(Command):
    """A hunt as it was asked for; what came of it is no part of the request."""

    hunt_id: str
    kind: HuntKind
    question: Private
    reason: Private
    start: Instant
    end: Instant
    dry_run: bool = False


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


class ExceptRule(Command):
    rule_id: str
    expires_at: datetime
    reason: Private


class RenewRuleException(Command):
    exception_id: str
    expires_at: datetime
    reason: Private


class EndRuleException(Command):
    exception_id: str
    reason: Private


class DisableRule(Command):
    """`expires_at` None: until it is enabled."""

    rule_id: str
    expires_at: datetime | None
    reason: Private


class EnableRule(Command):
    rule_id: str
    reason: Private


class ImportIntelligence(Command):
    """The content itself is in the object store under `content_sha256` before the command is decided."""

    source: str
    mode: ImportMode
    label: Label
    content_sha256: str
    cursor: str | None = None


class RetireIntelligenceSource(Command):
    source: str


class ScheduleIntelligenceFetch(Command):
    source: str
    url: str
    credential: str | None
    interval_minutes: int
    label: Label
    kind: FetchKind


class NoteIntelligenceFetch(Command):
    """What a fetch came to that brought nothing; `refusal` is its stable reason."""

    source: str
    refusal: str | None


class JoinSightingSharing(Command):
    pass


class LeaveSightingSharing(Command):
    pass


class ContributeSighting(Command):
    """`contributor` is a keyed digest of who contributes."""

    subject_kind: SightingSubject
    subject_id: str
    contributor: str


class RetractSighting(Command):
    """`contributor` is a keyed digest of who had contributed."""

    subject_kind: SightingSubject
    subject_id: str
    contributor: str


class ReportSightings(Command):
    subject_kind: SightingSubject
    subject_id: str
