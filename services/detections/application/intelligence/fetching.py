"""Fetches sources that have a schedule. A fetch that brings nothing is on record only where that is news."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import FailedPrecondition, TenetError
from contracts.events.intelligence import ImportMode, IntelligenceFetchScheduled
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from services.detections.application.intelligence.importing import Content, Importing
from services.detections.application.intelligence.taxii import (
    Credential,
    Fetched,
    FetchNotAuthorised,
    check_url,
    fetch,
)
from services.detections.domain.commands import NoteIntelligenceFetch, ScheduleIntelligenceFetch
from services.detections.domain.errors import IntelligenceSourceUnknown

LOOK_SECONDS = 60.0
"""How often schedules are looked at."""
ACTOR = "policy:fetch_intelligence"
RPC = "policy:fetch_intelligence"

log = structlog.get_logger()


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
        clock: Callable[[], datetime],
    ) -> None:
        self._importing, self._ledgers, self._clock = importing, ledgers, clock
        self._credentials = {name: Credential.of(text) for name, text in credentials.items()}
        self._fetched: dict[tuple[TenantId, str], float] = {}

    def check(self, command: ScheduleIntelligenceFetch) -> None:
        """Raises FetchUrlRefused, FetchNotAuthorised for a credential that there is not."""
        check_url(command.url)
        self._credential(command.credential)

    async def fetch_intelligence(self, call: Call, source: str) -> int:
        """Fetches now; the position of what was recorded, or of the last entry where nothing was.

        Raises IntelligenceSourceUnknown, NotScheduled, FetchRefused, and what an import raises.
        """
        state, position = await self._importing.sources_of(call.tenant_id)
        known = state.by_name.get(source)
        if known is None:
            raise IntelligenceSourceUnknown("There is no such source of intelligence.")
        if known.fetch is None:
            raise NotScheduled("The source has no schedule.")
        cursor = known.imported.cursor if known.imported is not None and not known.retired else None
        own = replace(call, rpc=RPC, actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER))
        try:
            fetched = await asyncio.to_thread(fetch, known.fetch.url, self._credential(known.fetch.credential), cursor)
            if fetched.objects:
                return await self._take(own, known.fetch, fetched, cursor)
        except TenetError as error:
            await self._note(own, source, error.reason)
            raise
        return max(position, await self._note(own, source, None))

    async def run(self) -> None:
        """Until cancelled: fetches what is due. A failure is on record, and tried again when it is due again."""
        while True:
            try:
                for ledger in (PROVIDER, *await self._ledgers()):
                    await self._fetch_due(ledger)
            except TenetError as error:
                log.warning("schedules_not_read", reason=error.reason)
            await asyncio.sleep(LOOK_SECONDS)

    async def _fetch_due(self, ledger: TenantId) -> None:
        state, _ = await self._importing.sources_of(ledger)
        for source in state.by_name.values():
            key = (ledger, source.name)
            last = self._fetched.get(key)
            if source.fetch is None or (
                last is not None and time.monotonic() < last + source.fetch.interval_minutes * 60
            ):
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

    async def _take(
        self, call: Call, schedule: IntelligenceFetchScheduled, fetched: Fetched, cursor: str | None
    ) -> int:
        # Two processes that fetch the same from the same cursor make the same request, which has one effect.
        content = Content(schedule.source, ImportMode.ADD, schedule.label, fetched.envelope, cursor=fetched.cursor)
        request_id = derive_id("request", ACTOR, schedule.source, cursor or "", fetched.cursor or "")
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
