"""The states of aggregates, folded from their streams."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from contracts.events.base import Recorded
from contracts.ids import StreamName, TenantId, stream_name
from infra.event_store.limits import MAX_CACHED_STREAMS, SNAPSHOT_EVERY, STREAM_PAGE
from infra.event_store.mapper import Mapper
from infra.event_store.reads import GroupedReads
from infra.event_store.snapshots import Snapshot, Snapshots

S = TypeVar("S")


class SnapshotCodec(Protocol[S]):
    """How a state is put by. `version` is raised when the state or its `evolve` changes, which voids old snapshots."""

    version: int

    def encode(self, state: S) -> bytes: ...

    def decode(self, data: bytes) -> S: ...


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    """How a kind of stream folds: an immutable state, begun by `initial` and moved by `evolve`, which never changes it.

    States hold references to sealed values, never the values.
    """

    category: str
    initial: Callable[[], S]
    evolve: Callable[[S, Recorded[Any]], S]
    snapshot: SnapshotCodec[S] | None = None


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A state and where it stands: `version` 0 and `last_position` -1 when the stream has no events."""

    stream: StreamName
    state: S
    version: int
    last_position: int
    aggregate: Aggregate[S]


class Repository:
    """Loads states. What it remembers is checked against the stream before anything rests on it."""

    def __init__(self, reads: GroupedReads, mapper: Mapper, snapshots: Snapshots | None = None) -> None:
        self._reads = reads
        self._mapper = mapper
        self._snapshots = snapshots
        self._cache: OrderedDict[tuple[TenantId, StreamName, int], Loaded[Any]] = OrderedDict()

    async def load(
        self, tenant_id: TenantId, aggregate: Aggregate[S], identifier: str, *, at: int | None = None
    ) -> Loaded[S]:
        """The state of `<category>-<identifier>` now, or as known at a position (which it includes).

        Raises TenantUnknown, StoreUnavailable, and DataLoss when an entry cannot be read.
        """
        stream = stream_name(aggregate.category, identifier)
        if at is not None:
            return await self._catch_up(tenant_id, _begin(aggregate, stream), at)
        return await self._load_now(tenant_id, aggregate, stream)

    async def history(
        self, tenant_id: TenantId, category: str, identifier: str, *, at: int | None = None
    ) -> list[Recorded[Any]]:
        """Every entry of a stream in order, or those at or before a position. Raises as `load` does."""
        stream = stream_name(category, identifier)
        found: list[Recorded[Any]] = []
        while True:
            entries = await self._reads.read_stream(tenant_id, stream, len(found), at)
            found += self._mapper.decode_all(entries)
            if len(entries) < STREAM_PAGE:
                return found
            await asyncio.sleep(0)

    def remembered(self, tenant_id: TenantId, aggregate: Aggregate[S], identifier: str) -> Loaded[S] | None:
        """The state as this process last saw it, which others may have moved on from since. Asks nobody."""
        return self._cache.get((tenant_id, stream_name(aggregate.category, identifier), id(aggregate)))

    async def still(self, tenant_id: TenantId, loaded: Loaded[Any]) -> bool:
        """Whether the stream is still at the version of a remembered state. Raises as `load` does."""
        return (await self._load_now(tenant_id, loaded.aggregate, loaded.stream)).version == loaded.version

    def advance(self, tenant_id: TenantId, loaded: Loaded[Any], events: list[Recorded[Any]]) -> None:
        """Takes in what this process has just recorded on a stream, behind the state that it was decided on."""
        self._remember((tenant_id, loaded.stream, id(loaded.aggregate)), fold(loaded, events))

    async def _load_now(self, tenant_id: TenantId, aggregate: Aggregate[S], stream: StreamName) -> Loaded[S]:
        key = (tenant_id, stream, id(aggregate))
        known = self._cache.get(key) or await self._from_snapshot(tenant_id, aggregate, stream)
        loaded = await self._catch_up(tenant_id, known or _begin(aggregate, stream))
        self._remember(key, loaded)
        await self._put_by(tenant_id, loaded, known)
        return loaded

    async def _catch_up(self, tenant_id: TenantId, loaded: Loaded[S], at: int | None = None) -> Loaded[S]:
        while True:
            entries = await self._reads.read_stream(tenant_id, loaded.stream, loaded.version, at)
            loaded = fold(loaded, self._mapper.decode_all(entries))
            if len(entries) < STREAM_PAGE:
                return loaded
            await asyncio.sleep(0)

    def _remember(self, key: tuple[TenantId, StreamName, int], loaded: Loaded[Any]) -> None:
        if loaded.version == 0:
            return
        held = self._cache.get(key)
        if held is None or held.version <= loaded.version:
            self._cache[key] = loaded
        self._cache.move_to_end(key)
        while len(self._cache) > MAX_CACHED_STREAMS:
            self._cache.popitem(last=False)

    async def _from_snapshot(
        self, tenant_id: TenantId, aggregate: Aggregate[S], stream: StreamName
    ) -> Loaded[S] | None:
        codec = aggregate.snapshot
        if self._snapshots is None or codec is None:
            return None
        snapshot = await self._snapshots.find(tenant_id, stream, codec.version)
        if snapshot is None:
            return None
        return Loaded(stream, codec.decode(snapshot.state), snapshot.version, snapshot.last_position, aggregate)

    async def _put_by(self, tenant_id: TenantId, loaded: Loaded[S], known: Loaded[S] | None) -> None:
        codec = loaded.aggregate.snapshot
        before = known.version if known is not None else 0
        if self._snapshots is None or codec is None or loaded.version // SNAPSHOT_EVERY == before // SNAPSHOT_EVERY:
            return
        snapshot = Snapshot(loaded.version, loaded.last_position, codec.encode(loaded.state))
        await self._snapshots.put(tenant_id, loaded.stream, codec.version, snapshot)


def fold(loaded: Loaded[S], events: list[Recorded[Any]]) -> Loaded[S]:
    """The state after these events of its stream."""
    if not events:
        return loaded
    state, evolve = loaded.state, loaded.aggregate.evolve
    for recorded in events:
        state = evolve(state, recorded)
    last = events[-1]
    return Loaded(loaded.stream, state, last.envelope.version, last.position, loaded.aggregate)


def _begin(aggregate: Aggregate[S], stream: StreamName) -> Loaded[S]:
    return Loaded(stream, aggregate.initial(), 0, -1, aggregate)
