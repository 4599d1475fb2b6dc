"""The policy runner: in order, one effect for each event, refusals recorded, failures tried again and then parked."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from psycopg import AsyncConnection

from contracts.calls import Call
from contracts.errors import FailedPrecondition, StoreUnavailable
from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from infra.read_database import policy_positions, turns, verdicts
from infra.read_database import policy_runner as runner_module
from infra.read_database.database import ReadDatabase
from infra.read_database.operations import parked_work, retry_policy, skip_policy
from infra.read_database.policies import Activation, Origin, Policy
from infra.read_database.policy_runner import PolicyRunner
from infra.telemetry import is_traceparent
from tests.infra.read_database.board import CardMoved, CardPutUp, Unrelated
from tests.infra.read_database.memory_ledgers import TRACE, MemoryLedgers

CLINIC, RETAILER, NEWCOMER = TenantId("clinic"), TenantId("retailer"), TenantId("newcomer")


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


class Greet(Policy):
    """Calls what the test gives it, and remembers the calls."""

    ID = "greet_when_card_put_up"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({CardPutUp})
    ACTIVATION = Activation.START

    def __init__(self, effect: Callable[[Call], Awaitable[None]] | None = None) -> None:
        self.calls: list[Call] = []
        self._effect = effect

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        assert isinstance(recorded.event, CardPutUp)
        self.calls.append(origin.call())
        if self._effect is not None:
            await self._effect(self.calls[-1])


class GreetFromNow(Greet):
    ID = "greet_from_now"
    ACTIVATION = Activation.HEAD


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "FIRST_PAUSE", timedelta(milliseconds=10))
    monkeypatch.setattr(turns, "LATER_SECONDS", 0.01)


def runner_of(database: ReadDatabase, ledgers: MemoryLedgers, *policies: Policy) -> PolicyRunner:
    return PolicyRunner(database, ledgers, ledgers, policies, now)


async def standing(admin: AsyncConnection[Any], tenant_id: TenantId = CLINIC) -> tuple[Any, ...] | None:
    cursor = await admin.execute("SELECT position, state FROM policy_positions WHERE tenant_id = %s", (tenant_id,))
    return await cursor.fetchone()


async def outcomes(admin: AsyncConnection[Any]) -> list[tuple[Any, ...]]:
    cursor = await admin.execute("SELECT tenant_id, position, outcome, reason FROM policy_outcomes ORDER BY 1, 2")
    return await cursor.fetchall()


async def test_a_policy_reacts_to_its_topics_in_order_and_passes_over_others(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, Unrelated(), CardPutUp(card="a"), CardMoved(card="a", lane="x"), CardPutUp(card="b"))
    policy = Greet()
    await runner_of(database, ledgers, policy).catch_up()
    assert [call.causation for call in policy.calls] == [1, 3]
    assert await standing(admin) == (3, "running")
    await runner_of(database, ledgers, policy).catch_up()
    assert len(policy.calls) == 2


async def test_a_call_continues_the_events_trace_and_correlation_as_the_policys_own_actor(
    database: ReadDatabase, ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="a"))
    policy = Greet()
    await runner_of(database, ledgers, policy).catch_up()
    (call,) = policy.calls
    assert (call.tenant_id, call.actor.id, call.correlation_id) == (CLINIC, f"policy:{Greet.ID}", "correlation-0")
    assert is_traceparent(call.trace_parent)
    assert call.trace_parent.split("-")[1] == TRACE.split("-")[1]


def test_a_request_id_depends_on_policy_source_position_target_and_ordinal_and_nothing_else() -> None:
    ledgers = MemoryLedgers()
    for tenant_id in (CLINIC, RETAILER):
        ledgers.append(tenant_id, CardPutUp(card="a"), CardPutUp(card="a"))

    def request_id(policy: str, tenant_id: TenantId, position: int, ordinal: int, target: TenantId | None) -> str:
        recorded = ledgers.entries_of[tenant_id][position].decode()
        return Origin(policy, recorded, now).call(ordinal, target).request_id

    ids = [
        request_id("p", CLINIC, 0, 0, None),
        request_id("q", CLINIC, 0, 0, None),
        request_id("p", RETAILER, 0, 0, None),
        request_id("p", CLINIC, 1, 0, None),
        request_id("p", CLINIC, 0, 1, None),
        request_id("p", CLINIC, 0, 0, RETAILER),
    ]
    assert len(set(ids)) == len(ids)
    assert request_id("p", CLINIC, 0, 0, CLINIC) == ids[0]
    recorded = ledgers.entries_of[CLINIC][0].decode()
    assert Origin("p", recorded, now).call(tenant_id=RETAILER).causation is None, "a position of another ledger"


async def test_a_crash_after_the_command_repeats_the_reaction_with_the_same_request_id(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.append(CLINIC, *[CardPutUp(card=str(n)) for n in range(3)])
    policy = Greet()
    whole, crashes = policy_positions.advance, iter([True])

    async def crash_before_commit(*arguments: Any) -> None:
        await whole(*arguments)
        if next(crashes, False):
            raise ConnectionError("killed before the commit")

    monkeypatch.setattr(policy_positions, "advance", crash_before_commit)
    await runner_of(database, ledgers, policy).catch_up()
    assert len(policy.calls) == 6
    assert {call.request_id for call in policy.calls} == {call.request_id for call in policy.calls[:3]}
    assert await standing(admin) == (2, "running")


async def test_a_refusal_by_the_domain_is_recorded_and_skipped(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    async def refuse_the_first(call: Call) -> None:
        if call.causation == 0:
            raise FailedPrecondition("The validation no longer stands.")

    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b"))
    policy = Greet(refuse_the_first)
    await runner_of(database, ledgers, policy).catch_up()
    assert len(policy.calls) == 2
    assert await outcomes(admin) == [("clinic", 0, "refused", "FAILED_PRECONDITION")]
    assert await standing(admin) == (1, "running")


async def test_an_outage_is_waited_out_and_nothing_is_skipped(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    outages = iter(range(verdicts.MAX_ATTEMPTS + 2))

    async def away(call: Call) -> None:
        if call.causation == 1 and next(outages, None) is not None:
            raise StoreUnavailable("The ledger's database does not answer.")

    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b"), CardPutUp(card="c"))
    policy = Greet(away)
    await runner_of(database, ledgers, policy).catch_up()
    assert await standing(admin) == (2, "running")
    assert await outcomes(admin) == []
    causes = [call.causation for call in policy.calls]
    assert (causes[0], set(causes[1:-1]), causes[-1]) == (0, {1}, 2)


async def test_a_bug_is_tried_a_limited_number_of_times_and_then_parks_that_tenant_only(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    async def broken(call: Call) -> None:
        if call.tenant_id == CLINIC and call.causation == 1:
            raise KeyError("secret-host-name")

    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b"), CardPutUp(card="c"))
    ledgers.append(RETAILER, *[CardPutUp(card=str(n)) for n in range(4)])
    policy = Greet(broken)
    await runner_of(database, ledgers, policy).catch_up()
    assert await standing(admin) == (0, "parked")
    assert await standing(admin, RETAILER) == (3, "running")
    assert await outcomes(admin) == [("clinic", 1, "parked", "KeyError")]
    details = await (await admin.execute("SELECT detail FROM policy_outcomes")).fetchone()
    assert details == ("KeyError",), "the message of an unknown error may hold anything and is not kept"
    tries = [call for call in policy.calls if call.tenant_id == CLINIC and call.causation == 1]
    assert len(tries) == verdicts.MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("resume", "outcome", "again"),
    [(retry_policy, "retried", True), (skip_policy, "skipped", False)],
)
async def test_a_parked_policy_is_let_try_again_or_go_on_behind_the_event(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, resume: Any, outcome: str, again: bool
) -> None:
    broken = True

    async def effect(call: Call) -> None:
        if broken and call.causation == 0:
            raise KeyError("bug")

    ledgers.append(CLINIC, CardPutUp(card="a"), CardPutUp(card="b"))
    await runner_of(database, ledgers, Greet(effect)).catch_up()
    assert await standing(admin) == (-1, "parked")
    broken = False
    assert [(parked.work, parked.position) for parked in await parked_work(database, [CLINIC])] == [("policy", 0)]
    assert await resume(database, Greet.ID, CLINIC)
    assert not await resume(database, Greet.ID, RETAILER)
    policy = Greet(effect)
    await runner_of(database, ledgers, policy).catch_up()
    assert [call.causation for call in policy.calls] == ([0, 1] if again else [1])
    assert await outcomes(admin) == [("clinic", 0, outcome, "KeyError")]
    assert await standing(admin) == (1, "running")


async def test_a_new_policy_leaves_history_alone_but_sees_all_of_a_tenant_that_comes_later(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    ledgers.append(CLINIC, CardPutUp(card="old"))
    policy = GreetFromNow()
    await runner_of(database, ledgers, policy).activate()
    ledgers.append(CLINIC, CardPutUp(card="new"))
    ledgers.append(NEWCOMER, CardPutUp(card="first"))
    await runner_of(database, ledgers, policy).catch_up()
    assert sorted((call.tenant_id, call.causation) for call in policy.calls) == [(CLINIC, 1), (NEWCOMER, 0)]
    after = await (await admin.execute("SELECT tenant_id, activated_after FROM policy_positions ORDER BY 1")).fetchall()
    assert after == [("clinic", 0), ("newcomer", -1)]


async def test_two_runners_react_to_each_event_once(database: ReadDatabase, ledgers: MemoryLedgers) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.002)

    tenants = [TenantId(f"tenant-{n}") for n in range(6)]
    for tenant_id in tenants:
        ledgers.append(tenant_id, *[CardPutUp(card=str(n)) for n in range(5)])
    policy = Greet(slow)
    await asyncio.gather(*(runner_of(database, ledgers, policy).catch_up() for _ in range(2)))
    seen = sorted((call.tenant_id, call.causation) for call in policy.calls)
    assert seen == [(tenant_id, position) for tenant_id in tenants for position in range(5)]


async def test_a_slow_reaction_holds_up_its_own_tenant_only(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers
) -> None:
    release, seen = asyncio.Event(), asyncio.Event()

    async def effect(call: Call) -> None:
        if call.tenant_id == CLINIC:
            await release.wait()
        elif call.causation == 1:
            seen.set()

    ledgers.append(CLINIC, CardPutUp(card="slow"))
    ledgers.append(RETAILER, CardPutUp(card="a"))
    policy = Greet(effect)
    task = asyncio.create_task(runner_of(database, ledgers, policy).run())
    try:
        async with asyncio.timeout(10):
            while RETAILER not in {call.tenant_id for call in policy.calls}:
                await asyncio.sleep(0.01)
            ledgers.append(RETAILER, CardPutUp(card="b"))
            await seen.wait()
        assert await standing(admin) == (-1, "running"), "the slow one is still under way"
        release.set()
        async with asyncio.timeout(10):
            while await standing(admin) != (0, "running"):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [call.causation for call in policy.calls if call.tenant_id == CLINIC] == [0]


async def test_a_batch_is_gone_through_to_its_end_however_many_follow(
    database: ReadDatabase, admin: AsyncConnection[Any], ledgers: MemoryLedgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ENTRIES", 3)
    ledgers.append(CLINIC, *[CardPutUp(card=str(n)) for n in range(10)])
    policy = Greet()
    await runner_of(database, ledgers, policy).catch_up()
    assert [call.causation for call in policy.calls] == list(range(10))


def test_an_outage_parks_when_it_lasts_longer_than_the_limit() -> None:
    error = StoreUnavailable("away")
    assert verdicts.judge(error, 500, now() - verdicts.MAX_OUTAGE, now()) is verdicts.Verdict.AGAIN
    late = now() - verdicts.MAX_OUTAGE - timedelta(seconds=1)
    assert verdicts.judge(error, 500, late, now()) is verdicts.Verdict.PARKED
