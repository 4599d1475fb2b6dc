"""Appends with group commit: the commands that wait for one tenant go out in one transaction and one round trip."""

import asyncio
import struct
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import structlog
from prometheus_client import Counter, Gauge, Histogram
from psycopg.errors import UniqueViolation
from psycopg.types.numeric import Int8

from contracts.errors import ClockRefused, Kind, LedgerReadOnly, StoreUnavailable, TenantUnknown, TenetError
from contracts.ids import StreamName, TenantId
from infra.event_store.arrays import ByteaArray, Int4Array, Int8Array, TextArray
from infra.event_store.cells import CellPools, Connection
from infra.event_store.commands import (
    Accepted,
    Duplicate,
    KeyReused,
    PreconditionFailed,
    PreparedCommand,
    PreparedEvent,
    Verdict,
    VersionConflict,
)
from infra.event_store.limits import (
    MAX_GROUP_BYTES,
    MAX_GROUP_COMMANDS,
    MAX_WAITING_COMMANDS,
    STORE_RETRY_FIRST_PAUSE,
    STORE_RETRY_LONGEST_PAUSE,
    STORE_RETRY_SECONDS,
    STORE_ROOM_SECONDS,
)
from infra.event_store.lines import Ask, Lines
from infra.event_store.placements import Placement, Placements
from infra.telemetry.metrics import LATENCY_BUCKETS

APPEND_SECONDS = Histogram(
    "tenet_append_seconds", "Time that a group of commands took to be durable.", buckets=LATENCY_BUCKETS
)
COMMANDS = Counter("tenet_append_commands_total", "Commands that went to a ledger in groups.")
WAITING = Gauge("tenet_append_waiting_commands", "Commands that wait for the next group of their tenant.")

log = structlog.get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_APPEND = b"SELECT * FROM tenet_meta.append_as_v1(" + b", ".join([b"%s"] * 20) + b")"
"""As bytes: a composed statement would be put together anew at each append."""
_APPEND_ONE = b"SELECT tenet_meta.append_one_v1(" + b", ".join([b"%b"] * 10) + b")"
_PLACE = struct.Struct("!qq")
"""What append_one_v1 answers: position and time of recording."""
_UNAVAILABLE_CLASSES = ("08", "53", "57", "58", "25006")
"""SQLSTATE classes of a server that is going down, out of room or unreachable; 25006: a server that is read-only."""
_NO_ROOM = "53"
"""SQLSTATE class of insufficient resources: a disk that is full, memory, connections."""
_PLACED_OTHERWISE = ("TN003", "42501")
"""What is remembered of the tenant may be out of date: it has moved, or its role may not append any more."""


class LedgerRefused(TenetError):
    """The ledger's function refused an append for a reason that lies in this program or its installation."""

    kind = Kind.INTERNAL
    reason = "LEDGER_REFUSED"


class _Append(Ask[Verdict]):
    __slots__ = ("command",)

    def __init__(self, command: PreparedCommand) -> None:
        super().__init__(command.weight)
        self.command = command


