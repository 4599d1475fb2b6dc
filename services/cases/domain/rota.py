"""An on-call rota: who is on call at a moment, who is called after that, and which minutes ahead nobody covers.

Of the layers the first that has somebody on a shift is on call; an override wins over all of them, and of two overrides
the later one. Whoever an override stands in for is not called.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from contracts.canonical import digest
from contracts.events.base import Fact, Recorded, Sealed, instant
from contracts.events.people import (
    CoverageChecked,
    CoverageGapClosed,
    CoverageGapFound,
    RotaAssigned,
    RotaDefinition,
    RotaOverridden,
    RotaOverrideRemoved,
    RotaPublished,
)
from contracts.ids import PROVIDER, TenantId, derive_id
from services.cases.domain.people_commands import OverrideRota, PublishRota, RemoveRotaOverride
from services.cases.domain.people_errors import (
    OverrideInvalid,
    OverrideUnknown,
    RotaInvalid,
    RotaUnknown,
    TenantInAnotherRota,
)
from services.cases.domain.rota_check import violations_of
from services.cases.domain.shifts import OnShift, Span, shifts_between, uncovered

MAX_OVERRIDES = 1_000
"""Overrides that are not over, of one rota."""
MAX_OVERRIDE = timedelta(days=92)
_MOMENT = timedelta(microseconds=1)

RotaEvent = (
    RotaPublished | RotaOverridden | RotaOverrideRemoved | CoverageGapFound | CoverageGapClosed | CoverageChecked
)


@dataclass(frozen=True, slots=True)
class Override:
    override_id: str
    principal_id: str
    span: Span
    position: int


@dataclass(frozen=True, slots=True)
class Rota:
    rota_id: str = ""
    version: int = 0
    digest: str = ""
    position: int = -1
    definition: RotaDefinition | None = None
    overrides: tuple[Override, ...] = ()
    gaps: tuple[tuple[str, Span], ...] = ()
    """Those that are alarmed: identifier and span."""

    @property
    def rules(self) -> RotaDefinition:
        """Raises RotaUnknown."""
        definition = known(self).definition
        assert definition is not None  # It is known.
        return definition


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call, by which layer or override; nobody in a gap."""

    principal_id: str | None
    layer: str = ""
    override: Override | None = None


@dataclass(frozen=True, slots=True)
class RotaAssignment:
    rota_id: str | None = None
    position: int = -1


def evolve_rota(state: Rota, recorded: Recorded[RotaEvent]) -> Rota:
    return _applied(state, recorded.event, recorded.position, recorded.recorded_at)


def _applied(state: Rota, event: RotaEvent, position: int, now: datetime) -> Rota:
    match event:
        case RotaPublished():
            return replace(
                state,
                rota_id=event.rota_id,
                version=event.rota_version,
                digest=event.digest,
                position=position,
                definition=event.definition,
            )
        case RotaOverridden():
            # What is long over is of no use to any decision to come.
            kept = tuple(each for each in state.overrides if each.span.end > now)
            span = Span(event.starts_at, event.ends_at)
            added = Override(event.override_id, event.principal_id, span, position)
            return replace(state, overrides=(*kept, added))
        case RotaOverrideRemoved():
            kept = tuple(each for each in state.overrides if each.override_id != event.override_id)
            return replace(state, overrides=kept)
        case CoverageGapFound():
            others = tuple(each for each in state.gaps if each[0] != event.gap_id)
            return replace(state, gaps=(*others, (event.gap_id, Span(event.starts_at, event.ends_at))))
        case CoverageGapClosed():
            return replace(state, gaps=tuple(each for each in state.gaps if each[0] != event.gap_id))
        case CoverageChecked():
            return state
        case _:
            assert_never(event)


def evolve_assignment(state: RotaAssignment, recorded: Recorded[RotaAssigned]) -> RotaAssignment:
    event = recorded.event
    match event:
        case RotaAssigned():
            return replace(state, rota_id=event.rota_id, position=recorded.position)
        case _:
            assert_never(event)


def rota_id_of(name: str) -> str:
    return derive_id("rota", name)


def assignment_id_of(tenant_id: TenantId) -> str:
    return derive_id("rota_assignment", tenant_id)


def on_call(rota: Rota, at: datetime) -> OnCall:
    """Who is on call at a moment."""
    override = next((each for each in reversed(rota.overrides) if each.span.start <= at < each.span.end), None)
    if override is not None:
        return OnCall(override.principal_id, override=override)
    for shift in _on_shift(rota, at):
        return OnCall(shift.principal_id, shift.layer)
    return OnCall(None)


def ladder(rota: Rota, at: datetime, *, leads_first: bool = False) -> tuple[str, ...]:
    """Whom a page calls in turn: who is on call, those on shift in the layers after, the leads."""
    first = on_call(rota, at)
    on_shift = [shift.principal_id for shift in _on_shift(rota, at)]
    if first.override is not None:
        # The first on shift is the one that the override stands in for.
        on_shift = [first.override.principal_id, *on_shift[1:]]
    leads = rota.rules.leads
    return tuple(dict.fromkeys((*leads, *on_shift) if leads_first else (*on_shift, *leads)))


def members(rota: Rota) -> frozenset[str]:
    """Everybody who may come on: in a layer, in an override, or a lead."""
    shifts = (shift.principal_id for layer in rota.rules.layers for shift in layer.shifts)
    return frozenset((*shifts, *(each.principal_id for each in rota.overrides), *rota.rules.leads))


