"""The projector and its runner: exactly once, shared by replicas, parked one tenant at a time, rebuilt beside."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from contracts.events.base import Event
from contracts.ids import TenantId
from infra.read_database import projector as projector_module
from infra.read_database import runner as runner_module
from infra.read_database import tracking, turns
from infra.read_database.database import ReadDatabase
from infra.read_database.operations import Parked, parked_work, rebuild_projection, retry_projection
from infra.read_database.projector import Batch
from infra.read_database.reader.queries import Reader
from infra.read_database.runner import ProjectionRunner
from tests.infra.read_database.board import (
    Board,
    Card,
    CardMoved,
    CardPutUp,
    CardTakenDown,
    LaneErased,
    LaneRenamed,
    Poison,
    Unrelated,
)
from tests.infra.read_database.memory_ledgers import MemoryLedgers

CLINIC, RETAILER = TenantId("clinic"), TenantId("retailer")
BOARD = Board()


def runner_of(database: ReadDatabase, ledgers: MemoryLedgers, view: Board = BOARD) -> ProjectionRunner:
    return ProjectionRunner(database, ledgers, ledgers, [view])


async def rows(admin: AsyncConnection[Any], tenant_id: TenantId) -> list[tuple[Any, ...]]:
    """Every row version of the active build, without the build's number."""
    cursor = await admin.execute(
        "SELECT key, from_position, to_position, doc, lane FROM board JOIN projection_builds b USING (tenant_id, build)"
        " WHERE tenant_id = %s AND b.active ORDER BY 1, 2",
        (tenant_id,),
    )
    return await cursor.fetchall()


async def tracked(admin: AsyncConnection[Any], tenant_id: TenantId) -> list[tuple[Any, ...]]:
    cursor = await admin.execute(
        "SELECT build, position, state, active FROM projection_builds WHERE tenant_id = %s ORDER BY 1", (tenant_id,)
    )
    return await cursor.fetchall()


async def test_every_version_of_a_document_is_a_row_between_two_positions(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), Unrelated(), CardMoved(card="a", lane="doing"))
    await runner_of(database, ledgers).catch_up()
    ledgers.append(CLINIC, CardTakenDown(card="a"))
    await runner_of(database, ledgers).catch_up()
    assert [(key, start, end, lane) for key, start, end, _, lane in await rows(admin, CLINIC)] == [
        ("a", 0, 2, "new"),
        ("a", 2, 3, "doing"),
    ]
    assert await tracked(admin, CLINIC) == [(1, 3, "running", True)]


async def test_an_event_that_changes_nothing_makes_no_row(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardTakenDown(card="never-there"))
    await runner_of(database, ledgers).catch_up()
    assert len(await rows(admin, CLINIC)) == 1


async def test_a_lookup_sees_what_earlier_events_of_the_same_batch_did(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b", lane="done"), LaneRenamed(old="new", new="fresh"))
    ledgers.append(CLINIC, LaneRenamed(old="fresh", new="newest"))
    await runner_of(database, ledgers).catch_up()
    current = {key: lane for key, _, end, _, lane in await rows(admin, CLINIC) if end is None}
    assert current == {"a": "newest", "b": "done"}


async def test_a_crash_between_reading_and_committing_neither_loses_nor_repeats_an_event(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), *[CardMoved(card="a", lane=str(n)) for n in range(20)])
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 4)
    whole, crashes = Batch.apply, iter([True, False, True, True, False, True])

    async def crash_after_writing(self: Batch[Card], entries: Any) -> None:
        await whole(self, entries)
        if next(crashes, False):
            raise ConnectionError("killed before the commit")

    monkeypatch.setattr(Batch, "apply", crash_after_writing)
    await runner_of(database, ledgers).catch_up()
    assert next(crashes, None) is None, "every crash happened"
    found = await rows(admin, CLINIC)
    assert [(start, end) for _, start, end, _, _ in found] == [(n, n + 1) for n in range(20)] + [(20, None)]
    assert found[-1][3]["moves"] == 20


