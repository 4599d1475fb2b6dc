"""How each aggregate of the detections service is folded from its stream."""

from infra.event_store.repository import Aggregate
from services.detections.domain import customer_report, detection, expected, hunt, rule_pack, suppression, telemetry
from services.detections.domain.correlation import batches

DETECTION = Aggregate(detection.CATEGORY, detection.initial, detection.evolve, snapshot=None)
CUSTOMER_REPORT = Aggregate(customer_report.CATEGORY, customer_report.initial, customer_report.evolve, snapshot=None)
RULE_PACK = Aggregate(rule_pack.CATEGORY, rule_pack.initial, rule_pack.evolve, snapshot=None)
TELEMETRY = Aggregate(telemetry.CATEGORY, telemetry.initial, telemetry.evolve, snapshot=None)
HUNT = Aggregate(hunt.CATEGORY, hunt.initial, hunt.evolve, snapshot=None)
CORRELATION = Aggregate(batches.CATEGORY, batches.initial, batches.evolve, snapshot=None)
SUPPRESSIONS = Aggregate(suppression.CATEGORY, suppression.initial, suppression.evolve, snapshot=None)
EXPECTATIONS = Aggregate(expected.CATEGORY, expected.initial, expected.evolve, snapshot=None)
