"""Fetches sources that have a schedule. A fetch that brings nothing is on record only where that is news."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import assert_never

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import FailedPrecondition, TenetError
from contracts.events.intelligence import FetchKind, ImportMode, IntelligenceFetchScheduled
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.outbound.reach import Reach
from infra.outbound.refusals import FetchNotAuthorised
from infra.outbound.sessions import Credential, Door
from services.detections.application.intelligence import misp, taxii
from services.detections.application.intelligence.fetch_refusals import FetchKindUnknown
from services.detections.application.intelligence.fetched import Fetched
from services.detections.application.intelligence.importing import Content, Importing
from services.detections.config import FETCHES_AT_ONCE
from services.detections.domain.commands import NoteIntelligenceFetch, ScheduleIntelligenceFetch
from services.detections.domain.errors import IntelligenceSourceUnknown
from services.detections.domain.intelligence.sources import Source

LOOK_SECONDS = 60.0
"""How often schedules are looked at."""
ACTOR = "policy:fetch_intelligence"
RPC = "policy:fetch_intelligence"

_PATHS = (
    (FetchKind.TAXII, re.compile(r"/collections/[^/]+/?\Z")),
    (FetchKind.MISP_FEED, re.compile(rf"/{re.escape(misp.MANIFEST)}\Z")),
    (FetchKind.MISP_SERVER, re.compile(rf"/{re.escape(misp.SEARCH)}/?\Z")),
)
"""What a URL's path ends with where it tells what is spoken there (TAXII 2.1, section 5; MISP's own layout)."""

log = structlog.get_logger()


def kind_of(url: str) -> FetchKind:
    """Raises FetchKindUnknown where the URL does not tell."""
    path = url.partition("?")[0]
    for kind, ending in _PATHS:
        if ending.search(path):
            return kind
    raise FetchKindUnknown("The URL does not tell whether this is TAXII, a MISP feed or a MISP server: say which.")


class NotScheduled(FailedPrecondition):
    """The source is not one that is fetched."""

    reason = "INTELLIGENCE_NOT_SCHEDULED"


class Fetching:
    """`ledgers` gives those besides the provider's that have sources."""

    def __init__(
        self,
        importing: Importing,
        ledgers: Callable[[], Awaitable[list[TenantId]]],
        credentials: Mapping[str, str],
        reach: Reach,
        clock: Callable[[], datetime],
    ) -> None:
        self._importing, self._ledgers, self._reach, self._clock = importing, ledgers, reach, clock
        self._credentials = {name: Credential.of(text) for name, text in credentials.items()}
        self._fetched: dict[tuple[TenantId, str], float] = {}
        self._unfinished: set[tuple[TenantId, str]] = set()
        # Their own threads: servers that say nothing for a while must not hold those of the rest of the service.
        self._threads = ThreadPoolExecutor(FETCHES_AT_ONCE, "fetching")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check(self, command: ScheduleIntelligenceFetch) -> None:
        """Raises FetchUrlRefused, FetchAddressRefused, FetchNotAuthorised for a credential that there is not."""
        self._reach.check_url(command.url)
        self._credential(command.credential)

    async def fetch_intelligence(self, call: Call, source: str) -> int:
        """Fetches now; the position of what was recorded, or of the last entry where nothing was.

        Where only some could be read that is taken, and the refusal of the rest is on record beside it. Raises
        IntelligenceSourceUnknown, NotScheduled, FetchRefused, and what an import raises.
        """
        state, position = await self._importing.sources_of(call.tenant_id)
        known = state.by_name.get(source)
        if known is None:
            raise IntelligenceSourceUnknown("There is no such source of intelligence.")
        if known.fetch is None:
            raise NotScheduled("The source has no schedule.")
        own = replace(call, rpc=RPC, actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER))
        self._unfinished.discard((call.tenant_id, source))
        try:
            fetched = await self._looked(call.tenant_id, known.fetch, known.cursor)
            if fetched.is_news:
                position = await self._take(own, known, known.fetch, fetched)
        except TenetError as error:
            await self._note(own, source, error.reason)
            raise
        if fetched.more:
            self._unfinished.add((call.tenant_id, source))
        return max(position, await self._note(own, source, fetched.refusal.reason if fetched.refusal else None))

    async def run(self) -> None:
        """Until cancelled: fetches what is due, the sources of one ledger one after the other and beside those of
        others, so that slow servers hold up their own ledger only. A failure is on record, and tried again when it is
        due again."""
        running: dict[TenantId, asyncio.Task[None]] = {}
        try:
            while True:
                try:
                    ledgers = [PROVIDER, *await self._ledgers()]
                except TenetError as error:
                    log.warning("schedules_not_read", reason=error.reason)
                    ledgers = []
                for ended in [ledger for ledger, task in running.items() if task.done()]:
                    if (fault := running.pop(ended).exception()) is not None:
                        # A fault of ours that one customer's source finds must not end the fetches of all others.
                        log.error("fetching_failed", alarm=True, ledger=ended, error=type(fault).__name__)
                for ledger in ledgers:
                    if ledger not in running:
                        running[ledger] = asyncio.create_task(self._fetch_due(ledger), name=f"fetching for {ledger}")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _fetch_due(self, ledger: TenantId) -> None:
        try:
            state, _ = await self._importing.sources_of(ledger)
        except TenetError as error:
            log.warning("schedules_not_read", ledger=ledger, reason=error.reason)
            return
        for source in state.by_name.values():
            key = (ledger, source.name)
            if source.fetch is None or not self._is_due(key, source.fetch):
                continue
            self._fetched[key] = time.monotonic()
            now = self._clock()
            call = Call(
                tenant_id=ledger,
                actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
                rpc=RPC,
                request_id=derive_id("request", ACTOR, ledger, source.name, now.isoformat()),
                now=now,
                roles=frozenset({Role.SERVICE}),
            )
            try:
                await self.fetch_intelligence(call, source.name)
            except TenetError as error:
                log.warning("intelligence_fetch_refused", ledger=ledger, source=source.name, reason=error.reason)

    def _is_due(self, key: tuple[TenantId, str], schedule: IntelligenceFetchScheduled) -> bool:
        last = self._fetched.get(key)
        waited = last is None or time.monotonic() >= last + schedule.interval_minutes * 60
        return waited or key in self._unfinished

    async def _looked(self, ledger: TenantId, schedule: IntelligenceFetchScheduled, cursor: str | None) -> Fetched:
        door = Door(schedule.url, self._credential(schedule.credential), self._reach)
        match schedule.kind:
            case FetchKind.TAXII:
                return await self._in_thread(partial(taxii.fetch, door, cursor))
            case FetchKind.MISP_FEED:
                return await self._in_thread(partial(misp.fetch_feed, door, await self._importing.seen(ledger, cursor)))
            case FetchKind.MISP_SERVER:
                return await self._in_thread(
                    partial(misp.fetch_server, door, await self._importing.seen(ledger, cursor))
                )
            case _:
                assert_never(schedule.kind)

    async def _in_thread(self, fetch: Callable[[], Fetched]) -> Fetched:
        return await asyncio.get_running_loop().run_in_executor(self._threads, fetch)

    async def _take(self, call: Call, known: Source, schedule: IntelligenceFetchScheduled, fetched: Fetched) -> int:
        after = fetched.cursor
        if fetched.seen is not None:
            after = await self._importing.keep_seen(call.tenant_id, fetched.seen)
        content = Content(
            schedule.source,
            ImportMode.ADD,
            schedule.label,
            fetched.content,
            cursor=after,
            published=fetched.published,
        )
        # Two processes that fetch the same after the same import make the same request, which has one effect. Cursors
        # alone do not tell: a source may come back to what it was, be scheduled anew, or have none.
        request_id = derive_id("request", ACTOR, schedule.source, known.position, known.cursor or "", after or "")
        taken = await self._importing.import_intelligence(replace(call, request_id=request_id), content)
        return taken.committed.position

    async def _note(self, call: Call, source: str, refusal: str | None) -> int:
        request_id = derive_id("request", ACTOR, call.request_id, "note")
        command = NoteIntelligenceFetch(tenant_id=call.tenant_id, request_id=request_id, source=source, refusal=refusal)
        noted = await self._importing.note_intelligence_fetch(replace(call, request_id=request_id), command)
        return noted.position

    def _credential(self, name: str | None) -> Credential | None:
        if name is None:
            return None
        known = self._credentials.get(name)
        if known is None:
            raise FetchNotAuthorised("The settings hold no credential of that name.", metadata={"credential": name})
        return known
