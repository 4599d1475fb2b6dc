import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import ClockRefused, EntryTooLarge, StoreOverloaded, TenantUnknown
from contracts.ids import StreamName, TenantId
from infra.event_store import lines
from infra.event_store.commands import (
    Accepted,
    Duplicate,
    KeyReused,
    MalformedCommand,
    Opening,
    PreconditionFailed,
    PreparedCommand,
    VersionConflict,
)
from infra.event_store.ledger import Ledger
from infra.event_store.limits import MAX_ENTRY_BYTES, MAX_WAITING_COMMANDS
from infra.event_store.recorder import LedgerRefused
from infra.keys import LocalKeyStore
from tests.infra.event_store.builders import a_stream, prepared
from tests.infra.event_store.conftest import Servers

OpenLedger = Callable[[str], AbstractAsyncContextManager[Ledger]]


async def test_many_writers_leave_positions_without_a_gap_in_the_order_that_every_reader_sees(
    ledger: Ledger, tenant: TenantId, open_ledger: OpenLedger
) -> None:
    async def write(through: Ledger, commands: int) -> list[int]:
        stream = a_stream()
        taken = []
        for version in range(1, commands + 1):
            verdict = await through.recorder.append(tenant, prepared(stream, (2 * version - 1, 2 * version)))
            assert isinstance(verdict, Accepted)
            taken += [verdict.first_position, verdict.first_position + 1]
        return taken

    async with open_ledger("tenet_tenancy") as other_process:
        taken = await asyncio.gather(*(write(through, 10) for through in (ledger, other_process) for _ in range(12)))

    entries = await ledger.feed.read_entries(tenant, 0)
    assert sorted(position for each in taken for position in each) == list(range(480))
    assert [entry.position for entry in entries] == list(range(480))
    times = [entry.recorded_at_us for entry in entries]
    assert times == sorted(times)


async def test_a_leaf_hash_covers_the_time_of_recording_and_the_entry(ledger: Ledger, tenant: TenantId) -> None:
    await ledger.recorder.append(tenant, prepared(a_stream(), (1, 2), entry=b'{"data":{"x":1}}'))
    for stored in await ledger.feed.read_entries(tenant, 0):
        leaf = stored.recorded_at_us.to_bytes(8, "big") + stored.entry
        assert stored.leaf_hash == hashlib.sha256(b"\x00" + leaf).digest()


async def test_a_stale_version_is_a_conflict_that_names_the_actual_one(ledger: Ledger, tenant: TenantId) -> None:
    stream = a_stream()
    await ledger.recorder.append(tenant, prepared(stream, (1, 2, 3)))
    assert await ledger.recorder.append(tenant, prepared(stream, (3,))) == VersionConflict(stream, 3)
    assert await ledger.recorder.append(tenant, prepared(stream, (5,))) == VersionConflict(stream, 3)
    assert await ledger.feed.head(tenant) == 3


async def test_of_two_commands_for_one_version_in_one_group_the_first_wins(ledger: Ledger, tenant: TenantId) -> None:
    stream = a_stream()
    first, second, third = await asyncio.gather(
        ledger.recorder.append(tenant, prepared(stream, (1,))),
        ledger.recorder.append(tenant, prepared(stream, (1,))),
        ledger.recorder.append(tenant, prepared(stream, (2,))),
    )
    assert isinstance(first, Accepted)
    assert second == VersionConflict(stream, 1)
    assert third == Accepted(first.first_position + 1, first.recorded_at_us)


async def test_a_repeated_request_gets_the_first_position_and_no_second_effect(
    ledger: Ledger, tenant: TenantId
) -> None:
    await ledger.recorder.append(tenant, prepared(a_stream()))
    command = prepared(a_stream(), (1, 2))
    assert isinstance(await ledger.recorder.append(tenant, command), Accepted)
    again = await asyncio.gather(*(ledger.recorder.append(tenant, command) for _ in range(5)))
    assert again == [Duplicate(1)] * 5
    assert await ledger.feed.head(tenant) == 3


