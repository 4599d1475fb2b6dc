"""Who looked at what of a tenant, and why: a hash chain of its own for each tenant and service, outside the ledger.

Accesses are counted by person, subject, purpose and outcome over five minutes. The first of a window is durable before
`record` returns; repetitions, and what is only noted, are written within a second. When a window is over it becomes one
record of the chain. Refusals are in the chain of the tenant `provider`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self

import structlog
from prometheus_client import Counter

from contracts.canonical import canonical
from contracts.errors import DataLoss, StoreUnavailable
from contracts.events.base import instant
from contracts.ids import TenantId
from infra.read_database.database import Connection, ReadDatabase

WINDOW = timedelta(minutes=5)
CLOSING_GRACE = timedelta(seconds=15)
"""A window is closed this long after its end, so that what other processes still hold can get into it."""
FLUSH_SECONDS = 1.0
MAX_PENDING = 10_000
"""Different accesses that wait to be written; further ones that were only noted are dropped and counted."""
MAX_CLOSED_AT_ONCE = 1_000
MAX_RECORDS_READ = 1_000
MAX_TEXT = 500
ALLOWED = "allowed"
FIRST_PREVIOUS_HASH = bytes(32)

DROPPED = Counter("tenet_access_notes_dropped_total", "Accesses that were not written because too many waited.")

log = structlog.get_logger()


class AccessLogBroken(DataLoss):
    """A record of the access log does not follow from the one before it: something was altered or removed."""

    reason = "ACCESS_LOG_BROKEN"


class Access(NamedTuple):
    """What accesses are counted by."""

    tenant_id: TenantId
    window_start: datetime
    person: str
    subject: str
    purpose: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AccessRecord:
    tenant_id: TenantId
    number: int
    person: str
    subject: str
    purpose: str
    outcome: str
    first_at: datetime
    last_at: datetime
    times: int
    previous_hash: bytes
    record_hash: bytes


class AccessNotes(Protocol):
    def note(self, tenant_id: TenantId, person: str, *, subject: str, purpose: str, outcome: str = ALLOWED) -> None:
        """Takes an access down without waiting for the database."""


@dataclass(slots=True)
class _Count:
    first_at: datetime
    last_at: datetime
    times: int = 1


class AccessLog:
    """`async with AccessLog.open(database, clock)`: writes in the background until the block ends."""

    def __init__(self, database: ReadDatabase, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._pending: dict[Access, _Count] = {}
        self._written: set[Access] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, database: ReadDatabase, clock: Callable[[], datetime]) -> AsyncIterator[Self]:
        access_log = cls(database, clock)
        writer = asyncio.create_task(access_log._write_on(), name="access-log")
        try:
            yield access_log
        finally:
            writer.cancel()
            await asyncio.wait([writer])
            await access_log.flush()

    def note(self, tenant_id: TenantId, person: str, *, subject: str, purpose: str, outcome: str = ALLOWED) -> None:
        """Takes an access down without waiting for the database."""
        access = self._access(tenant_id, person, subject, purpose, outcome)
        if access not in self._pending and len(self._pending) >= MAX_PENDING:
            DROPPED.inc()
            return
        self._count(access)

    async def record(self, tenant_id: TenantId, person: str, *, subjects: Iterable[str], purpose: str) -> None:
        """Takes accesses down, durably the first time in a window. Raises StoreUnavailable: show nothing then."""
        accesses = [self._access(tenant_id, person, subject, purpose, ALLOWED) for subject in subjects]
        for access in accesses:
            self._count(access)
        if not self._written.issuperset(accesses):
            await self.flush()

    async def flush(self) -> None:
        """Writes what is pending. Raises StoreUnavailable, and keeps it."""
        if not self._pending:
            return
        taken, self._pending = self._pending, {}
        try:
            async with self._database.writing() as conn:
                # In one order, so that two processes never wait for each other's rows.
                rows = sorted(_row(access, count) for access, count in taken.items())
                await conn.cursor().executemany(_COUNT, rows)
        except BaseException:
            for access, count in taken.items():
                self._merge(access, count)
            raise
        horizon = self._clock() - WINDOW
        self._written = {access for access in self._written | taken.keys() if access.window_start > horizon}

    async def close_windows(self, before: datetime, tenant_id: TenantId | None = None) -> int:
        """Turns windows that began before an instant into records of their chains; how many."""
        async with self._database.writing() as conn:
            tenants = [tenant_id] if tenant_id else await _tenants_with_windows(conn, before)
        closed = 0
        for each in tenants:
            async with self._database.writing() as conn:
                closed += await _close(conn, each, before)
        return closed

    async def read(self, tenant_id: TenantId, from_number: int, limit: int) -> list[AccessRecord]:
        """The chain from a number on, up to this moment: open windows of the tenant are closed first."""
        await self.flush()
        await self.close_windows(self._clock() + WINDOW, tenant_id)
        async with self._database.reading([tenant_id]) as conn:
            cursor = await conn.execute(_READ, (tenant_id, from_number, min(limit, MAX_RECORDS_READ)))
            return [AccessRecord(*_columns(row)) for row in await cursor.fetchall()]

    def _access(self, tenant_id: TenantId, person: str, subject: str, purpose: str, outcome: str) -> Access:
        return Access(tenant_id, _window_of(self._clock()), person, subject[:MAX_TEXT], purpose[:MAX_TEXT], outcome)

    def _count(self, access: Access) -> None:
        now = self._clock()
        self._merge(access, _Count(now, now))

    def _merge(self, access: Access, count: _Count) -> None:
        known = self._pending.get(access)
        if known is None:
            self._pending[access] = count
        else:
            known.first_at, known.last_at = min(known.first_at, count.first_at), max(known.last_at, count.last_at)
            known.times += count.times

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
                await self.close_windows(self._clock() - WINDOW - CLOSING_GRACE)
            except StoreUnavailable as error:
                log.warning("access_log_not_written", reason=error.reason)
            except Exception:
                # A bug here must not silently end the writing for good.
                log.exception("access_log_failed")


def verify_chain(records: Iterable[AccessRecord], previous_hash: bytes = FIRST_PREVIOUS_HASH) -> None:
    """Checks records that follow one another. Raises AccessLogBroken at the first that does not."""
    expected = None
    for record in records:
        follows = expected is None or record.number == expected
        if not follows or record.previous_hash != previous_hash or _hash(record) != record.record_hash:
            raise AccessLogBroken(f"Record {record.number} does not follow.", metadata={"number": str(record.number)})
        previous_hash, expected = record.record_hash, record.number + 1


def _hash(record: AccessRecord) -> bytes:
    fields = [
        record.tenant_id,
        record.number,
        record.person,
        record.subject,
        record.purpose,
        record.outcome,
        instant(record.first_at),
        instant(record.last_at),
        record.times,
    ]
    return hashlib.sha256(record.previous_hash + canonical(fields)).digest()


def _window_of(now: datetime) -> datetime:
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _row(access: Access, count: _Count) -> tuple[Any, ...]:
    return (*access, count.first_at, count.last_at, count.times)


def _columns(row: Sequence[Any]) -> list[Any]:
    return [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]


async def _tenants_with_windows(conn: Connection, before: datetime) -> list[TenantId]:
    cursor = await conn.execute(
        "SELECT DISTINCT tenant_id FROM access_windows WHERE window_start < %s LIMIT %s", (before, MAX_CLOSED_AT_ONCE)
    )
    return [TenantId(tenant_id) for (tenant_id,) in await cursor.fetchall()]


async def _close(conn: Connection, tenant_id: TenantId, before: datetime) -> int:
    """Moves windows of one tenant into its chain, within the caller's transaction and under the chain's own lock."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('access_records:' || %s, 0))", (tenant_id,))
    cursor = await conn.execute(_TAKE, (tenant_id, before, MAX_CLOSED_AT_ONCE))
    taken = [_columns(row) for row in await cursor.fetchall()]
    if not taken:
        return 0
    cursor = await conn.execute(_LAST, (tenant_id,))
    last = await cursor.fetchone()
    number, previous = (last[0] + 1, bytes(last[1])) if last else (0, FIRST_PREVIOUS_HASH)
    rows = []
    for fields in sorted(taken, key=lambda fields: (fields[4], fields[:4])):
        person, subject, purpose, outcome, first_at, last_at, times = fields
        record = AccessRecord(
            tenant_id, number, person, subject, purpose, outcome, first_at, last_at, times, previous, b""
        )
        record_hash = _hash(record)
        rows.append((tenant_id, number, *fields, previous, record_hash))
        number, previous = number + 1, record_hash
    await conn.cursor().executemany(_APPEND, rows)
    return len(rows)


_COUNT = """
INSERT INTO access_windows AS known
    (tenant_id, window_start, person, subject, purpose, outcome, first_at, last_at, times)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, window_start, person, subject, purpose, outcome) DO UPDATE
SET first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at),
    times = known.times + excluded.times
"""
_TAKE = """
DELETE FROM access_windows WHERE ctid IN (
    SELECT ctid FROM access_windows WHERE tenant_id = %s AND window_start < %s
    ORDER BY window_start LIMIT %s FOR UPDATE)
RETURNING person, subject, purpose, outcome, first_at, last_at, times
"""
_LAST = "SELECT number, record_hash FROM access_records WHERE tenant_id = %s ORDER BY number DESC LIMIT 1"
_APPEND = """
INSERT INTO access_records
    (tenant_id, number, person, subject, purpose, outcome, first_at, last_at, times, previous_hash, record_hash)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_READ = """
SELECT tenant_id, number, person, subject, purpose, outcome, first_at, last_at, times, previous_hash, record_hash
FROM access_records WHERE tenant_id = %s AND number >= %s ORDER BY number LIMIT %s
"""
