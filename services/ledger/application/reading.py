"""Entries in order: once through, or on and on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.event_store.reads import StoredEntry
from services.ledger.config import MAX_BATCH_BYTES, READ_BATCH
from services.ledger.domain.errors import SubscriptionEnded


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a tenant's ledger was handed out: everything wanted before `next_position` was, of `head` entries."""

    tenant_id: TenantId
    next_position: int
    head: int


@dataclass(frozen=True, slots=True)
class Batch:
    entries: Sequence[StoredEntry]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Heartbeat:
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Head:
    """`last` is the last entry; None in an empty ledger."""

    next_position: int
    last: StoredEntry | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of these topics (none: of all), at most so many in a batch."""

    topics: frozenset[str]
    batch_size: int = READ_BATCH

    @property
    def limit(self) -> int:
        return min(self.batch_size or READ_BATCH, READ_BATCH)

    def of(self, entries: Sequence[StoredEntry]) -> list[StoredEntry]:
        return [entry for entry in entries if not self.topics or entry.topic in self.topics]


@dataclass(frozen=True, slots=True)
class Reading:
    feed: Feed

    async def head(self, tenant_id: TenantId) -> Head:
        """Raises TenantUnknown, StoreUnavailable."""
        head = await self.feed.head(tenant_id)
        last = await self.feed.read_entries(tenant_id, head - 1, 1) if head else []
        return Head(head, last[0] if last else None)

    async def position_at(self, tenant_id: TenantId, moment: datetime) -> int | None:
        """Of the last entry recorded at or before a moment. Raises TimeInFuture, TenantUnknown, StoreUnavailable."""
        found = await self.feed.position_at(tenant_id, moment)
        return found if found >= 0 else None

    async def read(
        self, tenant_id: TenantId, from_position: int, to_position: int | None, wanted: Wanted
    ) -> AsyncIterator[Batch]:
        """Batches up to `to_position`, or to the head at the time of the call. The last one's mark is at the end."""
        head = await self.feed.head(tenant_id)
        end = head if to_position is None else min(to_position, head)
        position = from_position
        while position < end:
            entries = await self.feed.read_entries(tenant_id, position, min(wanted.limit, end - position))
            if not entries:
                break
            position = entries[-1].position + 1
            for batch in _batches(tenant_id, wanted.of(entries), position, head):
                yield batch
        yield Batch([], Mark(tenant_id, position, head))

    async def starts(
        self, tenant_ids: Collection[TenantId], given: Mapping[TenantId, int], *, at_end: bool
    ) -> dict[TenantId, int]:
        """Where a subscription begins in each ledger."""
        heads = await self.feed.heads(tenant_ids) if at_end else {}
        return {tenant_id: given.get(tenant_id, heads.get(tenant_id, 0)) for tenant_id in tenant_ids}

    async def subscribe(
        self,
        positions: dict[TenantId, int],
        wanted: Wanted,
        heartbeat_seconds: float,
        may_still_read: Callable[[TenantId], bool],
    ) -> AsyncIterator[Batch | Heartbeat]:
        """Never ends by itself. Tenants take turns, a batch each, so that one flood delays the others by a batch only.

        `positions` is where to begin in each ledger, and is moved on. Raises SubscriptionEnded once `may_still_read` is
        false for one of them; it is asked before anything of a tenant is sent.
        """
        clock = asyncio.get_running_loop().time
        silent_since = float("-inf")
        while True:
            if clock() - silent_since >= heartbeat_seconds:
                yield await self._heartbeat(positions, may_still_read)
                silent_since = clock()
            before = {tenant_id: position - 1 for tenant_id, position in positions.items()}
            remaining = silent_since + heartbeat_seconds - clock()
            for tenant_id in sorted(await self.feed.wait_any(before, max(remaining, 0.0))):
                _check(may_still_read, tenant_id)
                entries = await self.feed.read_entries(tenant_id, positions[tenant_id], wanted.limit)
                if not entries:
                    continue
                positions[tenant_id] = entries[-1].position + 1
                head = await self.feed.head(tenant_id)
                for batch in _batches(tenant_id, wanted.of(entries), positions[tenant_id], head):
                    yield batch
                    silent_since = clock()

    async def _heartbeat(
        self, positions: Mapping[TenantId, int], may_still_read: Callable[[TenantId], bool]
    ) -> Heartbeat:
        for tenant_id in positions:
            _check(may_still_read, tenant_id)
        heads = await self.feed.heads(positions)
        return Heartbeat(
            [Mark(tenant_id, position, heads.get(tenant_id, 0)) for tenant_id, position in positions.items()]
        )


def _check(may_still_read: Callable[[TenantId], bool], tenant_id: TenantId) -> None:
    if not may_still_read(tenant_id):
        raise SubscriptionEnded(
            "A role that this subscription needs was taken away.", metadata={"tenant_id": tenant_id}
        )


def _batches(tenant_id: TenantId, entries: Sequence[StoredEntry], reached: int, head: int) -> Iterator[Batch]:
    """Messages of bounded size. A mark inside says what has been sent; the last one, what was looked through."""
    start, size = 0, 0
    for index, entry in enumerate(entries):
        if index > start and size + len(entry.entry) > MAX_BATCH_BYTES:
            yield Batch(entries[start:index], Mark(tenant_id, entries[index - 1].position + 1, head))
            start, size = index, 0
        size += len(entry.entry)
    if entries:
        yield Batch(entries[start:], Mark(tenant_id, reached, head))
