"""Looks for what an import brought in telemetry that came before it: one hunt for each import and tenant.

The provider's imports are looked for in every tenant's archive, a tenant's own in its own. A hunt's identity follows
from the import and the tenant, so that neither a restart nor a second process makes it twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Fact
from contracts.events.detections import HuntKind
from contracts.events.intelligence import IntelligenceImported
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.repository import Repository
from services.detections.application.aggregates import HUNT, INTELLIGENCE
from services.detections.application.hunts.hunting import Hunting, Question
from services.detections.application.hunts.selection import Period, Selecting
from services.detections.application.intelligence.importing import Importing
from services.detections.config import (
    MAX_RETROSPECTIVE_INDICATORS,
    RETROSPECTIVE_DELAY,
    RETROSPECTIVE_IMPORTS,
    RETROSPECTIVE_PERIOD,
)
from services.detections.domain.errors import HuntTooLarge
from services.detections.domain.intelligence import sources
from services.detections.domain.intelligence.indicators import KEPT_BACK, Indicator
from services.detections.domain.intelligence.watch import FACT, ArchiveWatch, Origin

LOOK_SECONDS = 10.0
"""How often new imports are looked for."""
ACTOR = "policy:match_archive_when_intelligence_imported"
_HOUR = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Import:
    """An import in a ledger, and the set that its source said before it; None where it said nothing."""

    ledger: TenantId
    event: IntelligenceImported
    position: int
    recorded_at: datetime
    before: str | None


class Retrospection:
    """`tenants` are those whose archives are looked through, `ledgers` those of them that have sources of their own."""

    def __init__(
        self,
        repository: Repository,
        importing: Importing,
        hunting: Hunting,
        selecting: Selecting,
        tenants: Callable[[], list[TenantId]],
        ledgers: Callable[[], Awaitable[list[TenantId]]],
        clock: Callable[[], datetime],
    ) -> None:
        self._repository, self._importing = repository, importing
        self._hunting, self._selecting = hunting, selecting
        self._tenants, self._ledgers, self._clock = tenants, ledgers, clock
        self._done: dict[TenantId, set[tuple[TenantId, int]]] = {}

    async def run(self) -> None:
        """Until cancelled. What fails is tried again with the next look; one tenant keeps no other from it."""
        while True:
            await self.match_archives()
            await asyncio.sleep(LOOK_SECONDS)

    async def match_archives(self) -> None:
        """Makes every hunt that is due."""
        try:
            imports = [each for ledger in (PROVIDER, *await self._ledgers()) for each in await self._imports(ledger)]
        except TenetError as error:
            log.warning("imports_not_read", reason=error.reason)
            return
        for each in imports:
            await self._match(each)

    async def _imports(self, ledger: TenantId) -> list[_Import]:
        """The latest imports of a ledger that are not known to be done with."""
        loaded = await self._repository.load(ledger, INTELLIGENCE, sources.stream_of(ledger))
        latest = max((each.position for each in loaded.state.at_work), default=-1)
        receivers = self._receivers(ledger)
        if latest < 0 or all((ledger, latest) in self._done.get(each, ()) for each in receivers):
            return []
        history = await self._repository.history(ledger, sources.CATEGORY, sources.stream_of(ledger))
        said: dict[str, str] = {}
        found: list[_Import] = []
        for recorded in history:
            event = recorded.event
            if isinstance(event, IntelligenceImported):
                before = said.get(event.source)
                found.append(_Import(ledger, event, recorded.position, recorded.recorded_at, before))
                said[event.source] = event.set_sha256
        at_work = {each.name for each in loaded.state.at_work}
        settled = self._clock() - RETROSPECTIVE_DELAY
        due = [each for each in found if each.event.source in at_work and each.recorded_at <= settled]
        return due[-RETROSPECTIVE_IMPORTS:]

    def _receivers(self, ledger: TenantId) -> list[TenantId]:
        return self._tenants() if ledger == PROVIDER else [ledger]

    async def _match(self, imported: _Import) -> None:
        mark = (imported.ledger, imported.position)
        waiting = [each for each in self._receivers(imported.ledger) if mark not in self._done.get(each, ())]
        try:
            indicators = await self._new(imported) if waiting else []
        except TenetError as error:
            log.warning("import_not_matched_with_archives", ledger=imported.ledger, reason=error.reason)
            return
        for tenant_id in waiting:
            try:
                if indicators:
                    await self._hunt(tenant_id, imported, indicators)
            except TenetError as error:
                log.warning("archive_not_matched", tenant=tenant_id, reason=error.reason)
                continue
            self._mark_done(tenant_id, mark)

    def _mark_done(self, tenant_id: TenantId, mark: tuple[TenantId, int]) -> None:
        done = self._done.setdefault(tenant_id, set())
        done.add(mark)
        if len(done) > 4 * RETROSPECTIVE_IMPORTS:
            done.remove(min(done, key=lambda each: each[1]))

    async def _new(self, imported: _Import) -> Sequence[Indicator]:
        """What the import brought that its source had not said just so before; the latest, if there is too much."""
        now = self._clock().timestamp()
        content = await self._importing.set_of(imported.ledger, imported.event.set_sha256)
        known: set[str] = set()
        if imported.before is not None:
            before = await self._importing.set_of(imported.ledger, imported.before)
            known = {each.sha256 for each in before.standing}
        new = [each for each in _for_customers(imported.ledger, content.standing) if each.sha256 not in known]
        live = sorted((each for each in new if each.live(now)), key=lambda each: (-each.modified, each.indicator_id))
        if len(live) > MAX_RETROSPECTIVE_INDICATORS:
            log.warning("indicators_not_matched_with_archives", indicators=len(live) - MAX_RETROSPECTIVE_INDICATORS)
        return live[:MAX_RETROSPECTIVE_INDICATORS]

    async def _hunt(self, tenant_id: TenantId, imported: _Import, indicators: Sequence[Indicator]) -> None:
        call = Call(
            tenant_id=tenant_id,
            actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
            rpc=ACTOR,
            request_id=derive_id("request", ACTOR, imported.ledger, imported.position, tenant_id),
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
        )
        done = await self._repository.load(tenant_id, HUNT, derive_id("hunt", call.request_key))
        period = await self._period(tenant_id, imported.recorded_at)
        if done.version or period is None:
            return
        event = imported.event
        origin = Origin(event.source, event.set_sha256, imported.position)
        question = Question(
            kind=HuntKind.INDICATORS,
            text=f"{len(indicators)} indicator(s) that are new in version {event.version} of {event.source}",
            reason="Intelligence was imported.",
            period=period,
            matcher=ArchiveWatch(imported.ledger, tuple(indicators), origin, call.now.timestamp()),
            facts=(Fact(FACT, event.set_sha256, imported.ledger, imported.position),),
            waits=True,
        )
        async for _ in self._hunting.hunt(call, question):
            pass  # How far it is interests nobody; what comes of it is on record.

    async def _period(self, tenant_id: TenantId, imported_at: datetime) -> Period | None:
        """Up to the import's hour, since when the stream is matched; as much before it as one hunt looks at. None where
        there is no telemetry."""
        end, length = imported_at + _HOUR, RETROSPECTIVE_PERIOD
        while length >= _HOUR:
            period = Period(end - length, end)
            try:
                return period if await self._selecting.listed(tenant_id, period) else None
            except HuntTooLarge:
                length /= 2
        return None


def _for_customers(ledger: TenantId, indicators: Iterable[Indicator]) -> Iterable[Indicator]:
    return (each for each in indicators if ledger != PROVIDER or each.label not in KEPT_BACK)
