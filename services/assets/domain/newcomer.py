"""Newcomers: findings about hosts that telemetry named and no asset answered to, until one is registered for them."""

from contracts.events.assets import FindingFixReported, FindingFixVerified, FindingKind, FindingReported
from contracts.events.base import Sealed
from contracts.events.discovery import DiscoveryBound
from contracts.events.subjects import Evidence
from contracts.ids import TenantId, derive_id
from contracts.labels import Label
from services.assets.config import NEWCOMER_SEVERITY_ID
from services.assets.domain.commands import ReportMoreNewcomers, ReportNewcomer, ResolveNewcomer
from services.assets.domain.finding import Finding, FindingEvent

LABEL = Label.AMBER
"""What telemetry says is the customer's."""


def finding_id_of(tenant_id: TenantId, host_id: str) -> str:
    return derive_id("finding", tenant_id, host_id)


def more_finding_id_of(command: ReportMoreNewcomers) -> str:
    """One a day, or one for ever."""
    when = command.day if command.bound is DiscoveryBound.DAY else ""
    return derive_id("finding", command.tenant_id, "more_newcomers", command.bound.value, when)


def report(state: Finding, command: ReportNewcomer) -> list[FindingEvent]:
    """Nothing when it was reported already."""
    if state.finding_id:
        return []
    finding_id = finding_id_of(command.tenant_id, command.host_id)
    title = "A host that is not registered appears in telemetry"
    return [_reported(finding_id, title, command.called, f"telemetry:{command.source}")]


def report_more(state: Finding, command: ReportMoreNewcomers) -> list[FindingEvent]:
    """Nothing when it was reported already."""
    if state.finding_id:
        return []
    finding_id = more_finding_id_of(command)
    of_a_day = command.bound is DiscoveryBound.DAY
    title = "More new hosts than are recorded " + (f"in a day, on {command.day}" if of_a_day else "for one customer")
    detail = f"Telemetry names more than the {command.limit} new hosts that are recorded; these are not listed."
    return [_reported(finding_id, title, Sealed.of(detail, subject=finding_id), "telemetry")]


def resolve(state: Finding, command: ResolveNewcomer) -> list[FindingEvent]:
    """The registration is the fix, and its entry the observation. Nothing where no newcomer is open."""
    if not state.finding_id or not state.open:
        return []
    finding_id, asset_ids = state.finding_id, (command.asset_id,)
    return [
        FindingFixReported(
            finding_id=finding_id,
            asset_ids=asset_ids,
            detail=Sealed.of("The host is registered as an asset.", subject=finding_id),
        ),
        FindingFixVerified(
            finding_id=finding_id,
            asset_ids=asset_ids,
            observation=Evidence(
                id=derive_id("evidence", finding_id, command.request_id, 0),
                label=LABEL,
                summary=Sealed.of("The entry that registers the asset.", subject=finding_id),
                sha256=None,
                offset=None,
                position=command.position,
            ),
        ),
    ]


def _reported(finding_id: str, title: str, detail: Sealed, source: str) -> FindingReported:
    """What is not known is None: whether it can be reached, and whether anything of it is exploited."""
    return FindingReported(
        finding_id=finding_id,
        kind=FindingKind.NEWCOMER,
        asset_ids=(),
        title=title,
        vulnerability_id=None,
        severity_id=NEWCOMER_SEVERITY_ID,
        exposure=None,
        likelihood_millionths=None,
        known_exploited=None,
        detail=detail,
        label=LABEL,
        source=source,
    )
