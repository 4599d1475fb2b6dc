"""The gRPC edge of the detections service: translates, calls, translates."""

from services.detections.servicer.admin import DetectionsAdminServicer
from services.detections.servicer.bulk import DetectionsBulkWriteServicer
from services.detections.servicer.clocks import DetectionsClocksReadServicer
from services.detections.servicer.expected import ExpectedBehaviourReadServicer, ExpectedBehaviourWriteServicer
from services.detections.servicer.hunts import DetectionsHuntServicer
from services.detections.servicer.ingest import TelemetryIngestServicer
from services.detections.servicer.intelligence import IntelligenceReadServicer, IntelligenceWriteServicer
from services.detections.servicer.read import DetectionsReadServicer
from services.detections.servicer.reviews import BlindReviewsReadServicer, BlindReviewsWriteServicer
from services.detections.servicer.rules import RulesAdminServicer, RulesReadServicer, RulesWriteServicer
from services.detections.servicer.sightings import SightingsReadServicer, SightingsWriteServicer
from services.detections.servicer.suppressions import SuppressionsReadServicer, SuppressionsWriteServicer
from services.detections.servicer.write import DetectionsWriteServicer

__all__ = [
    "BlindReviewsReadServicer",
    "BlindReviewsWriteServicer",
    "DetectionsAdminServicer",
    "DetectionsBulkWriteServicer",
    "DetectionsClocksReadServicer",
    "DetectionsHuntServicer",
    "DetectionsReadServicer",
    "DetectionsWriteServicer",
    "ExpectedBehaviourReadServicer",
    "ExpectedBehaviourWriteServicer",
    "IntelligenceReadServicer",
    "IntelligenceWriteServicer",
    "RulesAdminServicer",
    "RulesReadServicer",
    "RulesWriteServicer",
    "SightingsReadServicer",
    "SightingsWriteServicer",
    "SuppressionsReadServicer",
    "SuppressionsWriteServicer",
    "TelemetryIngestServicer",
]
