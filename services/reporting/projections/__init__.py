"""The read models of the reporting service, one a file, each with its table in `migrations/`."""

from services.reporting.projections.people import People
from services.reporting.projections.reports import Reports

REPORTS = Reports()
PEOPLE = People()
VIEWS = (REPORTS, PEOPLE)

__all__ = ["PEOPLE", "REPORTS", "VIEWS"]
