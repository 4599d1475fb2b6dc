"""Ledgers in memory, for tests of the runners; `test_real_ledgers.py` holds the real ones to the same behaviour."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Event, Recorded, UndecodableEvent
from contracts.ids import PROVIDER, StreamName, TenantId
from infra.read_database.sources import FeedEntry

START = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class MemoryLedgers:
    """Ledgers that live in the test. Its `Feed` side behaves as `infra.read_database.sources.LedgerFeed` says."""

    def __init__(self) -> None:
        self.entries_of: dict[TenantId, list[FeedEntry]] = {}
        self.grown = asyncio.Event()
        self.reads = 0

    def append(self, tenant_id: TenantId, *events: Event) -> int:
        """Records the events; answers the position of the last one."""
        ledger = self.entries_of.setdefault(tenant_id, [])
        for event in events:
            ledger.append(_entry(tenant_id, len(ledger), event))
        self.grown.set()
        return len(ledger) - 1

    def append_broken(self, tenant_id: TenantId, topic: str) -> int:
        """Records an entry that no program can decode."""
        ledger = self.entries_of.setdefault(tenant_id, [])

        def refuse() -> Recorded[Any]:
            raise UndecodableEvent("broken for the test")

        ledger.append(FeedEntry(len(ledger), topic, b"\x01" * 32, refuse))
        return len(ledger) - 1

    async def list(self) -> Sequence[TenantId]:
        return list(self.entries_of)

    async def heads(self, tenant_ids: Sequence[TenantId]) -> Mapping[TenantId, int]:
        return {tenant: len(self.entries_of[tenant]) for tenant in tenant_ids if tenant in self.entries_of}

    async def entries(self, tenant_id: TenantId, from_position: int, limit: int) -> Sequence[FeedEntry]:
        self.reads += 1
        return self.entries_of[tenant_id][from_position : from_position + limit]

    async def wait_for_news(self, known: Mapping[TenantId, int], timeout: float) -> Collection[TenantId]:
        if not self._beyond(known):
            self.grown.clear()
            try:
                await asyncio.wait_for(self.grown.wait(), timeout)
            except TimeoutError:
                return ()
        return self._beyond(known)

    def _beyond(self, heads: Mapping[TenantId, int]) -> Sequence[TenantId]:
        return [tenant for tenant, head in heads.items() if len(self.entries_of.get(tenant, ())) > head]


def _entry(tenant_id: TenantId, position: int, event: Event) -> FeedEntry:
    when = START + timedelta(seconds=position)
    envelope = Envelope(
        id=f"event-{position}",
        tenant_id=tenant_id,
        stream=StreamName("card-1"),
        version=position + 1,
        topic=event.TOPIC,
        schema_version=1,
        occurred_at=when,
        actor=Actor("person-1", AuthenticatedBy.OIDC, PROVIDER),
        grant_id=None,
        correlation_id=f"correlation-{position}",
        causation=None,
        trace_parent=TRACE,
        facts=(),
        request_key=None,
        request_digest=None,
    )
    recorded = Recorded(position, when, envelope, event)
    leaf_hash = hashlib.sha256(f"{tenant_id} {position} {event!r}".encode()).digest()
    return FeedEntry(position, event.TOPIC, leaf_hash, lambda: recorded)