class Recorder:
    """Appends commands to tenants' ledgers. `clock` gives the process's time, which the server compares with its."""

    def __init__(self, pools: CellPools, placements: Placements, clock: Callable[[], datetime]) -> None:
        self._pools = pools
        self._placements = placements
        self._clock = clock
        self._served: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
        self._lines: Lines[_Append] = Lines(
            self._serve, max_waiting=MAX_WAITING_COMMANDS, max_group=MAX_GROUP_COMMANDS, max_weight=MAX_GROUP_BYTES
        )
        WAITING.set_function(lambda: self._lines.waiting)

    async def append(self, tenant_id: TenantId, command: PreparedCommand) -> Verdict:
        """Appends one command, durably, and returns the ledger's verdict on it.

        Raises MalformedCommand and EntryTooLarge before anything is sent, StoreOverloaded, ClockRefused, TenantUnknown,
        LedgerReadOnly, and StoreUnavailable: then the outcome may be unknown, and only the same request key makes a
        retry safe.
        """
        command.check()
        ask = _Append(command)
        self._lines.put(tenant_id, ask)
        return await ask.future

    async def close(self) -> None:
        """Lets what waits be recorded, and takes no more."""
        await self._lines.close()

    async def _serve(self, tenant_id: TenantId, group: list[_Append]) -> None:
        COMMANDS.inc(len(group))
        try:
            with APPEND_SECONDS.time():
                verdicts = await self._commit_surely(tenant_id, [ask.command for ask in group])
        except (StoreUnavailable, ClockRefused, TenantUnknown, LedgerReadOnly):
            raise
        except TenetError as error:
            if len(group) == 1:
                raise
            log.warning("ledger.group_aborted", tenant=tenant_id, commands=len(group), reason=str(error))
            await self._serve_singly(tenant_id, group)
            return
        for ask, verdict in zip(group, verdicts, strict=True):
            ask.answer(verdict)

    async def _serve_singly(self, tenant_id: TenantId, group: list[_Append]) -> None:
        for ask in group:
            try:
                (verdict,) = await self._commit_surely(tenant_id, [ask.command])
            except TenetError as error:
                ask.fail(error)
            else:
                ask.answer(verdict)

    async def _commit_surely(self, tenant_id: TenantId, commands: Sequence[PreparedCommand]) -> list[Verdict]:
        """Commits, asking again after a lost connection where the request keys make that safe."""
        repeatable = all(command.request_key is not None for command in commands)
        began = time.monotonic()
        pause = STORE_RETRY_FIRST_PAUSE
        moved = False
        while True:
            placement = await self._placements.find(tenant_id)
            if placement.read_only:
                raise LedgerReadOnly
            try:
                return await self._commit(placement, commands)
            except psycopg.Error as error:
                if error.sqlstate in _PLACED_OTHERWISE and not moved:
                    moved = True
                    self._placements.forget(tenant_id)
                    continue
                refusal = _translate(error)
                longest = STORE_ROOM_SECONDS if (error.sqlstate or "").startswith(_NO_ROOM) else STORE_RETRY_SECONDS
                late = time.monotonic() + pause > began + longest
                if late or not repeatable or not isinstance(refusal, StoreUnavailable):
                    raise refusal from error
                log.warning("ledger.append_retried", tenant=tenant_id, commands=len(commands), reason=str(error))
            await asyncio.sleep(pause)
            await self._pools.discard_broken(placement.cell)
            pause = min(pause * 2, STORE_RETRY_LONGEST_PAUSE)

    async def _commit(self, placement: Placement, commands: Sequence[PreparedCommand]) -> list[Verdict]:
        async with self._pools.connection(placement.cell) as connection:
            again = self._served.get(connection) == placement.role
            self._served[connection] = placement.role
            now_us = (self._clock() - _EPOCH) // _MICROSECOND
            return await append_on(connection, placement.role, now_us, commands, again=again)


async def append_on(
    connection: Connection, role: str, now_us: int, commands: Sequence[PreparedCommand], *, again: bool = False
) -> list[Verdict]:
    """Appends a group in one statement, which on a connection in autocommit mode is a transaction of its own.

    `again`: the connection's last append was for the same tenant. After an error the server has undone it, or its
    outcome is unknown. Raises psycopg.Error as the server gave it.
    """
    command = commands[0]
    if len(commands) == len(command.events) == 1 and not command.openings and not command.preconditions:
        accepted = await _append_one(connection, role, now_us, command, again=again)
        if accepted is not None:
            return [accepted]
    cursor = await connection.execute(*append_statement(role, now_us, commands))
    row: tuple[Any, ...] | None = await cursor.fetchone()
    if row is None:
        raise LedgerRefused("The ledger's function answered nothing.")
    return verdicts_of(row, commands)


async def _append_one(
    connection: Connection, role: str, now_us: int, command: PreparedCommand, *, again: bool
) -> Accepted | None:
    """Appends a command of one event the short way; None when it was not, for a reason that the long way finds."""
    (event,) = command.events
    parameters = (
        role,
        again,
        Int8(now_us),
        event.stream,
        Int8(event.version),
        event.topic,
        event.event_id,
        event.entry,
        command.request_key,
        command.request_digest,
    )
    cursor = connection.cursor(binary=True)
    try:
        await cursor.execute(_APPEND_ONE, parameters)
    except UniqueViolation:
        return None
    row: tuple[bytes | None] | None = await cursor.fetchone()
    return None if row is None or row[0] is None else Accepted(*_PLACE.unpack(row[0]))


