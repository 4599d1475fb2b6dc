"""The gRPC edge of the detections service: translates, calls, translates."""

from services.detections.servicer.admin import DetectionsAdminServicer
from services.detections.servicer.bulk import DetectionsBulkWriteServicer
from services.detections.servicer.clocks import DetectionsClocksReadServicer
from services.detections.servicer.expected import ExpectedBehaviourReadServicer, ExpectedBehaviourWriteServicer
from services.detections.servicer.hunts import DetectionsHuntServicer
from services.detections.servicer.ingest import TelemetryIngestServicer
from services.detections.servicer.read import DetectionsReadServicer
from services.detections.servicer.suppressions import SuppressionsReadServicer, SuppressionsWriteServicer
from services.detections.servicer.write import DetectionsWriteServicer

__all__ = [
    "DetectionsAdminServicer",
    "DetectionsBulkWriteServicer",
    "DetectionsClocksReadServicer",
    "DetectionsHuntServicer",
    "DetectionsReadServicer",
    "DetectionsWriteServicer",
    "ExpectedBehaviourReadServicer",
    "ExpectedBehaviourWriteServicer",
    "SuppressionsReadServicer",
    "SuppressionsWriteServicer",
    "TelemetryIngestServicer",
]