async def test_the_same_request_twice_in_one_group_has_one_effect(ledger: Ledger, tenant: TenantId) -> None:
    command = prepared(a_stream(), (1, 2))
    verdicts = await asyncio.gather(*(ledger.recorder.append(tenant, command) for _ in range(3)))
    assert verdicts[1:] == [Duplicate(0), Duplicate(0)]
    assert await ledger.feed.head(tenant) == 2


async def test_a_key_with_another_digest_is_refused(ledger: Ledger, tenant: TenantId) -> None:
    key = os.urandom(32)
    await ledger.recorder.append(tenant, prepared(a_stream(), key=key))
    verdict = await ledger.recorder.append(tenant, prepared(a_stream(), key=key, digest=os.urandom(32)))
    assert verdict == KeyReused(0)


async def test_a_precondition_on_another_stream_holds_within_the_append(ledger: Ledger, tenant: TenantId) -> None:
    validation, case = a_stream(), a_stream()
    await ledger.recorder.append(tenant, prepared(validation))
    held = await ledger.recorder.append(tenant, prepared(case, preconditions=[(validation, 1)]))
    assert isinstance(held, Accepted)
    overturned, late, never = await asyncio.gather(
        ledger.recorder.append(tenant, prepared(validation, (2,))),
        ledger.recorder.append(tenant, prepared(case, (2,), preconditions=[(validation, 1)])),
        ledger.recorder.append(tenant, prepared(a_stream(), preconditions=[(a_stream(), 0), (validation, 2)])),
    )
    assert isinstance(overturned, Accepted)
    assert late == PreconditionFailed(validation, 2)
    assert isinstance(never, Accepted)


async def test_a_refused_command_leaves_neither_events_nor_openings(ledger: Ledger, tenant: TenantId) -> None:
    stream = a_stream()
    await ledger.recorder.append(tenant, prepared(stream))
    command = prepared(stream, (1, 2))
    opening = Opening(command.events[0].event_id, "/name", "subject-1", "key-1", b"n" * 12, b"c")
    refused = PreparedCommand(command.events, command.request_key, command.request_digest, (), (opening,))
    accepted = prepared(a_stream())
    verdicts = await asyncio.gather(*(ledger.recorder.append(tenant, each) for each in (refused, accepted)))
    assert verdicts[0] == VersionConflict(stream, 1)
    assert isinstance(verdicts[1], Accepted)
    assert await ledger.feed.head(tenant) == 2
    placement = await ledger.placements.find(tenant)
    assert placement.cell in {"cell-1", "cell-2"}


async def test_a_group_that_aborts_is_tried_one_command_at_a_time(ledger: Ledger, tenant: TenantId) -> None:
    good, foreign = prepared(a_stream()), prepared(StreamName("case-1"))
    results = await asyncio.gather(
        *(ledger.recorder.append(tenant, each) for each in (good, foreign)), return_exceptions=True
    )
    assert isinstance(results[0], Accepted)
    assert isinstance(results[1], LedgerRefused)
    assert results[1].metadata["sqlstate"] == "TN004"


@pytest.mark.parametrize("versions", [(), (0,), (1, 3), (2, 1), (1, 1)])
async def test_a_malformed_command_is_refused_before_it_is_sent(
    ledger: Ledger, other_tenant: TenantId, versions: tuple[int, ...]
) -> None:
    with pytest.raises(MalformedCommand):
        await ledger.recorder.append(other_tenant, prepared(a_stream(), versions))
    assert await ledger.feed.head(other_tenant) == 0


async def test_an_entry_of_the_largest_size_fits_and_one_byte_more_does_not(
    ledger: Ledger, other_tenant: TenantId
) -> None:
    fits = await ledger.recorder.append(other_tenant, prepared(a_stream(), entry=b"x" * MAX_ENTRY_BYTES))
    assert isinstance(fits, Accepted)
    with pytest.raises(EntryTooLarge):
        await ledger.recorder.append(other_tenant, prepared(a_stream(), entry=b"x" * (MAX_ENTRY_BYTES + 1)))


