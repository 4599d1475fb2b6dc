"""The reader: pages, filters and orders against a plain Python model, and waiting for a position."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from contracts.errors import InvalidArgument, NotYetApplied
from contracts.ids import TenantId
from infra.read_database import runner as runner_module
from infra.read_database.database import ReadDatabase
from infra.read_database.reader import conditions as where
from infra.read_database.reader.conditions import Condition, Order, UnknownColumn, ascending, descending
from infra.read_database.reader.pages import MAX_PAGE_SIZE, Page, PageRequest, PageTokenRefused
from infra.read_database.reader.queries import PositionBeyondHead, Reader
from infra.read_database.runner import ProjectionRunner
from tests.infra.read_database.board import Board, Card, CardMoved, CardPutUp, Poison
from tests.infra.read_database.memory_ledgers import MemoryLedgers

CLINIC, RETAILER = TenantId("clinic"), TenantId("retailer")
BOTH = (CLINIC, RETAILER)
BOARD = Board()


async def filled(database: ReadDatabase, ledgers: MemoryLedgers) -> Reader:
    """Two tenants with cards in several lanes."""
    lanes = ["doing", None, "new", "new", "done"]
    for offset, tenant_id in enumerate(BOTH):
        for number in range(15):
            lane = lanes[(number + offset) % len(lanes)]
            points = None if number % 4 == 3 else number % 3
            ledgers.append(tenant_id, CardPutUp(card=f"card-{number:02}", lane=lane, points=points))
    await ProjectionRunner(database, ledgers, ledgers, [BOARD]).catch_up()
    return Reader(database, [BOARD])


async def all_pages(
    reader: Reader, conditions: Sequence[Condition], order: Sequence[Order], size: int
) -> list[tuple[TenantId, str]]:
    found: list[tuple[TenantId, str]] = []
    token = ""
    for _ in range(100):
        page = await BOARD.list(reader, BOTH, conditions, order, PageRequest(size, token))
        assert len(page.items) <= size
        found += [(item.tenant_id, item.key) for item in page.items]
        token = page.next_token
        if not token:
            return found
    raise AssertionError("the pages never end")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.lists(
        st.builds(Order, st.sampled_from(["lane", "points", "put_up_at", "key", "from_position"]), st.booleans()),
        max_size=3,
        unique_by=lambda term: term.column,
    ),
    size=st.integers(1, 11),
)
async def test_pages_in_any_order_hold_every_document_once_and_in_that_order(
    database: ReadDatabase, admin: AsyncConnection[Any], order: list[Order], size: int
) -> None:
    await admin.execute("TRUNCATE board, projection_builds")
    reader = await filled(database, MemoryLedgers())
    whole = await BOARD.list(reader, BOTH, order=order, page=PageRequest(MAX_PAGE_SIZE))
    expected = sorted(whole.items, key=lambda item: (item.tenant_id, item.key))
    for name, reverse in reversed([(term.column, term.descending) for term in order]):

        def value(item: Any, name: str = name) -> Any:
            return getattr(item, name) if name in {"key", "from_position"} else getattr(item.document, name)

        known = sorted((item for item in expected if value(item) is not None), key=value, reverse=reverse)
        expected = known + [item for item in expected if value(item) is None]
    assert [(item.tenant_id, item.key) for item in whole.items] == [(item.tenant_id, item.key) for item in expected]
    assert await all_pages(reader, (), order, size) == [(item.tenant_id, item.key) for item in whole.items]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (where.equal("lane", "new"), lambda key, card: card.lane == "new"),
        (where.not_equal("lane", "new"), lambda key, card: card.lane != "new"),
        (where.one_of("lane", ["new", "done"]), lambda key, card: card.lane in {"new", "done"}),
        (where.one_of("lane", []), lambda key, card: False),
        (where.at_least("points", 1), lambda key, card: card.points is not None and card.points >= 1),
        (where.at_most("points", 1), lambda key, card: card.points is not None and card.points <= 1),
        (where.more_than("points", 1), lambda key, card: card.points is not None and card.points > 1),
        (where.less_than("points", 1), lambda key, card: card.points is not None and card.points < 1),
        (where.has("tags", "lane:doing"), lambda key, card: card.lane == "doing"),
        (where.starts_with("key", "card-1"), lambda key, card: key.startswith("card-1")),
        (where.is_null("lane"), lambda key, card: card.lane is None),
        (where.is_null("lane", null=False), lambda key, card: card.lane is not None),
    ],
)
async def test_a_filter_finds_exactly_what_it_says(
    database: ReadDatabase, ledgers: MemoryLedgers, condition: Condition, holds: Any
) -> None:
    reader = await filled(database, ledgers)
    everything = await BOARD.list(reader, BOTH, page=PageRequest(MAX_PAGE_SIZE))
    expected = {(item.tenant_id, item.key) for item in everything.items if holds(item.key, item.document)}
    assert set(await all_pages(reader, [condition], (), 4)) == expected
    assert await BOARD.count(reader, BOTH, [condition]) == len(expected)


async def test_an_answer_says_on_which_positions_of_which_view_it_stands(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    reader = await filled(database, ledgers)
    page = await BOARD.list(reader, [*BOTH, TenantId("nobody")])
    assert page.positions == {CLINIC: 14, RETAILER: 14, "nobody": -1}
    assert (page.view, page.version, page.not_ready) == ("board", 1, ())


async def test_a_list_as_known_at_one_position_for_each_tenant(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    reader = await filled(database, ledgers)
    page = await BOARD.list(reader, BOTH, at={CLINIC: 1, RETAILER: 0})
    assert [(item.tenant_id, item.key) for item in page.items] == [
        (CLINIC, "card-00"), (CLINIC, "card-01"), (RETAILER, "card-00"),
    ]  # fmt: skip
    with pytest.raises(InvalidArgument):
        await BOARD.list(reader, BOTH, at=3)


@pytest.mark.parametrize("column", ["colour", "doc", "build", 'lane" OR true --', "lane; DROP TABLE board"])
async def test_a_column_that_the_view_does_not_declare_is_refused(
    database: ReadDatabase, ledgers: MemoryLedgers, column: str
) -> None:
    reader = await filled(database, ledgers)
    with pytest.raises(UnknownColumn):
        await BOARD.list(reader, BOTH, [where.equal(column, "x")])
    with pytest.raises(UnknownColumn):
        await BOARD.list(reader, BOTH, order=[ascending(column)])


async def test_a_value_of_the_wrong_type_is_the_callers_fault(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    reader = await filled(database, ledgers)
    with pytest.raises(InvalidArgument):
        await BOARD.list(reader, BOTH, [where.equal("points", "many")])


async def test_a_page_token_is_good_for_its_own_list_only(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    reader = await filled(database, ledgers)
    first: Page[Card] = await BOARD.list(reader, BOTH, order=[descending("put_up_at")], page=PageRequest(2))
    again = PageRequest(2, first.next_token)
    assert (await BOARD.list(reader, BOTH, order=[descending("put_up_at")], page=again)).items
    for tenants, conditions, order in [
        ((CLINIC,), [], [descending("put_up_at")]),
        (BOTH, [where.equal("lane", "new")], [descending("put_up_at")]),
        (BOTH, [], [ascending("put_up_at")]),
    ]:
        with pytest.raises(PageTokenRefused):
            await BOARD.list(reader, tenants, conditions, order, again)


async def test_a_page_token_is_good_while_the_clock_that_a_filter_compares_with_goes_on(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    reader = await filled(database, ledgers)
    far = datetime(2099, 1, 1, tzinfo=UTC)
    first: Page[Card] = await BOARD.list(reader, BOTH, [where.at_most("put_up_at", far)], page=PageRequest(2))
    later = [where.at_most("put_up_at", far + timedelta(seconds=1))]
    second = await BOARD.list(reader, BOTH, later, page=PageRequest(2, first.next_token))
    assert second.items
    assert not {each.key for each in first.items} & {each.key for each in second.items}


async def test_a_forged_page_token_is_refused(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    reader = await filled(database, ledgers)
    order = [descending("put_up_at")]
    page = await BOARD.list(reader, BOTH, order=order, page=PageRequest(2))
    content = orjson.loads(base64.urlsafe_b64decode(page.next_token + "=="))
    forged = [
        "x", "%%%", "e30", page.next_token[:-6], "A" * 20_000,
        base64.urlsafe_b64encode(orjson.dumps([content[0], "no time at all", *content[2:]])).decode().rstrip("="),
        base64.urlsafe_b64encode(orjson.dumps([content[0], {"a": 1}, *content[2:]])).decode().rstrip("="),
    ]  # fmt: skip
    for token in forged:
        with pytest.raises(PageTokenRefused):
            await BOARD.list(reader, BOTH, order=order, page=PageRequest(2, token))


async def test_a_page_size_is_cut_to_the_limit_and_never_negative() -> None:
    assert PageRequest(10**6).limit == MAX_PAGE_SIZE
    with pytest.raises(InvalidArgument):
        _ = PageRequest(-1).limit


async def test_a_reader_waits_for_a_position_that_is_applied_later(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    runner, reader = ProjectionRunner(database, ledgers, ledgers, [BOARD]), Reader(database, [BOARD])
    position = ledgers.append(CLINIC, CardPutUp(card="a"))
    waiting = asyncio.create_task(reader.waited(CLINIC, position))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await runner.catch_up()
    await waiting


async def test_a_position_that_is_not_reached_by_the_deadline_is_an_error_that_says_so(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    reader = await filled(database, ledgers)
    started = asyncio.get_running_loop().time()
    with pytest.raises(NotYetApplied) as refused:
        await reader.waited(CLINIC, 15, started + 0.2)
    assert 0.2 <= asyncio.get_running_loop().time() - started < 2
    assert refused.value.metadata == {"min_position": "15", "board": "behind"}
    with pytest.raises(NotYetApplied):
        await BOARD.get(reader, CLINIC, "card-00", at=99, deadline=started)


async def test_a_position_that_the_ledger_does_not_have_holds_no_call_up(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    await filled(database, ledgers)
    reader = Reader(database, [BOARD], heads=ledgers.heads)
    async with asyncio.timeout(10):
        with pytest.raises(PositionBeyondHead):
            await reader.waited(CLINIC, 1_000_000, asyncio.get_running_loop().time() + 60)


async def test_waiting_for_a_parked_view_ends_at_once(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    reader = await filled(database, ledgers)
    position = ledgers.append(CLINIC, Poison(card="card-00"), CardMoved(card="card-00", lane="x"))
    await ProjectionRunner(database, ledgers, ledgers, [BOARD]).catch_up()
    async with asyncio.timeout(2):
        with pytest.raises(NotYetApplied) as refused:
            await reader.waited(CLINIC, position)
    assert refused.value.metadata["board"] == "parked"
    assert (await BOARD.get(reader, CLINIC, "card-00")) is not None, "what was applied before can still be read"


async def test_a_view_that_is_being_built_is_not_shown_as_empty(
    database: ReadDatabase, ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 1)
    ledgers.append(CLINIC, CardPutUp(card="a"), Poison(card="a"))
    await ProjectionRunner(database, ledgers, ledgers, [BOARD]).catch_up()
    reader = Reader(database, [BOARD])
    page = await BOARD.list(reader, [CLINIC])
    assert (page.items, page.not_ready) == ([], (CLINIC,))
    with pytest.raises(NotYetApplied):
        await BOARD.get(reader, CLINIC, "a")
