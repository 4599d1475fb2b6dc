"""From a command to recorded events: decide on loaded states, append; on conflict decide anew.

The append itself knows a request that was carried out before, and answers with its first result. The request is looked
up only before an answer that appends nothing: a refusal, or that there is nothing to do.

The first decision is made on states as this process remembers them. The append itself finds out when a stream that is
written or required has moved on; what the decision rests on beside those, and what a refusal or doing nothing rests on,
is compared with the ledger first. So a command that meets no other writer reads none of its streams.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from contracts.calls import Call
from contracts.commands import Command
from contracts.errors import Conflict, RequestIdReused, TenetError
from contracts.events.base import Envelope, Event, Fact, Interval, Recorded
from contracts.ids import StreamName, TenantId, derive_id
from infra.event_store.commands import (
    Accepted,
    Duplicate,
    KeyReused,
    PreconditionFailed,
    PreparedCommand,
    PreparedEvent,
    VersionConflict,
)
from infra.event_store.feed import Feed
from infra.event_store.limits import MAX_COMMAND_EVENTS, MAX_DECISIONS
from infra.event_store.mapper import Mapper
from infra.event_store.reads import GroupedReads, RequestSeen, StoredEntry
from infra.event_store.recorder import Recorder
from infra.event_store.repository import Aggregate, Loaded, Repository
from infra.event_store.request_digests import RequestDigests
from infra.telemetry import span

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Committed:
    """What a command did: its events, and the position that a reader must have reached to see them.

    A command that had nothing to do has no events and the position of the last entry that it saw (-1: none).
    `replayed` tells that the request had been carried out before, and this is its first result.
    """

    tenant_id: TenantId
    recorded: list[Recorded[Any]]
    position: int
    replayed: bool = False


@dataclass(slots=True)
class _Draft:
    stream: StreamName
    version: int
    event: Event
    occurred_at: datetime | Interval | None


@dataclass(slots=True)
class Unit:
    """One command's unit of work. It only gathers; nothing is written before the work has returned.

    `drafts`, `versions`, `required`, `facts`, `loaded`, `assumed` (streams whose state was remembered and not read) and
    `seen` (the last position that was loaded) are for the handler. `from_memory`: states may be remembered ones.
    """

    tenant_id: TenantId
    _repository: Repository
    from_memory: bool = False
    drafts: list[_Draft] = field(default_factory=list)
    versions: dict[StreamName, int] = field(default_factory=dict)
    required: dict[StreamName, int] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    loaded: dict[StreamName, Loaded[Any]] = field(default_factory=dict)
    assumed: set[StreamName] = field(default_factory=set)
    seen: int = -1

    async def load(self, aggregate: Aggregate[S], identifier: str) -> Loaded[S]:
        """The aggregate's state, which is the current one or the append will not hold. Raises TenantUnknown,
        StoreUnavailable."""
        loaded = self._repository.remembered(self.tenant_id, aggregate, identifier) if self.from_memory else None
        if loaded is None:
            loaded = await self._repository.load(self.tenant_id, aggregate, identifier)
        else:
            self.assumed.add(loaded.stream)
        self.loaded[loaded.stream] = loaded
        self.seen = max(self.seen, loaded.last_position)
        return loaded

    def append(
        self, loaded: Loaded[Any], events: Sequence[Event], occurred_at: datetime | Interval | None = None
    ) -> None:
        """Records these events on the aggregate's stream, if it is still at the version that was loaded.

        `occurred_at` is when it happened in the world; left out, it is the time of the call.
        """
        version = self.versions.get(loaded.stream, loaded.version)
        for event in events:
            if loaded.aggregate.category != event.CATEGORY:
                raise ValueError(f"{event.TOPIC} belongs to category {event.CATEGORY}, not into {loaded.stream}")
            version += 1
            self.drafts.append(_Draft(loaded.stream, version, event, occurred_at))
        if events:
            self.versions[loaded.stream] = version

    def require(self, loaded: Loaded[Any]) -> None:
        """Makes the append hold only while that stream is still at the version that was loaded."""
        self.required[loaded.stream] = loaded.version

    def cite(self, fact: Fact) -> None:
        """Records with every event of this command that it relied on an outside fact."""
        self.facts.append(fact)


class CommandHandler:
    def __init__(
        self,
        reads: GroupedReads,
        repository: Repository,
        recorder: Recorder,
        mapper: Mapper,
        feed: Feed,
        digests: RequestDigests,
    ) -> None:
        self._reads = reads
        self._repository = repository
        self._recorder = recorder
        self._mapper = mapper
        self._feed = feed
        self._digests = digests

    async def handle(self, call: Call, command: Command, work: Callable[[Unit], Awaitable[None]]) -> Committed:
        """Carries the command out once, however often it is asked with the same request id.

        `work` decides on what it loads and appends through the unit; it runs again after a conflict and for a repeated
        request, and so has no effects of its own. Raises what `work` raises, Conflict, RequestIdReused, and what the
        recorder raises.
        """
        if command.tenant_id != call.tenant_id:
            raise ValueError("the command and the call name different tenants")
        unit = await self._decide_from_memory(call.tenant_id, work)
        for _ in range(MAX_DECISIONS):
            try:
                if unit is None:
                    unit = Unit(call.tenant_id, self._repository)
                    await work(unit)
                prepared = await self._prepare(call, command, unit) if unit.drafts else None
            except TenetError:
                # An earlier attempt of the same request may have made the very state that this one is refused for.
                replay = await self._find_replay(call, command)
                if replay is not None:
                    return replay
                raise
            if prepared is None:
                replay = await self._find_replay(call, command)
                return replay or await self._nothing_to_do(unit)
            committed = await self._append(call, command, unit, prepared)
            if committed is not None:
                return committed
            unit = None
        raise Conflict(
            f"Others wrote to the same streams {MAX_DECISIONS} times while this was decided.",
            metadata={"attempts": str(MAX_DECISIONS)},
        )

    async def _decide_from_memory(self, tenant_id: TenantId, work: Callable[[Unit], Awaitable[None]]) -> Unit | None:
        """What the work makes of states as remembered; None when that cannot be relied on, so that it reads them."""
        unit = Unit(tenant_id, self._repository, from_memory=True)
        try:
            await work(unit)
        except Exception:  # noqa: BLE001  # Whatever it was, it is the same on states that are read, or it was due to these.
            return None
        unproven = unit.assumed - (unit.versions.keys() | unit.required.keys()) if unit.drafts else unit.assumed
        proofs = await asyncio.gather(*(self._repository.still(tenant_id, unit.loaded[each]) for each in unproven))
        return unit if all(proofs) else None

    async def _prepare(self, call: Call, command: Command, unit: Unit) -> PreparedCommand:
        key, digest = bytes.fromhex(call.request_key), await self._digests.of(call, command)
        events, openings = await self._mapper.prepare(_envelopes(call, unit, key, digest))
        required = tuple((stream, version) for stream, version in unit.required.items())
        return PreparedCommand(events, key, digest, required, openings)

    async def _append(self, call: Call, command: Command, unit: Unit, prepared: PreparedCommand) -> Committed | None:
        """Appends what the unit gathered; None when it was decided on states that have moved on."""
        with span("append", tenant=call.tenant_id, events=len(prepared.events)):
            verdict = await self._recorder.append(call.tenant_id, prepared)
        match verdict:
            case Accepted():
                committed = self._committed(call.tenant_id, prepared.events, verdict)
                for stream in unit.versions:
                    written = [each for each in committed.recorded if each.envelope.stream == stream]
                    self._repository.advance(call.tenant_id, unit.loaded[stream], written)
                return committed
            case Duplicate(first_position):
                return await self._replay(call.tenant_id, first_position)
            case KeyReused():
                return await self._find_replay(call, command)
            case VersionConflict() | PreconditionFailed():
                return None

    def _committed(self, tenant_id: TenantId, events: Sequence[PreparedEvent], accepted: Accepted) -> Committed:
        entries = [
            StoredEntry(accepted.first_position + index, accepted.recorded_at_us, event.entry, event.topic, b"")
            for index, event in enumerate(events)
        ]
        self._feed.saw(tenant_id, entries[-1].position + 1)
        return Committed(tenant_id, self._mapper.decode_all(entries), entries[-1].position)

    async def _nothing_to_do(self, unit: Unit) -> Committed:
        seen = unit.seen
        if seen < 0:
            seen = await self._feed.head(unit.tenant_id) - 1
        return Committed(unit.tenant_id, [], seen)

    async def _find_replay(self, call: Call, command: Command) -> Committed | None:
        seen: RequestSeen | None = await self._reads.find_request(call.tenant_id, bytes.fromhex(call.request_key))
        if seen is None:
            return None
        if not await self._digests.fits(call, command, seen.digest):
            raise RequestIdReused("This request id came with another command before.")
        return await self._replay(call.tenant_id, seen.first_position)

    async def _replay(self, tenant_id: TenantId, first_position: int) -> Committed:
        """The events of an earlier command: from its first one up to the next that begins a command."""
        recorded: list[Recorded[Any]] = []
        page = 64
        while True:
            events = await self._feed.read(tenant_id, first_position + len(recorded), page)
            for event in events:
                if recorded and event.envelope.request_key is not None:
                    return Committed(tenant_id, recorded, recorded[-1].position, replayed=True)
                recorded.append(event)
            if len(events) < page or len(recorded) >= MAX_COMMAND_EVENTS:
                return Committed(tenant_id, recorded, recorded[-1].position, replayed=True)


def _envelopes(call: Call, unit: Unit, key: bytes, digest: bytes) -> list[tuple[Envelope, Event]]:
    """Event identifiers follow from the request, so that every attempt of it decides on the same ones."""
    facts = tuple(unit.facts)
    request = key.hex()
    return [
        (
            Envelope(
                id=derive_id("event", call.tenant_id, request, ordinal),
                tenant_id=call.tenant_id,
                stream=draft.stream,
                version=draft.version,
                topic=draft.event.TOPIC,
                schema_version=draft.event.VERSION,
                occurred_at=call.now if draft.occurred_at is None else draft.occurred_at,
                actor=call.actor,
                grant_id=call.grant_id,
                correlation_id=call.correlation_id,
                causation=call.causation,
                trace_parent=call.trace_parent,
                facts=facts,
                request_key=request if ordinal == 0 else None,
                request_digest=digest.hex() if ordinal == 0 else None,
            ),
            draft.event,
        )
        for ordinal, draft in enumerate(unit.drafts)
    ]