async def test_an_unknown_tenant_is_told_so(ledger: Ledger) -> None:
    with pytest.raises(TenantUnknown):
        await ledger.recorder.append(TenantId("nobody-there"), prepared(a_stream()))


async def test_too_many_waiting_commands_are_turned_away_and_the_others_are_recorded(
    ledger: Ledger, other_tenant: TenantId
) -> None:
    results = await asyncio.gather(
        *(ledger.recorder.append(other_tenant, prepared(a_stream())) for _ in range(MAX_WAITING_COMMANDS + 10)),
        return_exceptions=True,
    )
    turned_away = [each for each in results if isinstance(each, StoreOverloaded)]
    assert len(turned_away) == 10
    assert await ledger.feed.head(other_tenant) == MAX_WAITING_COMMANDS


async def test_a_process_whose_clock_is_in_2099_cannot_append(
    servers: Servers, keys: LocalKeyStore, other_tenant: TenantId
) -> None:
    def wrong_clock() -> datetime:
        return datetime(2099, 1, 1, tzinfo=UTC)

    async with Ledger.open(servers.settings(), keys, clock=wrong_clock) as wrong:
        with pytest.raises(ClockRefused):
            await wrong.recorder.append(other_tenant, prepared(a_stream()))


async def test_a_last_entry_in_2099_stops_appends_and_one_slightly_ahead_pins_the_time(
    ledger: Ledger, servers: Servers, other_tenant: TenantId
) -> None:
    await ledger.recorder.append(other_tenant, prepared(a_stream()))
    placement = await ledger.placements.find(other_tenant)
    ahead = int((datetime.now(UTC) + timedelta(seconds=20)).timestamp() * 1_000_000)
    async with await psycopg.AsyncConnection.connect(servers.owner_dsn(), autocommit=True) as connection:
        await connection.execute("SET ROLE tenet_owner")
        await connection.execute(f"UPDATE {placement.schema}.events SET recorded_at = {ahead}")
        verdict = await ledger.recorder.append(other_tenant, prepared(a_stream()))
        assert verdict == Accepted(1, ahead)
        in_2099 = int(datetime(2099, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
        await connection.execute(f"UPDATE {placement.schema}.events SET recorded_at = {in_2099} WHERE position = 1")
    with pytest.raises(ClockRefused):
        await ledger.recorder.append(other_tenant, prepared(a_stream()))


async def test_a_lost_acknowledgement_is_asked_again_and_has_one_effect(
    ledger: Ledger, servers: Servers, other_tenant: TenantId
) -> None:
    """The server ends every connection while appends are under way, five times."""
    cuts = 0

    async def write() -> list[int]:
        stream = a_stream()
        positions: list[int] = []
        while cuts < 5:
            verdict = await ledger.recorder.append(other_tenant, prepared(stream, (len(positions) + 1,)))
            assert isinstance(verdict, Accepted | Duplicate), verdict
            positions.append(verdict.first_position)
        return positions

    writing = asyncio.gather(*(write() for _ in range(8)))
    async with await psycopg.AsyncConnection.connect(servers.admin["cell-1"], autocommit=True) as connection:
        while cuts < 5:
            await asyncio.sleep(0.15)
            cursor = await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tenet_tenancy'"
            )
            cuts += bool(await cursor.fetchall())
    positions = sorted(position for each in await writing for position in each)
    assert positions == list(range(len(positions)))
    assert await ledger.feed.head(other_tenant) == len(positions)


async def test_what_waits_is_recorded_before_the_recorder_closes(
    servers: Servers, keys: LocalKeyStore, ledger: Ledger, other_tenant: TenantId
) -> None:
    async with Ledger.open(servers.settings(), keys) as closing:
        waiting = [
            asyncio.ensure_future(closing.recorder.append(other_tenant, prepared(a_stream())))
            for _ in range(3 * lines.SPLIT_FROM)
        ]
        await asyncio.sleep(0)
    assert all(isinstance(verdict, Accepted) for verdict in await asyncio.gather(*waiting))
    assert await ledger.feed.head(other_tenant) == 3 * lines.SPLIT_FROM
