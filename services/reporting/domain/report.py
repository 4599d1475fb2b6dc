"""A published report: what it says never changes; the customer confirms it or disputes a figure, and both stay."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.reporting import ReportConfirmed, ReportDisputed, ReportPublished
from contracts.ids import TenantId
from services.reporting.domain.commands import Bounds, ConfirmReport, DisputeReport, Month
from services.reporting.domain.errors import FigureUnknown, PeriodNotBegun, ReportUnknown
from services.reporting.domain.scope import Scope

CATEGORY = "report"

ReportEvent = ReportPublished | ReportConfirmed | ReportDisputed


@dataclass(frozen=True, slots=True)
class Report:
    """`published` is None before the publication. `confirmed_by` have confirmed it since it was last disputed."""

    published: ReportPublished | None = None
    confirmed_by: frozenset[str] = frozenset()


def evolve(state: Report, recorded: Recorded[ReportEvent]) -> Report:
    match recorded.event:
        case ReportPublished() as event:
            return Report(event)
        case ReportConfirmed():
            return replace(state, confirmed_by=state.confirmed_by | {recorded.envelope.actor.id})
        case ReportDisputed():
            return replace(state, confirmed_by=frozenset())
        case event:
            assert_never(event)


def publish(scope: Scope, report_id: str, model_sha256: str, restates_report_id: str | None) -> list[ReportEvent]:
    return [
        ReportPublished(
            report_id=report_id,
            title=scope.title,
            audience=scope.audience,
            period_from=scope.period_from,
            period_to=scope.period_to,
            time_zone=scope.time_zone,
            tzdata_version=scope.tzdata_version,
            as_of_position=scope.as_of_position,
            definitions_version=scope.definitions_version,
            model_sha256=model_sha256,
            restates_report_id=restates_report_id,
        )
    ]


def require_begun(scope: Scope, as_of: datetime | None) -> None:
    """Raises PeriodNotBegun when no entry that the report may know can lie in the period."""
    if as_of is None or as_of < scope.period_from:
        raise PeriodNotBegun


def default_title(period: Month | Bounds, bounds: tuple[datetime, datetime]) -> str:
    """Such as `Security report 2026-11`."""
    if isinstance(period, Month):
        return f"Security report {period.year:04d}-{period.month:02d}"
    return f"Security report {bounds[0]:%Y-%m-%d %H:%M} to {bounds[1]:%Y-%m-%d %H:%M} UTC"


def confirm(state: Report, command: ConfirmReport, actor_id: str) -> list[ReportEvent]:
    """Nothing where the same person says again, without a further word, what they have said. Raises ReportUnknown."""
    require_published(state, command.report_id)
    if actor_id in state.confirmed_by and not command.comment:
        return []
    comment = Sealed.of(command.comment, subject=command.report_id) if command.comment else None
    return [ReportConfirmed(report_id=command.report_id, comment=comment)]


def dispute(state: Report, command: DisputeReport, figures: frozenset[str]) -> list[ReportEvent]:
    """`figures` are the ids in the report's model. Raises ReportUnknown, FigureUnknown."""
    require_published(state, command.report_id)
    if command.figure not in figures:
        raise FigureUnknown(command.figure)
    reason = Sealed.of(command.reason, subject=command.report_id)
    return [ReportDisputed(report_id=command.report_id, figure=command.figure, reason=reason)]


def require_published(state: Report, report_id: str) -> ReportPublished:
    """Raises ReportUnknown."""
    if state.published is None:
        raise ReportUnknown(report_id)
    return state.published


def scope_of(event: ReportPublished, tenant_id: TenantId) -> Scope:
    """The scope with which a published report's model can be built again."""
    return Scope(
        tenant_id=tenant_id,
        title=event.title,
        audience=event.audience,
        period_from=event.period_from,
        period_to=event.period_to,
        time_zone=event.time_zone,
        tzdata_version=event.tzdata_version,
        as_of_position=event.as_of_position,
        definitions_version=event.definitions_version,
    )