def facts_of(rota: Rota, at: datetime, tenant_id: TenantId, assignment: RotaAssignment) -> Iterator[Fact]:
    """What a decision in a tenant's ledger that asked the rota rests on, in the provider's ledger.

    A customer's ledger cites that the rota is theirs, never the rota: its entry names the other customers of the group,
    and whatever is cited goes into bundles. Which version stood then, the provider's ledger tells.
    """
    if tenant_id == PROVIDER:
        yield Fact("rota", rota.digest, PROVIDER, rota.position)
    else:
        yield Fact("rota_assignment", digest([tenant_id, rota.rota_id]), PROVIDER, assignment.position)
    override = on_call(rota, at).override
    if override is not None:
        span = override.span
        said = [override.override_id, override.principal_id, instant(span.start), instant(span.end)]
        yield Fact("rota_override", digest(said), PROVIDER, override.position)


def publish_rota(rota: Rota, command: PublishRota) -> list[RotaPublished]:
    """Nothing when the last version says the same. Raises RotaInvalid, TimeZoneUnknown."""
    violations = tuple(violations_of(command.definition))
    if violations:
        raise RotaInvalid(
            f"The rota is wrong in {len(violations)} place(s), first at {violations[0].field}.", violations=violations
        )
    found = digest(command.definition.model_dump(mode="json"))
    if found == rota.digest:
        return []
    rota_id = rota_id_of(command.definition.name)
    return [RotaPublished(rota_id=rota_id, rota_version=rota.version + 1, digest=found, definition=command.definition)]


def assign_rota(state: RotaAssignment, tenant_id: TenantId, rota_id: str, *, included: bool) -> list[RotaAssigned]:
    """What has to be recorded so that the tenant is, or is not, in this rota. Raises TenantInAnotherRota."""
    if not included:
        return [RotaAssigned(tenant_id=tenant_id, rota_id=None)] if state.rota_id == rota_id else []
    if state.rota_id not in (None, rota_id):
        raise TenantInAnotherRota(f"{tenant_id} is in another rota.", metadata={"tenant_id": tenant_id})
    return [] if state.rota_id == rota_id else [RotaAssigned(tenant_id=tenant_id, rota_id=rota_id)]


def override_rota(rota: Rota, command: OverrideRota, now: datetime, override_id: str) -> RotaOverridden:
    """Raises RotaUnknown, OverrideInvalid for hours that are over, too many, or too long."""
    rules = rota.rules
    if not command.starts_at < command.ends_at or command.ends_at <= now:
        raise OverrideInvalid("An override ends after it starts, and in the future.")
    if command.ends_at - command.starts_at > MAX_OVERRIDE:
        raise OverrideInvalid(f"An override lasts at most {MAX_OVERRIDE.days} days; publish another rota.")
    if sum(1 for each in rota.overrides if each.span.end > now) >= MAX_OVERRIDES:
        raise OverrideInvalid(f"The rota {rules.name} has {MAX_OVERRIDES} overrides; publish another one.")
    return RotaOverridden(
        rota_id=rota.rota_id,
        override_id=override_id,
        principal_id=command.principal_id,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        reason=Sealed.of(command.reason, subject=command.principal_id),
    )


def remove_override(rota: Rota, command: RemoveRotaOverride) -> RotaOverrideRemoved:
    if all(each.override_id != command.override_id for each in rota.overrides):
        raise OverrideUnknown("The rota has no such override, or it is over.")
    return RotaOverrideRemoved(rota_id=rota.rota_id, override_id=command.override_id)


def gaps_between(rota: Rota, start: datetime, end: datetime) -> tuple[Span, ...]:
    """Every span of [start, end) in which nobody is on call."""
    shifts = (shift.span for layer in rota.rules.layers for shift in shifts_between(layer, start, end))
    return tuple(uncovered((*shifts, *(each.span for each in rota.overrides)), start, end))


def check_coverage(rota: Rota, now: datetime) -> list[CoverageGapFound | CoverageGapClosed | CoverageChecked]:
    """What has changed about the gaps ahead, and how far was looked."""
    through = now + timedelta(days=rota.rules.horizon_days)
    events: list[CoverageGapFound | CoverageGapClosed | CoverageChecked] = []
    left = dict(rota.gaps)
    for span in gaps_between(rota, now, through):
        known = next((gap_id for gap_id, gap in left.items() if gap.start < span.end and span.start < gap.end), None)
        before = left.pop(known) if known is not None else None
        # A gap that has begun keeps its beginning, wherever in it the clock stands.
        start = before.start if before is not None and before.start <= now else span.start
        if before != Span(start, span.end):
            gap_id = known or derive_id("gap", rota.rota_id, span.start.isoformat())
            events.append(CoverageGapFound(rota_id=rota.rota_id, gap_id=gap_id, starts_at=start, ends_at=span.end))
    for gap_id, gap in left.items():
        events.append(CoverageGapClosed(rota_id=rota.rota_id, gap_id=gap_id, passed=gap.end <= now))
    checked = CoverageChecked(rota_id=rota.rota_id, rota_version=rota.version, through=through)
    return [*events, checked]


def known(rota: Rota) -> Rota:
    """Raises RotaUnknown."""
    if rota.definition is None:
        raise RotaUnknown("There is no such rota.")
    return rota


def with_coverage(rota: Rota, change: RotaEvent, now: datetime) -> list[RotaEvent]:
    """A change of the rota, and what it does to the coverage ahead."""
    return [change, *check_coverage(_applied(rota, change, rota.position, now), now)]


def _on_shift(rota: Rota, at: datetime) -> Iterable[OnShift]:
    for layer in rota.rules.layers:
        yield from shifts_between(layer, at, at + _MOMENT)
