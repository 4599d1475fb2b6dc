"""What works beside the serving: nothing that goes wrong in it ends it, or orders and alarms would stop unnoticed."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.ids import TenantId
from services.cases.application import on_call_watch, outbox
from services.cases.application.on_call_watch import OnCallWatch
from services.cases.application.outbox import Intent, Outbox

CLINIC = TenantId("clinic")


class Locks:
    """Always free, once the connection that holds them can be had."""

    failures: int

    @classmethod
    @asynccontextmanager
    async def open(cls, _database: object) -> AsyncIterator["Locks"]:
        if cls.failures:
            cls.failures -= 1
            raise RuntimeError("the connection broke while it was given back")
        yield cls()

    async def check(self) -> None: ...

    async def take(self, _name: str) -> bool:
        return True

    async def give_back(self, _name: str) -> None: ...


class OneTenant:
    async def list(self) -> Sequence[TenantId]:
        return [CLINIC]


async def until(done: asyncio.Event, work: Any) -> None:
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(10):
            await done.wait()
    finally:
        task.cancel()


async def test_an_outbox_goes_on_after_whatever_befell_its_connection_its_sweep_or_one_intent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(outbox, "Locks", Locks)
    Locks.failures = 1
    sweeps, done, tried = 0, asyncio.Event(), []

    async def unfinished(_tenants: Sequence[TenantId], _limit: int) -> Sequence[Intent]:
        nonlocal sweeps
        sweeps += 1
        if sweeps == 1:
            raise RuntimeError("an answer of another shape")
        return [] if done.is_set() else [Intent(CLINIC, "action-1")]

    async def carry_out(intent: Intent) -> None:
        tried.append(intent.id)
        if len(tried) == 1:
            raise RuntimeError("a receiver of another kind")
        done.set()

    await until(done, Outbox("actions", carry_out, unfinished, object(), OneTenant()).run())  # type: ignore[arg-type]  # what is used of it
    assert tried == ["action-1", "action-1"]


async def test_the_watch_over_who_is_on_call_goes_on_after_a_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_call_watch, "LOOK_SECONDS", 0.0)
    looks, done = 0, asyncio.Event()

    class Looks:
        async def uncovered(self, _tenants: Sequence[TenantId]) -> Mapping[TenantId, str]:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise RuntimeError("a row of another shape")
            done.set()
            return {CLINIC: "GAP"}

        async def unanswered(self, _tenants: Sequence[TenantId]) -> int:
            return 0

    await until(done, OnCallWatch(Looks(), lambda: [CLINIC], OneTenant().list).run())
    assert looks > 1
