"""A read database that is gone: every view is built again from the ledgers, and nothing is done a second time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.events.people import PageEscalated, PageSent
from contracts.ids import TenantId
from infra.event_store.ledger import Ledger
from infra.hosting import Foundation
from services.cases import wiring
from services.cases.application.calling import Calling
from services.cases.application.rotas import Rotas
from services.cases.config import CasesSettings, connectors_of
from services.cases.connectors.registry import Connectors
from services.cases.domain.people_commands import AcknowledgePage
from services.cases.projections import VIEWS
from tests.faults.rebuilds import ReadModels, Version
from tests.faults.timers import DUE, _call, _send
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform

LIMIT_SECONDS = 60.0
PAGES = 20
QUIET_SECONDS = 3.0
"""Longer than any runner waits between two looks at this service's work."""


@pytest.mark.timeout(240)
async def test_a_dropped_read_database_is_built_again_from_the_ledgers_and_nothing_is_done_twice() -> None:
    with new_platform() as platform:
        await platform.prepare()
        async with platform.running() as running:
            tenant_id, models = TenantId(await running.onboard()), ReadModels(platform.server.dsn(), "cases")
            async with _working(platform):
                await _people_at_work(running.cases, tenant_id)
                head = await _at_rest(running.cases, tenant_id, models)
            kept = _rows(models, tenant_id, head)
            assert len(kept["pages"]) > PAGES
            with psycopg.connect(platform.server.dsn(), autocommit=True) as admin:
                admin.execute("DROP DATABASE tenet_cases WITH (FORCE)")
            await platform.prepare()
            async with _working(platform):
                assert await _at_rest(running.cases, tenant_id, models) == head
                assert models.parked() == []
            assert _rows(models, tenant_id, head) == kept


@asynccontextmanager
async def _working(platform: Platform) -> AsyncIterator[None]:
    """The cases service at a time at which the first calls of all pages are over."""
    settings = platform.settings_of("cases")
    async with Foundation.open("cases", settings) as foundation:
        later = replace(foundation, clock=lambda: datetime.now(UTC) + timedelta(seconds=DUE))
        async with wiring.running(later, Connectors.of(connectors_of(settings, CasesSettings()))):
            yield


async def _people_at_work(ledger: Ledger, tenant_id: TenantId) -> None:
    """Pages; every other one is taken up, and for the rest a timer calls the next person."""
    await _send(ledger, tenant_id, PAGES)
    calling = Calling(ledger.handler, Rotas(ledger.handler, ledger.repository))
    sent = [each.event for each in await ledger.feed.read(tenant_id, 0, 1_000) if isinstance(each.event, PageSent)]
    for event in sent[::2]:
        call = _call(tenant_id)
        call = replace(call, actor=replace(call.actor, id=event.principal_id))
        command = AcknowledgePage(tenant_id=tenant_id, request_id=call.request_id, page_id=event.page_id)
        await calling.acknowledge_page(call, command)

    async def called_on() -> bool:
        found = await ledger.feed.read(tenant_id, 0, 1_000)
        called = {each.event.page_id for each in found if isinstance(each.event, PageEscalated)}
        return called >= {event.page_id for event in sent[1::2]}

    await eventually(called_on, LIMIT_SECONDS)


async def _at_rest(ledger: Ledger, tenant_id: TenantId, models: ReadModels) -> int:
    """The ledger's head, once every view and policy has come to it and nothing more is recorded."""
    heads: list[int] = []

    async def all_there() -> bool:
        head = await ledger.feed.head(tenant_id)
        standing = await asyncio.to_thread(models.standing)
        views = {name for tenant, name in standing if tenant == tenant_id}
        if views != {view.NAME for view in VIEWS} or await asyncio.to_thread(models.behind, {tenant_id: head}):
            return False
        await asyncio.sleep(QUIET_SECONDS)
        heads.append(head)
        return await ledger.feed.head(tenant_id) == head

    await eventually(all_there, LIMIT_SECONDS)
    return heads[-1]


def _rows(models: ReadModels, tenant_id: TenantId, head: int) -> dict[str, set[Version]]:
    """Every version of every row, by the view."""
    standing = models.standing()
    return {
        name: models.rows(name, tenant, build, head)
        for (tenant, name), (build, _) in standing.items()
        if tenant == tenant_id
    }
