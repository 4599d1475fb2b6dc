"""Events of the detections service: telemetry received, rule packs, detections and their human validation."""

from enum import StrEnum

from contracts.events.base import Event, Instant, Payload, Sealed, Value, event, upcaster
from contracts.events.subjects import Evidence, Sight, Verdict
from contracts.ids import TenantId
from contracts.labels import Label


class PutAside(Value):
    """Records of a batch that could not be read, by stable reason."""

    reason: str
    records: int


class RuleRef(Value):
    """The rule that fired: its Sigma id and title, SHA-256 of its text, and the pack that brought it."""

    rule_id: str
    title: str
    sha256: str
    pack_sha256: str
    level: str


class FailedRule(Value):
    path: str
    reason: str


class BatchTimes(Value):
    """When a batch's bytes had come, and how many milliseconds later its last record was normalised, and was matched
    with every rule and indicator."""

    arrived_at: Instant
    normalised_ms: int
    matched_ms: int


@event("tenet.detections.TelemetryReceived", category="telemetry", version=3)
class TelemetryReceived(Event):
    """A batch whose bytes are durable in the object store. `records` = accepted + repeated + put aside.

    `repeated` counts records that an earlier batch had brought already (sensors batch anew on retry). The time bounds
    are those of the accepted records' own clocks, None when there are none; `skewed` counts records whose clock lay
    outside of what is believable, which keep their place but do not move the bounds. `times` is None where they were
    not recorded yet.
    """

    batch_id: str
    sensor_id: str
    format: str
    records: int
    accepted: int
    repeated: int
    put_aside: tuple[PutAside, ...]
    skewed: int
    bytes: int
    sha256: str
    put_aside_sha256: str | None
    first_occurred_at: Instant | None
    last_occurred_at: Instant | None
    first_record: int | None = None
    times: BatchTimes | None = None


@upcaster("tenet.detections.TelemetryReceived", 1)
def _telemetry_received_1(payload: Payload) -> Payload:
    """Sensors could not say where in their source a batch begins."""
    return {**payload, "first_record": None}


@upcaster("tenet.detections.TelemetryReceived", 2)
def _telemetry_received_2(payload: Payload) -> Payload:
    """The stages of a batch had no clocks."""
    return {**payload, "times": None}


@event("tenet.detections.RulePackImported", category="rule_pack", version=2)
class RulePackImported(Event):
    """In the provider's ledger. `sha256` is the hash of the pack as published, kept in the object store. `failed` names
    the first rules that do not compile, `failed_total` counts all of them.

    The same pack is imported again when it comes with the signature of somebody else than before, or with its first.
    """

    pack_id: str
    name: str
    sha256: str
    rules: int
    failed: tuple[FailedRule, ...]
    failed_total: int
    failed_sha256: str | None = None
    """The object of the provider that names all failed rules with their reasons, as JSON lines; None if none failed."""
    signer: str | None
    """The verifier key of the trusted publisher who signed it; None for a pack without a signature."""
    signature_sha256: str | None
    """The object of the provider that is the signature as it came; None exactly where `signer` is."""


@upcaster("tenet.detections.RulePackImported", 1)
def _rule_pack_imported_1(payload: Payload) -> Payload:
    """Packs came without signatures."""
    return {**payload, "signer": None, "signature_sha256": None}


@event("tenet.detections.RulePackDeployed", category="rule_pack")
class RulePackDeployed(Event):
    """In the provider's ledger. From here on the pack runs for all tenants, in place of the one of the same name."""

    pack_id: str
    name: str
    sha256: str


class RuleKind(StrEnum):
    """What fired: a Sigma rule, a Sigma correlation over several records, the signature of another product, or an
    indicator that telemetry named."""

    SIGMA = "sigma"
    CORRELATION = "correlation"
    SIGNATURE = "signature"
    INDICATOR = "indicator"


class GroupIdentity(Value):
    """What makes activity the same, as blind indexes under the tenant's search key; empty where it names none.

    `values` stands for the fields that a correlation groups by.
    """

    host: str = ""
    address: str = ""
    account: str = ""
    source_address: str = ""
    destination_address: str = ""
    values: str = ""


class IndicatorRef(Value):
    """The indicator that matched, and the import that brought it.

    `position` is that of the import in the ledger of `ledger`, and `set_sha256` the hash of all that the source said
    from there on. `confidence_percent` is the indicator's confidence at the time, decayed by its age; None where its
    source gave none. `observable` is the kind of what matched: `address`, `domain`, `hash`, ….
    """

    indicator_id: str
    observable: str
    source: str
    set_sha256: str
    ledger: TenantId
    position: int
    confidence_percent: int | None
    label: Label


