"""Looks for what an import brought in telemetry that came before it: hunts for each import and tenant, part by part.

The provider's imports are looked for in every tenant's archive, a tenant's own in its own. An archive is looked through
from its end on, in parts of at most RETROSPECTIVE_BYTES, and every tenant that waits has one part in turn, so that none
waits for the whole of another's archive. The hunts are numbered; their identity follows from the import, the tenant and
the number, so that neither a restart nor a second process makes one twice, and what they looked at is where the next
one goes on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Fact
from contracts.events.hunts import HuntKind
from contracts.events.intelligence import IntelligenceImported
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.repository import Repository
from services.detections.application.aggregates import HUNT, INTELLIGENCE
from services.detections.application.hunts.hunting import Hunting, Question
from services.detections.application.hunts.selection import Period, Selecting
from services.detections.application.intelligence.importing import Importing
from services.detections.config import (
    MAX_RETROSPECTIVE_HUNTS,
    MAX_RETROSPECTIVE_INDICATORS,
    RETROSPECTIVE_ATTEMPTS,
    RETROSPECTIVE_BYTES,
    RETROSPECTIVE_DELAY,
    RETROSPECTIVE_IMPORTS,
    RETROSPECTIVE_PERIOD,
)
from services.detections.domain.errors import HuntFailed, HuntTooLarge, HuntTooSlow
from services.detections.domain.intelligence import sources
from services.detections.domain.intelligence.indicators import KEPT_BACK, Indicator
from services.detections.domain.intelligence.watch import FACT, ArchiveWatch, Origin

LOOK_SECONDS = 10.0
"""How often new imports are looked for."""
ACTOR = "policy:match_archive_when_intelligence_imported"
IMPORTS_AT_HAND = 2
"""Imports whose new indicators are held ready between turns."""
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

    @property
    def mark(self) -> tuple[TenantId, int]:
        return self.ledger, self.position

    @property
    def period(self) -> Period:
        """Up to the import's hour, since when the stream is matched."""
        end = self.recorded_at + _HOUR
        return Period(end - RETROSPECTIVE_PERIOD, end)


