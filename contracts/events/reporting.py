"""Events of the reporting service: publications, and what the customer says of them."""

from contracts.events.base import Event, Instant, Sealed, event
from contracts.labels import Audience


@event("tenet.reporting.ReportPublished", category="report")
class ReportPublished(Event):
    """A report over [period_from, period_to), derived from the entries at or before `as_of_position`.

    `model_sha256` is the hash of its canonical JSON model in the object store; `definitions_version` that of the metric
    dictionary; bounds follow `time_zone` (with its tzdata release) and are instants in UTC.
    """

    report_id: str
    title: str
    audience: Audience
    period_from: Instant
    period_to: Instant
    time_zone: str
    tzdata_version: str
    as_of_position: int
    definitions_version: str
    model_sha256: str
    restates_report_id: str | None


@event("tenet.reporting.ReportConfirmed", category="report")
class ReportConfirmed(Event):
    report_id: str
    comment: Sealed | None


@event("tenet.reporting.ReportDisputed", category="report")
class ReportDisputed(Event):
    """The customer disagrees with a figure (named as in the model) and says why. Both stay on record."""

    report_id: str
    figure: str
    reason: Sealed
