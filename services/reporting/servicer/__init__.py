"""The gRPC edge of the reporting service, and the HTML rendering of a report's model."""

from services.reporting.servicer.read import ReportingReadServicer
from services.reporting.servicer.write import ReportingWriteServicer

__all__ = ["ReportingReadServicer", "ReportingWriteServicer"]
