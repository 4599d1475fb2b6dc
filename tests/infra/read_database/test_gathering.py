"""A round lets appends gather, but nobody who waits for a position pays for that."""

import asyncio
import time

from contracts.events.tenancy import TenantActivated
from contracts.ids import TenantId
from infra.read_database.heads import Heads
from infra.read_database.reader.waiting import Applied
from infra.read_database.turns import GATHERING_SECONDS
from tests.infra.read_database.memory_ledgers import MemoryLedgers

TENANT = TenantId("gathering")
LONG = 5.0


async def test_a_runner_that_rests_is_woken_by_whoever_waits_and_does_not_rest_while_one_does() -> None:
    applied = Applied()
    began = time.monotonic()
    resting = asyncio.create_task(applied.rest(LONG))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(applied.wait(TENANT, LONG))
    await resting
    await applied.rest(LONG)
    assert time.monotonic() - began < LONG / 2
    applied.notify(TENANT)
    await waiting
    await applied.rest(GATHERING_SECONDS)
    assert time.monotonic() - began >= GATHERING_SECONDS


async def test_what_is_appended_while_a_runner_rests_is_in_the_round_that_follows() -> None:
    ledgers = MemoryLedgers()
    other = TenantId("gathering-too")
    for tenant_id in (TENANT, other):
        ledgers.append(tenant_id, TenantActivated(tenant_id=tenant_id))
    heads = Heads(ledgers, ledgers)
    await heads.refresh()

    async def rest(_seconds: float) -> None:
        ledgers.append(other, TenantActivated(tenant_id=other))

    ledgers.append(TENANT, TenantActivated(tenant_id=TENANT))
    await heads.wait(LONG, rest)
    assert heads.known == {TENANT: 2, other: 2}
