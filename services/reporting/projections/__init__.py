"""The read model of the reporting service, with its table in `migrations/`."""

from services.reporting.projections.reports import Reports

REPORTS = Reports()
VIEWS = (REPORTS,)

__all__ = ["REPORTS", "VIEWS"]
