"""Timers: set and cancelled with the document, fired once however late, and never by a rebuild."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from contracts.calls import Call
from contracts.errors import FailedPrecondition, StoreUnavailable
from contracts.ids import TenantId
from infra.read_database import runner as runner_module
from infra.read_database import verdicts
from infra.read_database.database import ReadDatabase
from infra.read_database.operations import parked_work, rebuild_projection, retry_timers
from infra.read_database.read_side import ReadSide
from infra.read_database.runner import ProjectionRunner
from infra.read_database.timers import TimerRunner
from tests.infra.read_database.board import Board, CardMoved, CardPromised, CardPutUp, CardTakenDown
from tests.infra.read_database.memory_ledgers import MemoryLedgers

CLINIC, RETAILER = TenantId("clinic"), TenantId("retailer")
BOARD = Board()
DUE = datetime(2026, 2, 1, tzinfo=UTC)


class Bell:
    """A handler that remembers what it was called with, and fails as told."""

    def __init__(self) -> None:
        self.rung: list[tuple[Call, Mapping[str, Any]]] = []
        self.errors: list[Exception] = []

    async def __call__(self, call: Call, payload: Mapping[str, Any]) -> None:
        self.rung.append((call, payload))
        if self.errors:
            raise self.errors.pop(0)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "FIRST_PAUSE", timedelta(milliseconds=1))


@pytest.fixture
def bell() -> Bell:
    return Bell()


async def project(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    await ProjectionRunner(database, ledgers, ledgers, [BOARD]).catch_up()


async def states(admin: AsyncConnection[Any]) -> list[tuple[Any, ...]]:
    cursor = await admin.execute(
        "SELECT t.key, t.due_at, t.state FROM timers t JOIN projection_builds b USING (tenant_id, projection, build)"
        " WHERE b.active ORDER BY 1, 2"
    )
    return await cursor.fetchall()


async def fire_until_quiet(runner: TimerRunner) -> None:
    for _ in range(50):
        await runner.fire_due()
        await asyncio.sleep(0.005)


async def test_a_timer_fires_when_due_and_not_before(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    clock = Clock(DUE - timedelta(microseconds=1))
    runner = TimerRunner(database, {"remind": bell}, clock)
    assert await runner.fire_due() == 0
    clock.now = DUE
    assert await runner.fire_due() == 1
    assert await runner.fire_due() == 0
    ((call, payload),) = bell.rung
    assert (call.tenant_id, call.actor.id, payload) == (CLINIC, "timer:remind", {"card": "a"})
    assert call.correlation_id == "correlation-1"
    assert await states(admin) == [("a", DUE, "fired")]


async def test_a_late_timer_fires_at_the_start_and_a_clock_that_jumps_back_fires_nothing_twice(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    clock = Clock(DUE + timedelta(days=400))
    assert await TimerRunner(database, {"remind": bell}, clock).fire_due() == 1
    clock.now = DUE - timedelta(days=400)
    assert await TimerRunner(database, {"remind": bell}, clock).fire_due() == 0
    clock.now = DUE + timedelta(days=1)
    assert await TimerRunner(database, {"remind": bell}, clock).fire_due() == 0
    assert len(bell.rung) == 1


async def test_a_timer_that_was_due_when_it_was_claimed_is_due_for_its_command_though_the_clock_goes_back(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    looks = [DUE]

    def goes_back() -> datetime:
        """The first look finds it due; every later one is an hour before."""
        return looks.pop() if looks else DUE - timedelta(hours=1)

    assert await TimerRunner(database, {"remind": bell}, goes_back)._fire_one()
    ((call, _),) = bell.rung
    assert call.now == DUE


async def test_a_timer_that_the_document_no_longer_wants_is_cancelled(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, bell: Bell
) -> None:
    later = DUE + timedelta(days=1)
    for card in "abc":
        ledgers.append(CLINIC, CardPutUp(card=card), CardPromised(card=card, at=DUE))
    await project(database, ledgers)
    ledgers.append(CLINIC, CardTakenDown(card="a"), CardPromised(card="b", at=later))
    await project(database, ledgers)
    assert await states(admin) == [
        ("a", DUE, "cancelled"), ("b", DUE, "cancelled"), ("b", later, "pending"), ("c", DUE, "pending"),
    ]  # fmt: skip
    await TimerRunner(database, {"remind": bell}, Clock(DUE)).fire_due()
    assert [payload for _, payload in bell.rung] == [{"card": "c"}]


async def test_a_timer_that_is_wanted_again_comes_back(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"))
    for at in (DUE, None, DUE):
        ledgers.append(CLINIC, CardPromised(card="a", at=at))
        await project(database, ledgers)
    assert await states(admin) == [("a", DUE, "pending")]


async def test_a_document_that_changes_after_its_timer_fired_does_not_fire_it_again(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    runner = TimerRunner(database, {"remind": bell}, Clock(DUE))
    await runner.fire_due()
    ledgers.append(CLINIC, CardMoved(card="a", lane="elsewhere"))
    await project(database, ledgers)
    assert await runner.fire_due() == 0


async def test_a_crash_after_the_command_fires_again_with_the_same_request_id(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    runner = TimerRunner(database, {"remind": bell}, Clock(DUE))

    async def killed(*arguments: Any) -> None:
        raise ConnectionError("killed before the commit")

    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(runner, "_finish", killed)
        await runner.fire_due()
    before = len(bell.rung)
    assert await runner.fire_due() == 1
    assert len(bell.rung) == before + 1
    assert len({call.request_id for call, _ in bell.rung}) == 1


async def test_many_timers_and_two_runners_fire_each_once_with_request_ids_of_their_own(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell
) -> None:
    for tenant_id in (CLINIC, RETAILER):
        for number in range(20):
            card = str(number)
            ledgers.append(tenant_id, CardPutUp(card=card), CardPromised(card=card, at=DUE + timedelta(minutes=number)))
    await project(database, ledgers)
    runners = [TimerRunner(database, {"remind": bell}, Clock(DUE + timedelta(days=1))) for _ in range(2)]
    assert sum(await asyncio.gather(*(runner.fire_due() for runner in runners))) == 40
    assert len({call.request_id for call, _ in bell.rung}) == 40


async def test_a_refused_timer_is_recorded_and_a_broken_one_is_parked_until_it_may_try_again(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    ledgers.append(CLINIC, CardPutUp(card="b"), CardPromised(card="b", at=DUE + timedelta(hours=1)))
    await project(database, ledgers)
    clock = Clock(DUE)
    runner = TimerRunner(database, {"remind": bell}, clock)
    bell.errors = [FailedPrecondition("It was done already.")]
    await fire_until_quiet(runner)
    clock.now = DUE + timedelta(hours=1)
    bell.errors = [KeyError("bug")] * verdicts.MAX_ATTEMPTS
    await fire_until_quiet(runner)
    assert [state for _, _, state in await states(admin)] == ["refused", "parked"]
    assert len(bell.rung) == 1 + verdicts.MAX_ATTEMPTS
    assert [(parked.work, parked.reason) for parked in await parked_work(database, [CLINIC])] == [
        ("timer", "KeyError: KeyError")
    ]
    assert await retry_timers(database, "remind", CLINIC) == 1
    await fire_until_quiet(runner)
    assert [state for _, _, state in await states(admin)] == ["refused", "fired"]


async def test_a_timer_waits_out_an_outage(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, bell: Bell
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    await project(database, ledgers)
    bell.errors = [StoreUnavailable("away")] * 3
    runner = TimerRunner(database, {"remind": bell}, Clock(DUE))
    await fire_until_quiet(runner)
    assert [state for _, _, state in await states(admin)] == ["fired"]
    assert len(bell.rung) == 4


async def test_a_rebuild_fires_nothing_that_has_fired_and_takes_over_what_is_still_to_come(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, bell: Bell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 1)
    later = DUE + timedelta(days=1)
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
    ledgers.append(CLINIC, CardPutUp(card="b"), CardPromised(card="b", at=later))
    # History holds a timer that was cancelled in time; while a rebuild stands between the two events it must not fire.
    ledgers.append(CLINIC, CardPutUp(card="c"), CardPromised(card="c", at=DUE), CardPromised(card="c", at=None))
    await project(database, ledgers)
    runner = TimerRunner(database, {"remind": bell}, Clock(DUE))
    await runner.fire_due()
    assert [payload["card"] for _, payload in bell.rung] == ["a"]
    await rebuild_projection(database, BOARD, [CLINIC])
    projections = ProjectionRunner(database, ledgers, ledgers, [BOARD])
    for _ in range(len(ledgers.entries_of[CLINIC])):
        await projections._heads.refresh()  # One batch at a time, with the timers looked at in between.
        await projections._turn(CLINIC, len(ledgers.entries_of[CLINIC]))
        assert await runner.fire_due() == 0
    assert [(key, state) for key, _, state in await states(admin)] == [
        ("a", "fired"), ("b", "pending"), ("c", "cancelled"),
    ]  # fmt: skip


async def test_a_running_read_side_fires_what_its_views_want(
    database: ReadDatabase, ledgers: MemoryLedgers, bell: Bell
) -> None:
    side = ReadSide(database, ledgers, ledgers, clock=Clock(DUE), views=[BOARD], timers={"remind": bell})
    async with side.running():
        position = ledgers.append(CLINIC, CardPutUp(card="a"), CardPromised(card="a", at=DUE))
        await side.reader.waited(CLINIC, position)
        async with asyncio.timeout(5):
            while not bell.rung:
                await asyncio.sleep(0.01)
    assert [payload for _, payload in bell.rung] == [{"card": "a"}]
