"""The commands of the assets service, and the blind indexes that some of them are decided with."""

from dataclasses import dataclass
from datetime import datetime

from contracts.commands import Command, Private
from contracts.events.assets import AssetClass, AssetKind, FindingKind, VulnerabilityFeed
from contracts.events.base import Sealed, Value
from contracts.events.discovery import DiscoveryBound
from contracts.events.subjects import Sight, Verdict
from contracts.labels import Label


@dataclass(frozen=True, slots=True)
class AssetIndexes:
    """Blind indexes of what a RegisterAsset names, made under the tenant's search key."""

    name: str
    addresses: tuple[str, ...]
    owner: str | None
    external_id: str | None


class RegisterAsset(Command):
    kind: AssetKind
    asset_class: AssetClass
    value: int
    group: str
    name: Private
    addresses: tuple[Private, ...]
    owner: Private | None
    business_context: Private | None
    external_id: Private | None


class ReclassifyAsset(Command):
    asset_id: str
    asset_class: AssetClass
    value: int
    group: str
    reason: Private


class RetireAsset(Command):
    asset_id: str
    reason: Private


class RegisterSensor(Command):
    system_type: str
    asset_id: str | None
    interval_seconds: int
    principal_id: str | None


class RecordHeartbeat(Command):
    sensor_id: str


class StartSensorSilence(Command):
    """`last_heard_at` is the last sign of life that was taken down, None when there was none."""

    sensor_id: str
    last_heard_at: datetime | None


class EndSensorSilence(Command):
    sensor_id: str
    heard_at: datetime


class ReportFinding(Command):
    kind: FindingKind
    asset_ids: tuple[str, ...]
    title: str
    vulnerability_id: str | None
    severity_id: int
    exposure: str | None
    likelihood_millionths: int | None
    known_exploited: bool | None
    detail: Private
    label: Label
    source: str


class EvidenceBrought(Value):
    """A piece of evidence as a command brings it; its summary is sealed by the decision."""

    label: Label
    summary: Private
    sha256: str | None
    offset: int | None
    position: int | None


class ValidateFinding(Command):
    finding_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Private
    evidence: tuple[EvidenceBrought, ...]
    seen: tuple[Sight, ...]


class WithdrawFindingValidation(Command):
    finding_id: str
    validation_position: int
    reason: Private


class ReportFindingFix(Command):
    finding_id: str
    asset_ids: tuple[str, ...]
    detail: Private


class VerifyFindingFix(Command):
    finding_id: str
    asset_ids: tuple[str, ...]
    observation: EvidenceBrought


class ReportNewcomer(Command):
    """`called` refers to what telemetry calls the host, as it was sealed when the host was discovered."""

    host_id: str
    called: Sealed
    source: str


class ReportMoreNewcomers(Command):
    """There are more new hosts than are recorded: than `limit` of a `day`, or of all."""

    bound: DiscoveryBound
    day: str
    limit: int


class ResolveNewcomer(Command):
    """The asset that was registered at `position` is the host."""

    host_id: str
    asset_id: str
    position: int


class ReassessFinding(Command):
    finding_id: str


class ImportVulnerabilityFeed(Command):
    """The content goes by its SHA-256; `released_at` dates a feed that does not tell its own date."""

    feed: VulnerabilityFeed
    sha256: str
    released_at: datetime | None


class ScheduleVulnerabilityFeed(Command):
    feed: VulnerabilityFeed
    url: str
    interval_minutes: int


class UnscheduleVulnerabilityFeed(Command):
    feed: VulnerabilityFeed


class NoteVulnerabilityFeedFetch(Command):
    """`refusal` is why the feed was not fetched, None where it was."""

    feed: VulnerabilityFeed
    refusal: str | None
