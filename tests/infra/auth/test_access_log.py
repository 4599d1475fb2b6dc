"""The access log on a real read database: counted, chained, not to be altered by the service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from contracts.ids import PROVIDER, TenantId
from infra.auth import access_log as module
from infra.auth.access_log import WINDOW, AccessLog, AccessLogBroken, verify_chain
from infra.read_database.database import ReadDatabase, ReadDatabaseUnavailable
from infra.read_database.migrate import MIGRATOR_LOGIN, database_of, login_of, migrate, provision
from tests.infra.auth.conftest import Clock

SERVICE = "accesstest"
CLINIC, RETAILER = TenantId("clinic"), TenantId("retailer")


def _dsn(server: str, login: str) -> str:
    return psycopg.conninfo.make_conninfo(server, dbname=database_of(SERVICE), user=login, password="secret")


@pytest.fixture
async def database(postgres_server: str) -> AsyncIterator[ReadDatabase]:
    await provision(postgres_server, SERVICE, login_password="secret", migrator_password="secret")
    await migrate(_dsn(postgres_server, MIGRATOR_LOGIN), SERVICE)
    async with await psycopg.AsyncConnection.connect(
        psycopg.conninfo.make_conninfo(postgres_server, dbname=database_of(SERVICE)), autocommit=True
    ) as conn:
        await conn.execute("TRUNCATE access_windows, access_records")
    async with ReadDatabase.open(_dsn(postgres_server, login_of(SERVICE)), SERVICE) as database:
        yield database


@pytest.fixture
async def access_log(database: ReadDatabase, clock: Clock) -> AsyncIterator[AccessLog]:
    async with AccessLog.open(database, clock) as access_log:
        yield access_log


async def _windows(database: ReadDatabase) -> list[Any]:
    async with database.writing() as conn:
        cursor = await conn.execute("SELECT tenant_id, person, subject, times FROM access_windows ORDER BY 1, 2, 3")
        return await cursor.fetchall()


async def test_an_opening_is_durable_before_it_is_answered(access_log: AccessLog, database: ReadDatabase) -> None:
    await access_log.record(CLINIC, "ana", subjects=["person-1", "person-2"], purpose="triage")
    assert await _windows(database) == [("clinic", "ana", "person-1", 1), ("clinic", "ana", "person-2", 1)]


async def test_repetitions_are_counted(access_log: AccessLog, clock: Clock) -> None:
    for _ in range(5):
        await access_log.record(CLINIC, "ana", subjects=["person-1"], purpose="triage")
        clock.move(microseconds=1)
    await access_log.record(CLINIC, "ana", subjects=["person-1"], purpose="report")
    records = await access_log.read(CLINIC, 0, 100)
    assert sorted((record.purpose, record.times) for record in records) == [("report", 1), ("triage", 5)]
    triage = next(record for record in records if record.purpose == "triage")
    assert triage.last_at - triage.first_at == timedelta(microseconds=4)


async def test_records_are_chained_per_tenant(access_log: AccessLog, clock: Clock) -> None:
    for number in range(4):
        access_log.note(CLINIC, f"person-{number}", subject="rpc", purpose="query")
        access_log.note(RETAILER, "ana", subject=f"rpc-{number}", purpose="query")
        await access_log.read(CLINIC, 0, 10)
        clock.move(minutes=7)
    clinic, retailer = await access_log.read(CLINIC, 0, 100), await access_log.read(RETAILER, 0, 100)
    for records in (clinic, retailer):
        assert [record.number for record in records] == [0, 1, 2, 3]
        verify_chain(records)
    verify_chain(clinic[2:], clinic[1].record_hash)


@pytest.mark.parametrize("change", [{"person": "eve"}, {"times": 99}, {"outcome": "refused"}, {"number": 7}])
async def test_a_changed_record_breaks_the_chain(access_log: AccessLog, change: dict[str, Any]) -> None:
    for number in range(3):
        access_log.note(CLINIC, f"person-{number}", subject="rpc", purpose="query")
    records = await access_log.read(CLINIC, 0, 100)
    records[1] = replace(records[1], **change)
    with pytest.raises(AccessLogBroken):
        verify_chain(records)


async def test_a_removed_record_breaks_the_chain(access_log: AccessLog) -> None:
    for number in range(3):
        access_log.note(CLINIC, f"person-{number}", subject="rpc", purpose="query")
    first, _, third = await access_log.read(CLINIC, 0, 100)
    with pytest.raises(AccessLogBroken):
        verify_chain([first, third])


async def test_a_window_is_closed_when_it_is_over(access_log: AccessLog, clock: Clock, database: ReadDatabase) -> None:
    access_log.note(CLINIC, "ana", subject="rpc", purpose="query")
    await access_log.flush()
    assert await access_log.close_windows(clock.now - WINDOW) == 0
    clock.move(minutes=11)
    assert await access_log.close_windows(clock.now - WINDOW) == 1
    assert await _windows(database) == []


async def test_two_processes_write_one_chain(database: ReadDatabase, clock: Clock) -> None:
    async def use(person: str) -> None:
        async with AccessLog.open(database, clock) as access_log:
            for number in range(10):
                await access_log.record(CLINIC, person, subjects=[f"subject-{number}"], purpose="triage")
                await access_log.close_windows(clock.now + WINDOW)

    await asyncio.gather(use("ana"), use("ben"))
    async with AccessLog.open(database, clock) as access_log:
        records = await access_log.read(CLINIC, 0, 100)
    verify_chain(records)
    assert sum(record.times for record in records) == 20
    assert [record.number for record in records] == list(range(len(records)))


async def test_one_tenants_log_is_not_anothers(access_log: AccessLog) -> None:
    access_log.note(CLINIC, "ana", subject="rpc", purpose="query")
    await access_log.read(CLINIC, 0, 100)
    assert await access_log.read(RETAILER, 0, 100) == []


@pytest.mark.parametrize("statement", ["UPDATE access_records SET person = 'eve'", "DELETE FROM access_records"])
async def test_the_service_cannot_alter_a_record(access_log: AccessLog, database: ReadDatabase, statement: str) -> None:
    access_log.note(CLINIC, "ana", subject="rpc", purpose="query")
    await access_log.read(CLINIC, 0, 100)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.writing([CLINIC]) as conn:
            await conn.execute(statement.encode())


async def test_what_cannot_be_written_is_kept_and_too_much_of_it_is_dropped(
    access_log: AccessLog, database: ReadDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise ReadDatabaseUnavailable("Away.")

    monkeypatch.setattr(module, "MAX_PENDING", 3)
    with monkeypatch.context() as patched:
        patched.setattr(database, "writing", away)
        with pytest.raises(ReadDatabaseUnavailable):
            await access_log.record(CLINIC, "ana", subjects=["person-1"], purpose="triage")
        for number in range(5):
            access_log.note(PROVIDER, f"person-{number}", subject="rpc", purpose="refused", outcome="ROLE_MISSING")
    await access_log.flush()
    assert await _windows(database) == [
        ("clinic", "ana", "person-1", 1),
        ("provider", "person-0", "rpc", 1),
        ("provider", "person-1", "rpc", 1),
    ]
