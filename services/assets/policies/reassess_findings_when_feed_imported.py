"""After a feed's import every open finding that names a vulnerability is judged by it, over all tenants.

Several replicas may do so at once: the request id follows from the finding and the versions of the feeds, so one
reassessment is recorded once. What a stopped process left undone, the next one does when it starts.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.read_database.policies import Clock
from infra.read_database.reader.conditions import is_null, one_of
from infra.read_database.reader.pages import MAX_PAGE_SIZE, Document, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.sources import Tenants
from infra.telemetry import current_traceparent, span
from services.assets.application.assets import Assets
from services.assets.application.vulnerability_feeds import KnownVulnerabilities
from services.assets.config import FEED_RETRY_SECONDS, REASSESS_AGAIN_SECONDS
from services.assets.domain.vulnerability_feed import Knowledge
from services.assets.projections import FINDINGS
from services.assets.projections.findings import OPEN_STATES, FindingRow

ACTOR = Actor("policy:reassess_findings_when_feed_imported", AuthenticatedBy.SERVICE, PROVIDER)
OPEN = [one_of("state", [state.value for state in OPEN_STATES]), is_null("vulnerability", False)]

log = structlog.get_logger()


class Reassessment:
    """`run` until cancelled, or `sweep` once."""

    def __init__(
        self, assets: Assets, known: KnownVulnerabilities, reader: Reader, tenants: Tenants, clock: Clock
    ) -> None:
        self._assets = assets
        self._known = known
        self._reader = reader
        self._tenants = tenants
        self._clock = clock

    async def run(self) -> None:
        """Sweeps at news, and again after a while: the view may show a finding too late for the first sweep that was
        reported too early for the feed."""
        again: tuple[float, ...] = ()
        while True:
            try:
                async with asyncio.timeout(again[0] if again else None):
                    await self._known.changed()
                again = REASSESS_AGAIN_SECONDS
            except TimeoutError:
                again = again[1:]
            while not await self.sweep():
                await asyncio.sleep(FEED_RETRY_SECONDS)

    async def sweep(self) -> bool:
        """Judges all open findings by what is known now; False when something could not be had."""
        known, complete, news = self._known.current, True, 0
        with span("reassess findings"):
            try:
                async for found in self._open():
                    try:
                        call = self._call(found.tenant_id, found.key, known)
                        news += len((await self._assets.reassess_finding(call, found.key, known)).recorded)
                    except TenetError as error:
                        complete = False
                        log.warning("finding_not_reassessed", tenant=found.tenant_id, reason=error.reason)
            except TenetError as error:
                complete = False
                log.warning("findings_not_looked_over", reason=error.reason)
        log.info("findings_reassessed", news=news, complete=complete)
        return complete

    async def _open(self) -> AsyncIterator[Document[FindingRow]]:
        tenants = [tenant_id for tenant_id in await self._tenants.list() if tenant_id != PROVIDER]
        token = ""
        while tenants:
            page = await FINDINGS.list(self._reader, tenants, OPEN, page=PageRequest(MAX_PAGE_SIZE, token))
            for item in page.items:
                yield item
            if not (token := page.next_token):
                return

    def _call(self, tenant_id: TenantId, finding_id: str, known: Knowledge) -> Call:
        positions = sorted(version.position for version in known.versions.values())
        return Call(
            tenant_id=tenant_id,
            actor=ACTOR,
            rpc=ACTOR.id,
            request_id=derive_id("request", ACTOR.id, tenant_id, finding_id, *positions),
            now=self._clock(),
            roles=frozenset({Role.SERVICE}),
            trace_parent=current_traceparent() or "",
        )
