"""Tenants take turns whatever they have waiting, and none takes more than its quota."""

import asyncio
import threading

import pytest

from contracts.ids import TenantId
from services.detections.application.quotas import Quotas
from services.detections.application.turns import FairTurns
from services.detections.config import (
    QUOTA_BATCHES_UNDER_WAY,
    QUOTA_BURST_SECONDS,
    QUOTA_BYTES_UNDER_WAY,
)
from services.detections.domain.errors import QuotaExceeded

LOUD, QUIET, OTHER = TenantId("loud"), TenantId("quiet"), TenantId("other")


async def test_a_tenant_with_much_waiting_gets_one_turn_between_two_of_the_others() -> None:
    turns, done, gate = FairTurns(), list[str](), threading.Event()
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
    assert set(done[:3]) == {LOUD, QUIET, OTHER}
    assert done.index(QUIET, done.index(QUIET) + 1) < 6
    assert done.count(LOUD) == 50


async def test_a_turn_that_is_given_up_or_fails_passes_on() -> None:
    turns, gate = FairTurns(), threading.Event()
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
