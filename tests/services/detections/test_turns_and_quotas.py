"""Tenants take turns whatever they have waiting, a greedy one stands aside, and none takes more than its quota."""

import asyncio
import threading

import pytest

from contracts.ids import TenantId
from services.detections.application.passages import Passages
from services.detections.application.quotas import Quotas
from services.detections.application.shares import Shares
from services.detections.application.turns import FairTurns
from services.detections.config import (
    GREEDY_BATCHES_AT_ONCE,
    QUOTA_BATCHES_UNDER_WAY,
    QUOTA_BURST_SECONDS,
    QUOTA_BYTES_UNDER_WAY,
    SHARE_HALF_LIFE_SECONDS,
)
from services.detections.domain.errors import QuotaExceeded

LOUD, QUIET, OTHER = TenantId("loud"), TenantId("quiet"), TenantId("other")


async def test_a_tenant_with_much_waiting_does_not_hold_up_the_others() -> None:
    turns, done, gate = FairTurns(Shares()), list[str](), threading.Event()
    try:
        first = asyncio.create_task(turns.take(LOUD, lambda: gate.wait(5)))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(turns.take(tenant_id, lambda tenant_id=tenant_id: done.append(tenant_id)))  # type: ignore[misc]  # A default binds the loop's value.
            for tenant_id in (LOUD,) * 50 + (QUIET, OTHER, QUIET)
        ]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *waiting)
    finally:
        turns.close()
    assert {QUIET, OTHER} <= set(done[:4])
    assert done.index(QUIET, done.index(QUIET) + 1) < 6
    assert done.count(LOUD) == 50


async def test_a_turn_that_is_given_up_or_fails_passes_on() -> None:
    turns, gate = FairTurns(Shares()), threading.Event()
    try:
        first = asyncio.create_task(turns.take(LOUD, lambda: gate.wait(5)))
        await asyncio.sleep(0)
        given_up = asyncio.create_task(turns.take(LOUD, lambda: None))
        failing = asyncio.create_task(turns.take(QUIET, lambda: 1 // 0))
        await asyncio.sleep(0)
        given_up.cancel()
        gate.set()
        await first
        with pytest.raises(ZeroDivisionError):
            await failing
        assert await asyncio.wait_for(turns.take(OTHER, lambda: 7), 5) == 7
    finally:
        turns.close()


async def test_turns_go_to_the_tenant_that_took_least() -> None:
    shares, done, gate = Shares(), list[str](), threading.Event()
    shares.charge(LOUD, 10.0)
    turns = FairTurns(shares)
    try:
        first = asyncio.create_task(turns.take(OTHER, lambda: gate.wait(5)))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(turns.take(tenant_id, lambda tenant_id=tenant_id: done.append(tenant_id)))  # type: ignore[misc]  # A default binds the loop's value.
            for tenant_id in (LOUD,) * 20 + (QUIET,) * 20
        ]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *waiting)
    finally:
        turns.close()
    assert done == [QUIET] * 20 + [LOUD] * 20


def test_what_a_tenant_took_weighs_half_after_a_while() -> None:
    now = [0.0]
    shares = Shares(lambda: now[0])
    shares.charge(LOUD, 8.0)
    now[0] += 2 * SHARE_HALF_LIFE_SECONDS
    assert shares.took(LOUD) == pytest.approx(2.0)
    shares.charge(LOUD, 1.0)
    assert shares.took(LOUD) == pytest.approx(3.0)
    assert shares.took(QUIET) == 0.0


async def test_a_greedy_tenant_stands_aside_until_the_smaller_one_is_through() -> None:
    shares = Shares()
    shares.charge(LOUD, 10.0)
    passages, order = Passages(shares), list[str]()
    entered = asyncio.Event()

    async def loud() -> None:
        async with passages.passage(LOUD) as passage:
            order.append("loud is under way")
            entered.set()
            await passage.stand_aside()
            order.append("loud goes on")

    async with passages.passage(QUIET) as passage:
        greedy = asyncio.create_task(loud())
        await entered.wait()
        await passage.stand_aside()
        order.append("quiet is through")
    await asyncio.wait_for(greedy, 5)
    passages.close()
    assert order == ["loud is under way", "quiet is through", "loud goes on"]


async def test_what_arrives_together_with_a_greedy_tenants_batch_is_ahead_of_it() -> None:
    shares = Shares()
    shares.charge(LOUD, 10.0)
    shares.charge(QUIET, 0.01)
    passages, order = Passages(shares), list[str]()

    async def batch(tenant_id: TenantId, name: str) -> None:
        async with passages.passage(tenant_id) as passage:
            await passage.stand_aside()
            order.append(name)

    await asyncio.gather(batch(LOUD, "loud"), batch(QUIET, "quiet"))
    passages.close()
    assert order == ["quiet", "loud"]


async def test_standing_aside_ends_beside_tenants_that_are_never_through() -> None:
    shares = Shares()
    shares.charge(LOUD, 10.0)
    passages = Passages(shares)
    async with passages.passage(QUIET), passages.passage(LOUD) as passage, asyncio.timeout(60):
        for _ in range(1_000):
            await passage.stand_aside()
    passages.close()


async def test_batches_of_a_greedy_tenant_come_in_a_few_at_a_time_and_those_of_a_lonely_one_do_not() -> None:
    shares, inside, most = Shares(), 0, 0
    passages = Passages(shares)

    async def batch() -> None:
        nonlocal inside, most
        async with passages.passage(LOUD):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    shares.charge(LOUD, 10.0)
    await asyncio.gather(*(batch() for _ in range(20)))
    assert most == 20
    most = 0
    shares.charge(QUIET, 0.01)
    await asyncio.gather(*(batch() for _ in range(20)))
    assert most == GREEDY_BATCHES_AT_ONCE
    passages.close()


def test_a_tenant_in_debt_waits_as_long_as_it_takes_to_earn_it_and_no_other_does() -> None:
    now = [0.0]
    quotas = Quotas(lambda: now[0], {LOUD: 100})
    with quotas.admitted(LOUD, 1):
        quotas.charge(LOUD, 100 * QUOTA_BURST_SECONDS + 250, 0.0)
    with pytest.raises(QuotaExceeded) as refused, quotas.admitted(LOUD, 1):
        pass
    assert refused.value.metadata["retry_after_seconds"] == "3"
    with quotas.admitted(QUIET, 1):
        pass
    now[0] += 3
    with quotas.admitted(LOUD, 1):
        pass


def test_what_is_hard_to_read_costs_its_time() -> None:
    now = [0.0]
    quotas = Quotas(lambda: now[0], {LOUD: 100})
    quotas.charge(LOUD, 1, QUOTA_BURST_SECONDS + 1.0)
    with pytest.raises(QuotaExceeded), quotas.admitted(LOUD, 1):
        pass


def test_what_is_under_way_at_once_is_limited_in_bytes_and_in_number() -> None:
    quotas = Quotas(lambda: 0.0)
    with quotas.admitted(LOUD, QUOTA_BYTES_UNDER_WAY):
        with pytest.raises(QuotaExceeded) as refused, quotas.admitted(LOUD, 1):
            pass
        assert refused.value.metadata["quota"] == "bytes"
    held = [quotas.admitted(LOUD, 0) for _ in range(QUOTA_BATCHES_UNDER_WAY)]
    for each in held:
        each.__enter__()
    with pytest.raises(QuotaExceeded) as refused, quotas.admitted(LOUD, 0):
        pass
    assert refused.value.metadata["quota"] == "batches"