@dataclass(slots=True)
class _Course:
    """How far an import was looked for in an archive: the number of the next hunt, and the end of what it looks at;
    `attempts` are those that failed at it."""

    number: int
    end: datetime
    attempts: int = 0


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
        self._imports: dict[TenantId, tuple[int, list[_Import]]] = {}
        self._done: dict[TenantId, set[tuple[TenantId, int]]] = {}
        self._courses: dict[tuple[TenantId, tuple[TenantId, int]], _Course] = {}
        self._at_hand: OrderedDict[tuple[TenantId, int], Sequence[Indicator]] = OrderedDict()

    async def run(self) -> None:
        """Until cancelled. What fails is tried again with the next look; one tenant keeps no other from it."""
        while True:
            if not await self.take_turns():
                await asyncio.sleep(LOOK_SECONDS)

    async def match_archives(self) -> None:
        """Makes every hunt that is due."""
        while await self.take_turns():
            pass

    async def take_turns(self) -> bool:
        """One part of its archive for each tenant that is due; whether anything came of it, so that more may be due."""
        try:
            due = await self._due()
        except TenetError as error:
            log.warning("imports_not_read", reason=error.reason)
            return False
        return any([await self._turn(tenant_id, imports) for tenant_id, imports in due.items()])

    async def _due(self) -> dict[TenantId, list[_Import]]:
        """By tenant the latest imports that are not known to be done with, the oldest first."""
        due: dict[TenantId, list[_Import]] = {}
        settled = self._clock() - RETROSPECTIVE_DELAY
        for ledger in (PROVIDER, *await self._ledgers()):
            for imported in await self._latest(ledger):
                for tenant_id in self._receivers(ledger) if imported.recorded_at <= settled else ():
                    if imported.mark not in self._done.get(tenant_id, ()):
                        due.setdefault(tenant_id, []).append(imported)
        return due

    async def _latest(self, ledger: TenantId) -> list[_Import]:
        """The latest imports of sources that are at work."""
        loaded = await self._repository.load(ledger, INTELLIGENCE, sources.stream_of(ledger))
        known = self._imports.get(ledger)
        if known is not None and known[0] == loaded.version:
            return known[1]
        said: dict[str, str] = {}
        found: list[_Import] = []
        for recorded in await self._repository.history(ledger, sources.CATEGORY, sources.stream_of(ledger)):
            event = recorded.event
            if isinstance(event, IntelligenceImported):
                before = said.get(event.source)
                found.append(_Import(ledger, event, recorded.position, recorded.recorded_at, before))
                said[event.source] = event.set_sha256
        at_work = {each.name for each in loaded.state.at_work}
        latest = [each for each in found if each.event.source in at_work][-RETROSPECTIVE_IMPORTS:]
        self._imports[ledger] = (loaded.version, latest)
        return latest

    def _receivers(self, ledger: TenantId) -> list[TenantId]:
        return self._tenants() if ledger == PROVIDER else [ledger]

    async def _turn(self, tenant_id: TenantId, imports: Iterable[_Import]) -> bool:
        """Makes the first hunt that can be made for a tenant; whether there was one, or an import is done with."""
        settled = False
        for imported in imports:
            try:
                if await self._hunted(tenant_id, imported):
                    return True
                settled = True
            except TenetError as error:
                log.warning("archive_not_matched", tenant=tenant_id, ledger=imported.ledger, reason=error.reason)
            except Exception as error:  # A fault of ours at one tenant must not end the hunts of all others.
                log.exception("matching_failed", alarm=True, tenant=tenant_id, error=type(error).__name__)
        return settled

    async def _hunted(self, tenant_id: TenantId, imported: _Import) -> bool:
        """Looks through the next part; False where there is none any more. Raises what a hunt raises."""
        indicators = await self._new(imported)
        course = await self._course(tenant_id, imported) if indicators else None
        part = await self._part(tenant_id, imported, course) if course is not None else None
        if course is None or part is None:
            self._mark_done(tenant_id, imported.mark)
            return False
        try:
            await self._hunt(tenant_id, imported, course.number, part, indicators)
        except (HuntTooLarge, HuntTooSlow, HuntFailed) as error:
            course.attempts += 1
            if course.attempts < RETROSPECTIVE_ATTEMPTS:
                raise
            log.warning("archive_part_passed_over", alarm=True, tenant=tenant_id, reason=error.reason, start=part.start)
            course.end, course.attempts = part.start, 0
        return True

    async def _course(self, tenant_id: TenantId, imported: _Import) -> _Course:
        """As the hunts that are on record say, of this process or another: the next goes on where the last ended, or
        has the same part again where one hunt may not raise all that there is in it."""
        key = (tenant_id, imported.mark)
        course = self._courses.setdefault(key, _Course(0, imported.period.end))
        while course.number < MAX_RETROSPECTIVE_HUNTS:
            call = self._call(tenant_id, imported, course.number)
            made = (await self._repository.load(tenant_id, HUNT, derive_id("hunt", call.request_key))).state
            if made.start is None or made.end is None:
                break
            course.number, course.attempts = course.number + 1, 0
            course.end = made.end if made.goes_on else made.start
        return course

    async def _part(self, tenant_id: TenantId, imported: _Import, course: _Course) -> Period | None:
        start = imported.period.start
        if course.end <= start or course.number >= MAX_RETROSPECTIVE_HUNTS:
            return None
        return await self._selecting.latest(tenant_id, Period(start, course.end), RETROSPECTIVE_BYTES)

    def _mark_done(self, tenant_id: TenantId, mark: tuple[TenantId, int]) -> None:
        self._courses.pop((tenant_id, mark), None)
        done = self._done.setdefault(tenant_id, set())
        done.add(mark)
        if len(done) > 4 * RETROSPECTIVE_IMPORTS:
            done.remove(min(done, key=lambda each: each[1]))

    async def _new(self, imported: _Import) -> Sequence[Indicator]:
        """What the import brought that its source had not said just so before; the latest, if there is too much."""
        known = self._at_hand.get(imported.mark)
        if known is None:
            known = self._at_hand[imported.mark] = await self._read_new(imported)
        self._at_hand.move_to_end(imported.mark)
        while len(self._at_hand) > IMPORTS_AT_HAND:
            self._at_hand.popitem(last=False)
        return known

    async def _read_new(self, imported: _Import) -> Sequence[Indicator]:
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

    async def _hunt(
        self, tenant_id: TenantId, imported: _Import, number: int, part: Period, indicators: Sequence[Indicator]
    ) -> None:
        call, event = self._call(tenant_id, imported, number), imported.event
        origin = Origin(event.source, event.set_sha256, imported.position)
        question = Question(
            kind=HuntKind.INDICATORS,
            text=f"{len(indicators)} indicator(s) that are new in version {event.version} of {event.source}",
            reason="Intelligence was imported.",
            period=part,
            matcher=ArchiveWatch(imported.ledger, tuple(indicators), origin, call.now.timestamp()),
            facts=(Fact(FACT, event.set_sha256, imported.ledger, imported.position),),
            waits=True,
        )
        async for _ in self._hunting.hunt(call, question):
            pass  # How far it is interests nobody; what comes of it is on record.

    def _call(self, tenant_id: TenantId, imported: _Import, number: int) -> Call:
        # The first is named as it was when there was one hunt for each import.
        named = (ACTOR, imported.ledger, imported.position, tenant_id, *((number,) if number else ()))
        return Call(
            tenant_id=tenant_id,
            actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
            rpc=ACTOR,
            request_id=derive_id("request", *named),
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
        )


def _for_customers(ledger: TenantId, indicators: Iterable[Indicator]) -> Iterable[Indicator]:
    return (each for each in indicators if ledger != PROVIDER or each.label not in KEPT_BACK)
