"""How each aggregate of the detections service is folded from its stream."""

from infra.event_store.repository import Aggregate
from services.detections.domain import (
    blind_review,
    customer_report,
    detection,
    discovery,
    expected,
    hunt,
    rule_exception,
    rule_life,
    rule_pack,
    rule_publisher,
    suppression,
    telemetry,
)
from services.detections.domain.correlation import batches
from services.detections.domain.intelligence import sightings, sources

DETECTION = Aggregate(detection.CATEGORY, detection.initial, detection.evolve, snapshot=None)
CUSTOMER_REPORT = Aggregate(customer_report.CATEGORY, customer_report.initial, customer_report.evolve, snapshot=None)
RULE_PACK = Aggregate(rule_pack.CATEGORY, rule_pack.initial, rule_pack.evolve, snapshot=None)
TELEMETRY = Aggregate(telemetry.CATEGORY, telemetry.initial, telemetry.evolve, snapshot=None)
DISCOVERY = Aggregate(discovery.CATEGORY, discovery.initial, discovery.evolve, snapshot=None)
HUNT = Aggregate(hunt.CATEGORY, hunt.initial, hunt.evolve, snapshot=None)
CORRELATION = Aggregate(batches.CATEGORY, batches.initial, batches.evolve, snapshot=None)
SUPPRESSIONS = Aggregate(suppression.CATEGORY, suppression.initial, suppression.evolve, snapshot=None)
EXPECTATIONS = Aggregate(expected.CATEGORY, expected.initial, expected.evolve, snapshot=None)
RULE_LIVES = Aggregate(rule_life.CATEGORY, rule_life.initial, rule_life.evolve, snapshot=None)
RULE_PUBLISHERS = Aggregate(rule_publisher.CATEGORY, rule_publisher.initial, rule_publisher.evolve, snapshot=None)
RULE_EXCEPTIONS = Aggregate(rule_exception.CATEGORY, rule_exception.initial, rule_exception.evolve, snapshot=None)
INTELLIGENCE = Aggregate(sources.CATEGORY, sources.initial, sources.evolve, snapshot=None)
SIGHTING_SHARING = Aggregate(
    sightings.SHARING_CATEGORY, sightings.initial_sharing, sightings.evolve_sharing, snapshot=None
)
SIGHTING = Aggregate(sightings.CATEGORY, sightings.initial, sightings.evolve, snapshot=None)
BLIND_REVIEW = Aggregate(blind_review.CATEGORY, blind_review.initial, blind_review.evolve, snapshot=None)
BLIND_REVIEW_SAMPLING = Aggregate(
    blind_review.SAMPLING_CATEGORY, blind_review.no_sampling, blind_review.evolve_sampling, snapshot=None
)