class TechniqueWeight(Value):
    """What the weightiest of a detection's techniques adds to its priority, and the import of ATT&CK that judged it.

    `technique_id` is the technique as that import has it: of a revoked one what it was revoked for, of a sub-technique
    that it does not have its technique. `tactic` is the latest of its tactics, None where it has none; `users` are how
    many of the import's groups, campaigns, malware and tools use it, None where the import says nothing of uses.
    `weight_percent` is 100 for a technique that changes nothing. `position` is that of the import in the provider's
    ledger, `set_sha256` the hash of all that the source said from there on.
    """

    technique_id: str
    tactic: str | None
    users: int | None
    weight_percent: int
    source: str
    attack_version: str | None
    set_sha256: str
    position: int


@event("tenet.detections.DetectionRaised", category="detection", version=4)
class DetectionRaised(Event):
    """Activity that a rule, or the alert of another product, says is suspicious: the first of a group.

    `group_key` is a blind index over what and where, so equal activity joins and nothing personal shows. `asset_ids`
    are the registered assets involved, `asset_value` the highest value among them as known then (None: no registered
    asset). `severity_id` after OCSF, 0 when the source tells none; `techniques` are ATT&CK ids. `identity` is None
    where it was not recorded yet. `indicator` is None where none of our intelligence matched: a hunt may bring a list
    of its own. `sightings` is how many other customers at least were known to have had the same lately; None where the
    tenant takes no part in sharing that, or it was not recorded yet. `exposure` is the furthest from where an open
    finding on one of the assets could be reached then (internet, internal, none); None where nobody knew. `technique`
    is what ATT&CK as imported then said of the techniques; None where no import knew any of them, or it was not
    recorded yet.
    """

    detection_id: str
    rule: RuleRef
    source: str
    severity_id: int
    techniques: tuple[str, ...]
    asset_ids: tuple[str, ...]
    asset_value: int | None = None
    sensor_id: str
    group_key: str
    first_seen_at: Instant
    last_seen_at: Instant
    count: int
    headline: Sealed
    observables: tuple[Sealed, ...]
    evidence: tuple[Evidence, ...]
    label: Label
    kind: RuleKind = RuleKind.SIGMA
    identity: GroupIdentity | None = None
    indicator: IndicatorRef | None = None
    sightings: int | None = None
    exposure: str | None = None
    technique: TechniqueWeight | None = None


@upcaster("tenet.detections.DetectionRaised", 1)
def _detection_raised_1(payload: Payload) -> Payload:
    """There were no correlations, and only what a pack did not bring was another product's signature."""
    kind = RuleKind.SIGMA if payload["rule"]["pack_sha256"] else RuleKind.SIGNATURE
    return {**payload, "kind": kind.value, "identity": None}


@upcaster("tenet.detections.DetectionRaised", 2)
def _detection_raised_2(payload: Payload) -> Payload:
    """Indicators raised nothing yet; sightings of others and exposures were not recorded."""
    return {**payload, "indicator": None, "sightings": None, "exposure": None}


@upcaster("tenet.detections.DetectionRaised", 3)
def _detection_raised_3(payload: Payload) -> Payload:
    """Techniques had no weight."""
    return {**payload, "technique": None}


@event("tenet.detections.DetectionRepeated", category="detection")
class DetectionRepeated(Event):
    """`count` more of the same activity, with a sample."""

    detection_id: str
    batch_id: str
    count: int
    first_seen_at: Instant
    last_seen_at: Instant
    evidence: tuple[Evidence, ...]


@event("tenet.detections.DetectionClaimed", category="detection")
class DetectionClaimed(Event):
    """An analyst began the triage: the first human look."""

    detection_id: str
    principal_id: str


@event("tenet.detections.DetectionReleased", category="detection")
class DetectionReleased(Event):
    detection_id: str
    principal_id: str


@event("tenet.detections.DetectionValidated", category="detection")
class DetectionValidated(Event):
    detection_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    evidence: tuple[Evidence, ...]
    seen: tuple[Sight, ...]
    duplicate_of: str | None


@event("tenet.detections.DetectionValidationWithdrawn", category="detection")
class DetectionValidationWithdrawn(Event):
    detection_id: str
    validation_position: int
    reason: Sealed


@event("tenet.detections.CustomerReportFiled", category="customer_report")
class CustomerReportFiled(Event):
    """The customer told us of something that no detection had raised."""

    customer_report_id: str
    severity_id: int
    asset_ids: tuple[str, ...]
    summary: Sealed
    label: Label


@event("tenet.detections.CustomerReportValidated", category="customer_report")
class CustomerReportValidated(Event):
    customer_report_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    evidence: tuple[Evidence, ...]
    seen: tuple[Sight, ...]