def append_statement(role: str, now_us: int, commands: Sequence[PreparedCommand]) -> tuple[bytes, list[Any]]:
    """The statement that appends a group, for a connection that `register_arrays` was called on."""
    return _APPEND, [role, *_parameters(now_us, commands)]


def _parameters(now_us: int, commands: Sequence[PreparedCommand]) -> list[Any]:
    numbers: list[int] = []
    events: list[PreparedEvent] = []
    keys: list[bytes | None] = []
    digests: list[bytes | None] = []
    conditional = sealed = False
    for number, command in enumerate(commands):
        events += command.events
        numbers.append(number)
        keys.append(command.request_key)
        digests.append(command.request_digest)
        more = len(command.events) - 1
        if more:
            numbers += [number] * more
            keys += [None] * more
            digests += [None] * more
        conditional = conditional or bool(command.preconditions)
        sealed = sealed or bool(command.openings)
    return [
        now_us,
        Int4Array.of(numbers),
        TextArray.of([event.stream for event in events]),
        Int8Array.of([event.version for event in events]),
        TextArray.of([event.topic for event in events]),
        TextArray.of([event.event_id for event in events]),
        ByteaArray.of([event.entry for event in events]),
        ByteaArray.of(keys),
        ByteaArray.of(digests),
        *(_precondition_arrays(commands) if conditional else _NO_PRECONDITIONS),
        *(_opening_arrays(commands) if sealed else _NO_OPENINGS),
    ]


def _precondition_arrays(commands: Sequence[PreparedCommand]) -> tuple[Any, ...]:
    required = [(number, *each) for number, command in enumerate(commands) for each in command.preconditions]
    return (
        Int4Array.of([number for number, _, _ in required]),
        TextArray.of([stream for _, stream, _ in required]),
        Int8Array.of([version for _, _, version in required]),
    )


def _opening_arrays(commands: Sequence[PreparedCommand]) -> tuple[Any, ...]:
    openings = [(number, each) for number, command in enumerate(commands) for each in command.openings]
    return (
        Int4Array.of([number for number, _ in openings]),
        TextArray.of([each.event_id for _, each in openings]),
        TextArray.of([each.path for _, each in openings]),
        TextArray.of([each.subject for _, each in openings]),
        TextArray.of([each.key_id for _, each in openings]),
        ByteaArray.of([each.nonce for _, each in openings]),
        ByteaArray.of([each.ciphertext for _, each in openings]),
    )


_NO_PRECONDITIONS = _precondition_arrays(())
_NO_OPENINGS = _opening_arrays(())


def verdicts_of(row: tuple[Any, ...], commands: Sequence[PreparedCommand]) -> list[Verdict]:
    """The verdict on each command, from the row that the statement answered."""
    first_position, recorded_at, names, places, actual, streams = row
    if names is None:
        verdicts: list[Verdict] = []
        for command in commands:
            verdicts.append(Accepted(first_position, recorded_at))
            first_position += len(command.events)
        return verdicts
    return [
        _verdict(name, place, version, stream, recorded_at)
        for name, place, version, stream in zip(names, places, actual, streams, strict=True)
    ]


def _verdict(name: str, place: int, version: int, stream: str, recorded_at: int) -> Verdict:
    match name:
        case "accepted":
            return Accepted(place, recorded_at)
        case "duplicate":
            return Duplicate(place)
        case "key_reused":
            return KeyReused(place)
        case "conflict":
            return VersionConflict(StreamName(stream), version)
        case "precondition":
            return PreconditionFailed(StreamName(stream), version)
    raise LedgerRefused(f"The ledger's function gave an unknown verdict, {name}.")


def _translate(error: psycopg.Error) -> TenetError:
    state = error.sqlstate or ""
    match state:
        case "TN005":
            log.error("ledger.clock_refused", reason=str(error))
            return ClockRefused(f"Appends are refused: {error.diag.message_primary}.")
        case "TN003":
            return TenantUnknown()
    if state.startswith(_UNAVAILABLE_CLASSES) or (not state and isinstance(error, psycopg.OperationalError)):
        return StoreUnavailable("The ledger's database does not answer or has no room.", metadata={"sqlstate": state})
    return LedgerRefused(f"The ledger refused the append: {error}", metadata={"sqlstate": state})
