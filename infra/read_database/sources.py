"""What the runners read: ledgers in order, and which tenants there are. `infra.event_store.ledger.Ledger` has both."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.events.base import Recorded
from contracts.ids import TenantId


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry, not decoded yet: a reader that does not care for the topic need not know its event class.

    `leaf_hash` is SHA-256, 32 bytes. `decode` raises what the mapper raises: UnknownEvent, UndecodableEvent,
    EntryUnreadable.
    """

    position: int
    topic: str
    leaf_hash: bytes
    decode: Callable[[], Recorded[Any]]


class LedgerFeed(Protocol):
    """Ledgers as the runners see them. Every method may raise StoreUnavailable."""

    async def heads(self, tenant_ids: Sequence[TenantId]) -> Mapping[TenantId, int]:
        """The next position of each tenant's ledger, 0 when it is empty. A tenant without a ledger is left out."""
        ...

    async def entries(self, tenant_id: TenantId, from_position: int, limit: int) -> Sequence[FeedEntry]:
        """At most `limit` entries in order, beginning with the one at `from_position`."""
        ...

    async def wait_for_news(self, known: Mapping[TenantId, int], timeout: float) -> Collection[TenantId]:
        """The tenants whose ledgers reach beyond these heads, as soon as there are any; none after `timeout`."""
        ...


class Tenants(Protocol):
    """The tenants that a process serves, including those that were onboarded a moment ago."""

    async def list(self) -> Sequence[TenantId]: ...