async def test_two_runners_share_the_tenants_without_doing_anything_twice(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 3)
    tenants = [TenantId(f"tenant-{n}") for n in range(8)]
    for tenant_id in tenants:
        ledgers.append(tenant_id, CardPutUp(card="a"), *[CardMoved(card="a", lane=str(n)) for n in range(9)])
    folded: list[tuple[TenantId, int]] = []

    class Counting(Board):
        def fold(self, key: str, document: Card | None, recorded: Any) -> Card | None:
            folded.append((recorded.tenant_id, recorded.position))
            return super().fold(key, document, recorded)

    runners = [runner_of(database, ledgers, Counting()) for _ in range(2)]
    await asyncio.gather(*(runner.catch_up() for runner in runners))
    assert sorted(folded) == [(tenant_id, position) for tenant_id in tenants for position in range(10)]
    for tenant_id in tenants:
        assert len(await rows(admin, tenant_id)) == 10


@pytest.mark.parametrize("undecodable", [True, False])
async def test_a_poisoned_event_parks_one_tenants_view_and_nobody_elses(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, undecodable: bool
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"))
    if undecodable:
        ledgers.append_broken(CLINIC, Poison.TOPIC)
    else:
        ledgers.append(CLINIC, Poison(card="a"))
    ledgers.append(CLINIC, CardMoved(card="a", lane="later"))
    ledgers.append(RETAILER, CardPutUp(card="b"), CardMoved(card="b", lane="doing"))
    runner = runner_of(database, ledgers)
    await runner.catch_up()
    assert await tracked(admin, CLINIC) == [(1, 0, "parked", False)]
    assert await tracked(admin, RETAILER) == [(1, 1, "running", True)]
    parked = await parked_work(database, [CLINIC, RETAILER])
    error = "UndecodableEvent" if undecodable else "ValueError"
    detail = "broken for the test" if undecodable else "the view cannot take this"
    assert parked == [Parked("projection", "board", CLINIC, 1, error, detail)]
    assert await parked_work(database, [RETAILER]) == []


async def test_a_broken_entry_of_a_topic_that_the_view_does_not_follow_parks_nothing(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append_broken(CLINIC, "test.FromTheFuture")
    ledgers.append(CLINIC, CardPutUp(card="a"))
    await runner_of(database, ledgers).catch_up()
    assert await tracked(admin, CLINIC) == [(1, 1, "running", True)]


async def test_a_value_that_the_database_refuses_parks_at_that_event_and_applies_those_before(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, *[CardPutUp(card=str(n)) for n in range(5)], CardPutUp(card="huge", points=2**40))
    await runner_of(database, ledgers).catch_up()
    assert await tracked(admin, CLINIC) == [(1, 4, "parked", False)]


async def test_a_zero_character_is_shown_as_a_replacement_and_parks_nothing(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a", lane="a\x00b"))
    await runner_of(database, ledgers).catch_up()
    ((_, _, _, document, lane),) = await rows(admin, CLINIC)
    assert (document["lane"], lane) == ("a\ufffdb", "a\ufffdb")


async def test_a_parked_view_goes_on_where_it_stood_once_it_is_let_try_again(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), Poison(card="a"), CardMoved(card="a", lane="later"))
    await runner_of(database, ledgers).catch_up()
    monkeypatch.setattr(Board, "fold", lambda self, key, document, recorded: Card(
        lane="mended", points=0, put_up_at=recorded.recorded_at, moves=recorded.position))  # fmt: skip
    assert await retry_projection(database, "board", CLINIC) == 1
    await runner_of(database, ledgers).catch_up()
    assert await tracked(admin, CLINIC) == [(1, 2, "running", True)]
    resolved = await (await admin.execute("SELECT resolved_at IS NOT NULL FROM parked_events")).fetchall()
    assert resolved == [(True,)]


async def test_a_rebuild_runs_beside_the_old_build_and_switches_to_equal_rows(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 2)
    ledgers.append(CLINIC, CardPutUp(card="a"), *[CardMoved(card="a", lane=str(n)) for n in range(7)])
    ledgers.append(CLINIC, CardTakenDown(card="a"), CardPutUp(card="b"))
    runner = runner_of(database, ledgers)
    await runner.catch_up()
    fresh = await rows(admin, CLINIC)
    await rebuild_projection(database, BOARD, [CLINIC])
    assert [build[3] for build in await tracked(admin, CLINIC)] == [True, False], "the old one is read meanwhile"
    assert await rows(admin, CLINIC) == fresh
    await runner.catch_up()
    assert await tracked(admin, CLINIC) == [(1, 9, "retired", False), (2, 9, "running", True)]
    assert await rows(admin, CLINIC) == fresh
    runner._kept = float("-inf")  # Housekeeping is due now, not in a minute.
    await runner._keep_house()
    assert await tracked(admin, CLINIC) == [(2, 9, "running", True)]
    assert await (await admin.execute("SELECT count(*) FROM board WHERE build = 1")).fetchone() == (0,)


async def test_an_erasure_rewrites_past_versions_too_and_a_rebuild_brings_nothing_back(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "REWRITTEN_AT_ONCE", 2)
    moved = [CardMoved(card="a", lane=lane) for lane in ("secret", "open", "secret")]
    ledgers.append(CLINIC, CardPutUp(card="a"), *moved, CardMoved(card="a", lane="done"))
    ledgers.append(CLINIC, CardPutUp(card="b", lane="secret", points=0), CardPutUp(card="c", lane="secret"))
    ledgers.append(RETAILER, CardPutUp(card="a", lane="secret"))
    runner = runner_of(database, ledgers)
    await runner.catch_up()
    ledgers.append(CLINIC, LaneErased(lane="secret"), CardMoved(card="c", lane="open"))
    await runner.catch_up()
    fresh = await rows(admin, CLINIC)
    assert [(key, start, end, lane) for key, start, end, _, lane in fresh] == [
        ("a", 0, 1, "new"),
        ("a", 1, 2, None),
        ("a", 2, 3, "open"),
        ("a", 3, 4, None),
        ("a", 4, None, "done"),
        ("c", 6, 8, None),
        ("c", 8, None, "open"),
    ]
    assert not any("secret" in str(row) for row in fresh)
    assert "secret" in str(await rows(admin, RETAILER)), "another tenant's rows stay"
    await rebuild_projection(database, BOARD, [CLINIC])
    await runner.catch_up()
    assert await rows(admin, CLINIC) == fresh


async def test_a_new_version_of_the_code_is_built_beside_and_the_old_one_still_serves_old_code(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    class NewBoard(Board):
        VERSION = 2

    ledgers.append(CLINIC, CardPutUp(card="a"))
    await runner_of(database, ledgers).catch_up()
    await runner_of(database, ledgers, NewBoard()).catch_up()
    assert await tracked(admin, CLINIC) == [(1, 0, "running", True), (2, 0, "running", True)]
    ledgers.append(CLINIC, CardMoved(card="a", lane="doing"))
    await runner_of(database, ledgers, NewBoard()).catch_up()
    cards = [await view.get(Reader(database, [view]), CLINIC, "a") for view in (BOARD, NewBoard())]
    assert [card.document.lane for card in cards if card] == ["new", "doing"]


async def test_a_ledger_that_was_changed_under_a_view_is_noticed_and_the_view_is_built_again(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardMoved(card="a", lane="doing"))
    await runner_of(database, ledgers).catch_up()
    ledgers.entries_of[CLINIC].clear()
    ledgers.append(CLINIC, CardPutUp(card="x"), CardPutUp(card="y"), CardPutUp(card="z"))
    await runner_of(database, ledgers).catch_up()
    assert await tracked(admin, CLINIC) == [(1, 1, "retired", False), (2, 2, "running", True)]
    assert [key for key, *_ in await rows(admin, CLINIC)] == ["x", "y", "z"]


async def test_a_ledger_that_lost_its_end_is_noticed_at_the_next_start(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b"))
    await runner_of(database, ledgers).catch_up()
    ledgers.entries_of[CLINIC].pop()
    await runner_of(database, ledgers).catch_up()
    assert [key for key, *_ in await rows(admin, CLINIC)] == ["a"]


async def test_a_running_runner_follows_new_entries_and_new_tenants(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    runner = runner_of(database, ledgers)
    reader = Reader(database, [BOARD])
    task = asyncio.create_task(runner.run())
    try:
        for tenant_id in (CLINIC, RETAILER):
            position = ledgers.append(tenant_id, CardPutUp(card="a"))
            await reader.waited(tenant_id, position)
            position = ledgers.append(tenant_id, CardMoved(card="a", lane="doing"))
            await reader.waited(tenant_id, position)
            card = await BOARD.get(reader, tenant_id, "a")
            assert card is not None
            assert (card.document.lane, card.position) == ("doing", 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_connections_that_are_cut_again_and_again_lose_and_repeat_nothing(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 5)
    monkeypatch.setattr(turns, "FIRST_BACKOFF_SECONDS", 0.01)
    runner = runner_of(database, ledgers)
    ledgers.append(CLINIC, CardPutUp(card="a"))
    task = asyncio.create_task(runner.run())
    cut = number = 0
    try:
        while cut < 5:
            number += 1
            assert number < 500, "the runner does not connect again"
            ledgers.append(CLINIC, *[CardMoved(card="a", lane=f"{number}.{step}") for step in range(10)])
            cursor = await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tenet_readingtests'"
            )
            cut += len(await cursor.fetchall())
            await asyncio.sleep(0.02)
        assert not task.done(), "the runner outlives every cut"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await runner.catch_up()
    found = [(start, end) for _, start, end, _, _ in await rows(admin, CLINIC)]
    assert found == [(n, n + 1) for n in range(10 * number)] + [(10 * number, None)]


async def test_a_tenant_that_is_far_behind_does_not_hold_up_another(
    database: ReadDatabase, ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 5)
    ledgers.append(CLINIC, CardPutUp(card="a"), *[CardMoved(card="a", lane=str(n)) for n in range(2_000)])
    ledgers.append(RETAILER, CardPutUp(card="b"))
    runner, reader = runner_of(database, ledgers), Reader(database, [BOARD])
    task = asyncio.create_task(runner.run())
    try:
        await reader.waited(RETAILER, 0)
        await reader.waited(RETAILER, ledgers.append(RETAILER, CardMoved(card="b", lane="done")))
        assert (await reader.positions(BOARD, [CLINIC]))[CLINIC] == -1, "the other one is still being built"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


events = st.lists(
    st.one_of(
        st.builds(CardPutUp, card=st.sampled_from("abc"), lane=st.sampled_from(["x", "y", None])),
        st.builds(CardMoved, card=st.sampled_from("abc"), lane=st.sampled_from(["x", "y", None])),
        st.builds(CardTakenDown, card=st.sampled_from("abc")),
        st.builds(LaneRenamed, old=st.sampled_from("xy"), new=st.sampled_from("xyz")),
        st.builds(Unrelated),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=events, batch=st.integers(1, 5))
async def test_as_known_at_every_position_equals_a_fold_up_to_it(
    database: ReadDatabase, admin: AsyncConnection[Any], history: list[Event], batch: int
) -> None:
    await admin.execute("TRUNCATE board, projection_builds, timers")
    ledgers = MemoryLedgers()
    ledgers.append(CLINIC, *history)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "BATCH_ENTRIES", batch)
        await runner_of(database, ledgers).catch_up()
    reader = Reader(database, [BOARD])
    expected: dict[str, Card] = {}
    for position, entry in enumerate(ledgers.entries_of[CLINIC]):
        recorded = entry.decode()
        match recorded.event:
            case Unrelated():
                touched: list[str] = []
            case LaneRenamed(old=old):
                touched = [key for key, card in expected.items() if card.lane == old]
            case event:
                touched = [event.card]
        for key in touched:
            card = BOARD.fold(key, expected.get(key), recorded)
            expected.pop(key, None)
            if card is not None:
                expected[key] = card
        page = await BOARD.list(reader, [CLINIC], at=position)
        assert {item.key: item.document for item in page.items} == expected
        for key in "abc":
            known = await BOARD.get(reader, CLINIC, key, at=position)
            assert (known.document if known else None) == expected.get(key)


async def test_two_views_may_not_share_a_table(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    class Twin(Board):
        NAME = "twin"

    with pytest.raises(ValueError, match="share a name or a table"):
        ProjectionRunner(database, ledgers, ledgers, [BOARD, Twin()])


async def test_builds_are_started_once_however_many_replicas_start_at_the_same_time(
    database: ReadDatabase, admin: AsyncConnection[Any]
) -> None:
    async def start() -> None:
        async with database.writing() as conn:
            await tracking.ensure_builds(conn, [CLINIC, RETAILER], [BOARD])

    await asyncio.gather(*(start() for _ in range(5)))
    assert await tracked(admin, CLINIC) == [(1, -1, "running", False)]
