"""Events of intelligence: what was imported in which version, where it is fetched from, and sightings between tenants.

An import is recorded in the ledger of whom it is for: the provider's, whose intelligence is for all tenants, or that of
the one tenant that it is for.
"""

from enum import StrEnum

from contracts.events.base import Event, Instant, Payload, Value, event, upcaster
from contracts.labels import Label


class IntelligenceFormat(StrEnum):
    STIX = "stix"
    """A STIX 2.1 bundle, or the objects of a TAXII 2.1 envelope."""
    MISP = "misp"
    """One or more events of MISP as JSON."""


class ImportMode(StrEnum):
    REPLACE = "replace"
    """The content is all that the source says."""
    ADD = "add"
    """The content is what is new since the import before; a newer version of an object replaces the older one."""


class RefusedObject(Value):
    """An object of an import that is not used, by its identifier or place, with a stable reason."""

    object_id: str
    reason: str


@event("tenet.detections.IntelligenceImported", category="intelligence")
class IntelligenceImported(Event):
    """`content_sha256` is the content as it was published, kept in the object store of the ledger's tenant.

    `set_sha256` is the object of all that the source says from here on: what matching uses, and what detections cite.
    `indicators` are those of the content that can be matched, `standing` those of the set. `kept_back` counts those of
    the set that may not leave the provider by their label, and so are never matched for a customer. `refused` names the
    first objects that are not used; `refused_sha256` is the object that names all of them, as JSON lines. `cursor` is
    where the next fetch begins, for a source that is fetched: with TAXII the server's own mark, with MISP the hash of
    the object that holds which versions of events were read.
    """

    source: str
    version: int
    format: IntelligenceFormat
    mode: ImportMode
    content_sha256: str
    content_bytes: int
    set_sha256: str
    objects: int
    indicators: int
    standing: int
    revoked: int
    kept_back: int
    techniques: int
    attack_version: str | None
    refused: tuple[RefusedObject, ...]
    refused_total: int
    refused_sha256: str | None
    cursor: str | None


@event("tenet.detections.IntelligenceSourceRetired", category="intelligence")
class IntelligenceSourceRetired(Event):
    """From here on nothing of the source is matched or fetched any more."""

    source: str


class FetchKind(StrEnum):
    TAXII = "taxii"
    """A TAXII 2.1 collection."""
    MISP_FEED = "misp_feed"
    """A feed as MISP publishes it in files: `manifest.json`, and `<uuid>.json` for each event."""
    MISP_SERVER = "misp_server"
    """A MISP server, asked by its search."""


@event("tenet.detections.IntelligenceFetchScheduled", category="intelligence", version=2)
class IntelligenceFetchScheduled(Event):
    """The source is fetched every `interval_minutes` from what `kind` says that there is at `url`.

    `credential` names what the server asks for, among the credentials of the service's settings; None for an open
    server. `label` counts for objects that carry none themselves.
    """

    source: str
    url: str
    credential: str | None
    interval_minutes: int
    label: Label
    kind: FetchKind


@upcaster("tenet.detections.IntelligenceFetchScheduled", 1)
def _intelligence_fetch_scheduled_1(payload: Payload) -> Payload:
    """Nothing else was fetched."""
    return {**payload, "kind": FetchKind.TAXII.value}


@event("tenet.detections.IntelligenceFetched", category="intelligence")
class IntelligenceFetched(Event):
    """A fetch brought nothing new, or was refused, or some of it was; `refusal` is the stable reason. Recorded when
    that changes."""

    source: str
    refusal: str | None


@event("tenet.detections.SightingSharingJoined", category="sighting_sharing")
class SightingSharingJoined(Event):
    """The customer agrees that what is sighted here counts, without its name, for others, and wants to know theirs."""


@event("tenet.detections.SightingSharingLeft", category="sighting_sharing")
class SightingSharingLeft(Event):
    """From here on nothing is contributed or received any more."""


class SightingSubject(StrEnum):
    RULE = "rule"
    """A rule that the provider runs for all tenants."""
    INDICATOR = "indicator"
    """An indicator of the provider's intelligence."""


@event("tenet.detections.SightingContributed", category="sighting")
class SightingContributed(Event):
    """In the provider's ledger: a validated detection of one who shares, without who.

    `contributor` is a keyed digest over the top of the customer's tree and the subject: it is the same for two tenants
    of one tree, and differs from subject to subject, so that nobody's sightings can be put together. `bucket_at` is the
    start of the interval in which it was contributed; it is told to nobody before `told_from`.
    """

    subject_kind: SightingSubject
    subject_id: str
    contributor: str
    bucket_at: Instant
    told_from: Instant


@event("tenet.detections.SightingRetracted", category="sighting")
class SightingRetracted(Event):
    """In the provider's ledger: the verdicts that a contributor's sighting rested on are withdrawn: it counts no more.

    Others are told of it as they are of a contribution, not before `told_from`: the end of the interval that began at
    `bucket_at`, and the delay; or, where nobody was told of the sighting yet, when they would have been.
    """

    subject_kind: SightingSubject
    subject_id: str
    contributor: str
    bucket_at: Instant
    told_from: Instant


@event("tenet.detections.SightingsReported", category="sighting_sharing")
class SightingsReported(Event):
    """In a tenant's own ledger: at least so many other customers have lately had this validated as malicious.

    `at_least` is the lower bound of a class of counts, never the count, and never below `threshold`. It was so at
    `bucket_at` and counts as current until `current_until`. It stands in place of what was reported before, which may
    have been more.
    """

    subject_kind: SightingSubject
    subject_id: str
    at_least: int
    threshold: int
    bucket_at: Instant
    current_until: Instant


@event("tenet.detections.SightingsEnded", category="sighting_sharing")
class SightingsEnded(Event):
    """In a tenant's own ledger: what it was told of a subject counts no more, since fewer than `threshold` others are
    left of those who had it. How many are left, and whether any was retracted, is told to nobody."""

    subject_kind: SightingSubject
    subject_id: str
    threshold: int