@event("tenet.detections.CustomerReportValidationWithdrawn", category="customer_report")
class CustomerReportValidationWithdrawn(Event):
    customer_report_id: str
    validation_position: int
    reason: Sealed


@event("tenet.detections.DetectionFoundByHunt", category="detection")
class DetectionFoundByHunt(Event):
    """The activity was found in archived telemetry, long after it came: its times say nothing of how fast we were."""

    detection_id: str
    hunt_id: str
    count: int


class CorrelationLoss(Value):
    """Hits that did not count in a correlation: too late, without what groups, or dropped by a limit."""

    rule_id: str
    late: int
    ungrouped: int
    crowded_out: int
    forgotten: int


@event("tenet.detections.HitsCorrelated", category="correlation")
class HitsCorrelated(Event):
    """What a batch gave to the tenant's correlations, in the order in which the windows took it.

    `hits_sha256` is the object of these hits. `carried_sha256` is that of all hits which the windows held before; where
    it is given, windows are built again from there. The time bounds are those of the hits.
    """

    batch_id: str
    sensor_id: str
    hits: int
    hits_sha256: str
    carried_sha256: str | None
    first_hit_at: Instant
    last_hit_at: Instant
    losses: tuple[CorrelationLoss, ...]


class ConditionOperator(StrEnum):
    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    NETWORK = "network"
    """An address within a network in CIDR notation."""


class FieldCondition(Value):
    """One field of a record against a value, without regard to case."""

    field: str
    operator: ConditionOperator
    value: Sealed


@event("tenet.detections.SuppressionAdded", category="suppression")
class SuppressionAdded(Event):
    """Hits that meet all conditions, of one rule or (None) of any, raise nothing if they happened within the bounds.

    Nothing is hidden any more once `expires_at` has come. `owner_id` is the principal who answers for it.
    """

    suppression_id: str
    rule_id: str | None
    conditions: tuple[FieldCondition, ...]
    starts_at: Instant
    expires_at: Instant
    owner_id: str
    reason: Sealed


@event("tenet.detections.SuppressionLifted", category="suppression")
class SuppressionLifted(Event):
    suppression_id: str
    reason: Sealed


class HiddenHits(Value):
    suppression_id: str
    rule_id: str
    hits: int
    first_seen_at: Instant
    last_seen_at: Instant


@event("tenet.detections.ActivityHidden", category="telemetry")
class ActivityHidden(Event):
    """What suppressions hid of a batch, by suppression and rule."""

    batch_id: str
    sensor_id: str
    hidden: tuple[HiddenHits, ...]


class IdentityPart(StrEnum):
    """A part of `GroupIdentity`."""

    HOST = "host"
    ADDRESS = "address"
    ACCOUNT = "account"
    SOURCE_ADDRESS = "source_address"
    DESTINATION_ADDRESS = "destination_address"
    VALUES = "values"


@event("tenet.detections.ExpectedBehaviourRemembered", category="expected_behaviour")
class ExpectedBehaviourRemembered(Event):
    """A validated detection is to be expected: activity of its rule that is the same in `parts` raises nothing more.

    It stands while the validation at `validation_position` stands, until `expires_at`, and for a `privileged` account
    or asset only once a second person has confirmed it.
    """

    expected_behaviour_id: str
    detection_id: str
    validation_position: int
    rule: RuleRef
    parts: tuple[IdentityPart, ...]
    identity: GroupIdentity
    expires_at: Instant
    privileged: bool


@event("tenet.detections.ExpectedBehaviourConfirmed", category="expected_behaviour")
class ExpectedBehaviourConfirmed(Event):
    """A second person agrees."""

    expected_behaviour_id: str
    principal_id: str


class EndOfExpectation(StrEnum):
    VERDICT_WITHDRAWN = "verdict_withdrawn"
    FORGOTTEN = "forgotten"
    """A person said that it is not to be expected any more."""


@event("tenet.detections.ExpectedBehaviourEnded", category="expected_behaviour")
class ExpectedBehaviourEnded(Event):
    expected_behaviour_id: str
    end: EndOfExpectation


class ExpectedHits(Value):
    expected_behaviour_id: str
    validation_position: int
    rule_id: str
    hits: int
    first_seen_at: Instant
    last_seen_at: Instant


@event("tenet.detections.ExpectedActivitySeen", category="telemetry")
class ExpectedActivitySeen(Event):
    """What of a batch was expected, by the validation that says so; no detection asks about it again."""

    batch_id: str
    sensor_id: str
    expected: tuple[ExpectedHits, ...]
