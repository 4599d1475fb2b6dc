"""Looks through archived telemetry of one tenant, and records in its ledger what was asked and what came of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from contracts.calls import Call
from contracts.events.base import Fact
from contracts.events.hunts import HuntCompleted, HuntKind
from contracts.ids import TenantId, derive_id
from infra.auth.access_log import AccessLog
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.detections.application.aggregates import HUNT
from services.detections.application.archive.rows import hour_of
from services.detections.application.hunts import sql_hunts
from services.detections.application.hunts.correlating import correlated
from services.detections.application.hunts.matching import Looked, looked_through
from services.detections.application.hunts.retrospecting import Retrospect, Retrospecting
from services.detections.application.hunts.selection import Period, Selected, Selecting
from services.detections.config import MAX_HUNT_HITS_SHOWN, MAX_HUNTS_AT_ONCE, MAX_HUNTS_OF_TENANT_AT_ONCE
from services.detections.domain import hunt
from services.detections.domain.commands import CompleteHunt
from services.detections.domain.correlation.hunted import Correlated, CorrelationMatcher
from services.detections.domain.errors import HuntsBusy
from services.detections.domain.hunt import Outcome
from services.detections.domain.matching import Matcher
from services.detections.domain.retrospection import Hit

SUBJECT = "archived telemetry"
PURPOSE = "hunt"


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is the SQL, or what names the rule or the indicators for whom the ledger is opened to; `reason` why it is
    asked. Without a matcher it is SQL.

    A `dry_run` shows hits and raises nothing. `facts` are what the matcher was made of. `waits` for a place rather than
    be refused: for what nobody sits before.
    """

    kind: HuntKind
    text: str
    reason: str
    period: Period
    matcher: Matcher | CorrelationMatcher | None = None
    dry_run: bool = False
    facts: tuple[Fact, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """`records` are those of the files at hand; `looked_through` and `found` how many were asked about, and match."""

    files: int
    files_in_all: int
    records: int
    looked_through: int = 0
    found: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What is on record; see `HuntCompleted`."""

    hunt_id: str
    records: int
    found: int
    truncated: bool
    missing_hours: tuple[datetime, ...]
    detection_ids: tuple[str, ...]
    known: int
    hidden: int
    position: int


Step = Progress | sql_hunts.Answer | Hit | Correlated | Result


@dataclass(slots=True)
class _Finding:
    """What a hunt has found so far."""

    hits: list[Hit] = field(default_factory=list)
    correlated: list[Correlated] = field(default_factory=list)
    found: int = 0
    truncated: bool = False
    hidden: int = 0

    def add(self, found: Hit | Correlated) -> int:
        """How many records it is of."""
        if isinstance(found, Hit):
            self.hits.append(found)
            return 1
        self.correlated.append(found)
        return len(found.firing.hits)


class Hunting:
    def __init__(
        self,
        handler: CommandHandler,
        selecting: Selecting,
        retrospecting: Retrospecting,
        access_log: AccessLog,
    ) -> None:
        self._handler, self._selecting, self._retrospecting = handler, selecting, retrospecting
        self._access_log = access_log
        self._places = asyncio.Semaphore(MAX_HUNTS_AT_ONCE)
        self._asked = Counter[TenantId]()

    async def hunt(self, call: Call, question: Question) -> AsyncGenerator[Step, None]:
        """How far it is, what was found (the first hits, one by one), and last of all what is on record.

        A hunt that is cancelled before its end records and raises nothing; that somebody looked is in the access log
        before anything is opened. Raises HuntsBusy, HuntTooLarge, HuntRefused, HuntTooSlow, HuntFailed, ObjectCorrupt,
        StoreUnavailable.
        """
        async with self._place(call.tenant_id, question):
            files = await self._selecting.listed(call.tenant_id, _looked_at(question))
            await self._access_log.record(call.tenant_id, call.actor.id, subjects=[SUBJECT], purpose=PURPOSE)
            yield Progress(0, len(files), 0)
            finding = _Finding()
            async with (
                self._selecting.opened(call.tenant_id, files) as selected,
                aclosing(self._steps(call, question, selected, len(files), finding)) as steps,
            ):
                async for step in steps:
                    yield step
            yield await self._recorded(call, question, selected, finding)

    @asynccontextmanager
    async def _place(self, tenant_id: TenantId, question: Question) -> AsyncIterator[None]:
        """No tenant's people take all places: a hunt may go on for half an hour."""
        if question.waits:
            async with self._places:
                yield
            return
        if self._asked[tenant_id] >= MAX_HUNTS_OF_TENANT_AT_ONCE:
            raise HuntsBusy("As many hunts as are made for one tenant at once are under way.")
        if self._places.locked():
            raise HuntsBusy("As many hunts as this service makes at once are under way.")
        self._asked[tenant_id] += 1
        try:
            async with self._places:
                yield
        finally:
            self._asked[tenant_id] -= 1
            self._asked += Counter()  # Forgets those of whom none is left.

    async def _steps(
        self, call: Call, question: Question, selected: Selected, files_in_all: int, finding: _Finding
    ) -> AsyncGenerator[Step, None]:
        """Gathers into `finding` on the way."""
        yield Progress(len(selected.files), files_in_all, selected.records)
        if question.matcher is None:
            answer = await sql_hunts.answer(question.text, selected.paths)
            finding.found, finding.truncated = len(answer.rows), answer.truncated
            yield answer
            return
        shown = 0
        async with aclosing(await self._looking(call, question, question.matcher, selected)) as looking:
            async for step in looking:
                if isinstance(step, Looked):
                    finding.found, finding.truncated, finding.hidden = step.found, step.truncated, step.hidden
                    yield _progress(step, selected, files_in_all)
                    continue
                shown += finding.add(step)
                if shown <= MAX_HUNT_HITS_SHOWN:
                    yield step

    async def _looking(
        self, call: Call, question: Question, matcher: Matcher | CorrelationMatcher, selected: Selected
    ) -> AsyncGenerator[Looked | Hit | Correlated, None]:
        if not isinstance(matcher, CorrelationMatcher):
            return looked_through(matcher, selected.paths)
        standing = await self._retrospecting.standing(call)
        return correlated(matcher, standing, selected.paths, hour_of(question.period.start), call.now)

    async def _recorded(self, call: Call, question: Question, selected: Selected, finding: _Finding) -> Result:
        command = CompleteHunt(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            hunt_id=derive_id("hunt", call.request_key),
            kind=question.kind,
            question=question.text,
            reason=question.reason,
            start=question.period.start,
            end=question.period.end,
            dry_run=question.dry_run,
        )

        async def work(unit: Unit) -> None:
            loaded = await unit.load(HUNT, command.hunt_id)
            came = Retrospect()
            if (finding.hits or finding.correlated) and not question.dry_run:
                came = await self._retrospecting.append(unit, call, command.hunt_id, finding.hits, finding.correlated)
            for fact in question.facts:
                unit.cite(fact)
            outcome = Outcome(
                files=len(selected.files),
                records=selected.records,
                missing_hours=len(set(selected.gone)),
                found=finding.found,
                truncated=finding.truncated or came.left > 0,
                known=came.known,
                hidden=finding.hidden + came.hidden,
            )
            unit.append(loaded, hunt.complete(loaded.state, command, outcome, came.detection_ids, came.hits_sha256))

        return _result(await self._handler.handle(call, command, work), tuple(sorted(set(selected.gone))))


def _looked_at(question: Question) -> Period:
    """A window that ends within the period may begin before it."""
    if not isinstance(question.matcher, CorrelationMatcher):
        return question.period
    return Period(question.period.start - question.matcher.reach, question.period.end)


def _progress(looked: Looked, selected: Selected, files_in_all: int) -> Progress:
    return Progress(len(selected.files), files_in_all, selected.records, looked.records, looked.found)


def _result(committed: Committed, missing: tuple[datetime, ...]) -> Result:
    """Of a hunt that was asked for again: what it came to the first time."""
    event = next(each.event for each in committed.recorded if isinstance(each.event, HuntCompleted))
    return Result(
        event.hunt_id,
        event.records,
        event.found,
        event.truncated,
        missing,
        event.detection_ids,
        event.known,
        event.hidden,
        committed.position,
    )
