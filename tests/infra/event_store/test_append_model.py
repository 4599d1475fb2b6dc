"""The append function against a model in Python, whichever way it takes: one event, a clean group, judging."""

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from contracts.ids import StreamName, TenantId
from infra.event_store.arrays import register_arrays
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
from infra.event_store.ledger import Ledger
from infra.event_store.recorder import append_on
from tests.infra.event_store.conftest import Servers

STREAMS = [StreamName(f"tenant-{letter}") for letter in "abc"]
NOW_IN_MODEL = 0


@dataclass
class Model:
    """What the ledger should hold: versions by stream, and first position and digest by request key."""

    versions: dict[StreamName, int] = field(default_factory=dict)
    keys: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    rows: list[tuple[StreamName, int]] = field(default_factory=list)

    def judge(self, command: PreparedCommand) -> Verdict:
        if command.request_key in self.keys:
            position, digest = self.keys[command.request_key]
            return Duplicate(position) if digest == command.request_digest else KeyReused(position)
        for stream, version in command.preconditions:
            if self.versions.get(stream, 0) != version:
                return PreconditionFailed(stream, self.versions.get(stream, 0))
        trial = dict(self.versions)
        for event in command.events:
            if event.version != trial.get(event.stream, 0) + 1:
                return VersionConflict(event.stream, self.versions.get(event.stream, 0))
            trial[event.stream] = event.version
        self.versions = trial
        position = len(self.rows)
        self.rows += [(event.stream, event.version) for event in command.events]
        if command.request_key is not None and command.request_digest is not None:
            self.keys[command.request_key] = (position, command.request_digest)
        return Accepted(position, NOW_IN_MODEL)


def _digest(number: int) -> bytes:
    return hashlib.sha256(bytes([number])).digest()


@st.composite
def intents(draw: st.DrawFn) -> dict[str, Any]:
    """A command as offsets from what is there, so that most fit and some do not."""
    return {
        "streams": draw(st.lists(st.sampled_from(STREAMS), min_size=1, max_size=4)),
        "off": draw(st.sampled_from([0, 0, 0, 0, 1, -1])),
        "key": draw(st.one_of(st.none(), st.integers(0, 30))),
        "digest": draw(st.integers(0, 9)) == 0,
        "require": draw(st.lists(st.tuples(st.sampled_from(STREAMS), st.sampled_from([0, 0, 0, 1])), max_size=2)),
        "requires": draw(st.integers(0, 3)) == 0,
    }


def _command(intent: dict[str, Any], believed: dict[StreamName, int]) -> PreparedCommand:
    """`believed` is what the deciders of this group think the versions are, counting what earlier ones would add."""
    events = []
    for stream in intent["streams"]:
        version = believed.get(stream, 0) + 1
        believed[stream] = version
        events.append(PreparedEvent(stream, max(1, version + intent["off"]), "tenet.test", "event-x", b"{}"))
    key = None if intent["key"] is None else _digest(intent["key"])
    digest = None if key is None else _digest(100 + intent["digest"])
    required = tuple((stream, believed.get(stream, 0) + off) for stream, off in intent["require"])
    return PreparedCommand(tuple(events), key, digest, required if intent["requires"] else ())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(intents(), min_size=1, max_size=5), min_size=1, max_size=6))
async def test_the_append_function_does_what_the_model_does(
    servers: Servers, other_tenant: TenantId, ledger: Ledger, groups: list[list[dict[str, Any]]]
) -> None:
    placement = await ledger.placements.find(other_tenant)
    async with await AsyncConnection.connect(servers.owner_dsn(), autocommit=True) as owner:
        await owner.execute("SET ROLE tenet_owner")
        await owner.execute(f"TRUNCATE {placement.schema}.events")
    model = Model()
    async with await AsyncConnection.connect(servers.dsn("tenet_tenancy"), autocommit=True) as connection:
        register_arrays(connection)
        for number, group in enumerate(groups):
            believed = dict(model.versions)
            commands = [_command(intent, believed) for intent in group]
            expected = [model.judge(command) for command in commands]
            verdicts = await append_on(connection, placement.role, _now_us(), commands, again=number % 2 == 1)
            assert [_timeless(verdict) for verdict in verdicts] == expected
        async with connection.transaction():
            await connection.execute("SELECT set_config('role', %s, true)", (placement.role,))
            cursor = await connection.execute(
                f"SELECT stream, version FROM {placement.schema}.events ORDER BY position"
            )
            assert await cursor.fetchall() == model.rows


def _timeless(verdict: Verdict) -> Verdict:
    return Accepted(verdict.first_position, NOW_IN_MODEL) if isinstance(verdict, Accepted) else verdict


def _now_us() -> int:
    return time.time_ns() // 1000
