"""Events of the assets service: assets, sensors, findings that precede an attack."""

from enum import StrEnum

from contracts.events.base import Event, Instant, Payload, Sealed, Value, event, upcaster
from contracts.events.subjects import Evidence, Sight, Verdict
from contracts.labels import Label


class AssetKind(StrEnum):
    """What the asset is, after OCSF `device.type`, with accounts and services beside devices."""

    SERVER = "server"
    DESKTOP = "desktop"
    LAPTOP = "laptop"
    KIOSK = "kiosk"
    NETWORK_DEVICE = "network_device"
    CONTROLLER = "controller"
    CLOUD_RESOURCE = "cloud_resource"
    SERVICE = "service"
    ACCOUNT = "account"
    UNKNOWN = "unknown"


class AssetClass(StrEnum):
    """What the business uses it for; a charter's lines name these. `protected` classes are never left to an attack."""

    BUSINESS_CRITICAL = "business_critical"
    CLINICAL = "clinical"
    REVENUE = "revenue"
    PRODUCTION_LINE = "production_line"
    PRIVILEGED_IDENTITY = "privileged_identity"
    EXECUTIVE_IDENTITY = "executive_identity"
    IDENTITY = "identity"
    STANDARD = "standard"
    UNCLASSIFIED = "unclassified"


class FindingKind(StrEnum):
    EXPOSURE = "exposure"
    INSECURE_CHANGE = "insecure_change"
    NEWCOMER = "newcomer"


class VulnerabilityFeed(StrEnum):
    """A published list that tells how likely vulnerabilities are to be exploited."""

    KEV = "kev"
    """CISA's catalogue of known exploited vulnerabilities."""
    EPSS = "epss"
    """FIRST's Exploit Prediction Scoring System: a probability for each vulnerability."""


class FeedVersion(Value):
    """A version of a feed that an assessment rests on. `position` is that of its import in the provider's ledger."""

    feed: VulnerabilityFeed
    version: str
    sha256: str
    position: int


@event("tenet.assets.AssetRegistered", category="asset", version=2)
class AssetRegistered(Event):
    """`value` is the business criticality from 1 (lowest) to 5. `name_index` and `address_indexes` are blind indexes
    (HMAC-SHA-256 under the tenant's search key) by which telemetry is matched to the asset.

    `external_id` is the identifier by which an action connector knows the asset (an agent or directory id), and
    `external_id_index` its blind index.
    """

    asset_id: str
    kind: AssetKind
    asset_class: AssetClass
    value: int
    group: str
    name: Sealed
    addresses: tuple[Sealed, ...]
    owner: Sealed | None
    business_context: Sealed | None
    name_index: str
    address_indexes: tuple[str, ...]
    external_id: Sealed | str | None
    """A text only where version 1 wrote it, in the clear."""
    external_id_index: str | None


@upcaster("tenet.assets.AssetRegistered", 1)
def _asset_registered_1(payload: Payload) -> Payload:
    """What stood in the clear cannot be sealed afterwards, nor indexed without the tenant's key."""
    return {**payload, "external_id_index": None}


@event("tenet.assets.AssetReclassified", category="asset")
class AssetReclassified(Event):
    asset_id: str
    asset_class: AssetClass
    value: int
    group: str
    reason: Sealed


@event("tenet.assets.AssetRetired", category="asset")
class AssetRetired(Event):
    asset_id: str
    reason: Sealed


@event("tenet.assets.SensorRegistered", category="sensor")
class SensorRegistered(Event):
    """`interval_seconds` is how often the sensor promises a heartbeat; two missed ones make it silent."""

    sensor_id: str
    system_type: str
    asset_id: str | None
    interval_seconds: int
    principal_id: str | None


@event("tenet.assets.SensorSilenceStarted", category="sensor")
class SensorSilenceStarted(Event):
    sensor_id: str
    last_heard_at: Instant


@event("tenet.assets.SensorSilenceEnded", category="sensor")
class SensorSilenceEnded(Event):
    sensor_id: str
    silent_from: Instant
    silent_until: Instant


@event("tenet.assets.FindingReported", category="finding")
class FindingReported(Event):
    """A weakness found before an attack. A missing input is None, never zero: `exposure` (internet, internal, none),
    `likelihood_millionths` (EPSS probability), `severity_id` (OCSF 1 informational to 6 fatal), `known_exploited`
    (KEV)."""

    finding_id: str
    kind: FindingKind
    asset_ids: tuple[str, ...]
    title: str
    vulnerability_id: str | None
    severity_id: int
    exposure: str | None
    likelihood_millionths: int | None
    known_exploited: bool | None
    detail: Sealed
    label: Label
    source: str


@event("tenet.assets.FindingValidated", category="finding")
class FindingValidated(Event):
    finding_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    evidence: tuple[Evidence, ...]
    seen: tuple[Sight, ...]


@event("tenet.assets.FindingValidationWithdrawn", category="finding")
class FindingValidationWithdrawn(Event):
    finding_id: str
    validation_position: int
    reason: Sealed


@event("tenet.assets.FindingFixReported", category="finding")
class FindingFixReported(Event):
    finding_id: str
    asset_ids: tuple[str, ...]
    detail: Sealed


@event("tenet.assets.FindingFixVerified", category="finding")
class FindingFixVerified(Event):
    """An observation by another path showed that the fix holds on these assets."""

    finding_id: str
    asset_ids: tuple[str, ...]
    observation: Evidence


@event("tenet.assets.FindingReassessed", category="finding")
class FindingReassessed(Event):
    """The feeds say something else of the finding's vulnerability than the finding did. The values stand in place of
    those before; `feeds` are the versions that say so. None is not known, as in FindingReported."""

    finding_id: str
    likelihood_millionths: int | None
    known_exploited: bool | None
    feeds: tuple[FeedVersion, ...]


@event("tenet.assets.VulnerabilityFeedImported", category="vulnerability_feed")
class VulnerabilityFeedImported(Event):
    """One version of a feed, in the provider's ledger. Its content as published lies in the object store as `sha256`.
    `added`, `changed` and `removed` count vulnerabilities against the version before."""

    feed_id: str
    feed: VulnerabilityFeed
    version: str
    released_at: Instant
    sha256: str
    entries: int
    added: int
    changed: int
    removed: int


@event("tenet.assets.VulnerabilityFeedScheduled", category="vulnerability_feed")
class VulnerabilityFeedScheduled(Event):
    """In the provider's ledger. From here on the feed is fetched every `interval_minutes` from `url`, and from nowhere
    else."""

    feed_id: str
    feed: VulnerabilityFeed
    url: str
    interval_minutes: int


@event("tenet.assets.VulnerabilityFeedUnscheduled", category="vulnerability_feed")
class VulnerabilityFeedUnscheduled(Event):
    """In the provider's ledger. The feed is not fetched any more; what was imported stays."""

    feed_id: str
    feed: VulnerabilityFeed


@event("tenet.assets.VulnerabilityFeedFetched", category="vulnerability_feed")
class VulnerabilityFeedFetched(Event):
    """In the provider's ledger. A fetch was refused, `refusal` being its stable reason, or was not any more (None).
    Recorded when that changes."""

    feed_id: str
    feed: VulnerabilityFeed
    refusal: str | None
