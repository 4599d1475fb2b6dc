"""One tenant's ledger, views and objects in memory, for tests of what is decided and not of where it is kept."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.calls import Call
from contracts.commands import Command
from contracts.events.base import Envelope, Event, Recorded, Sealed
from contracts.ids import TenantId, derive_id, stream_name
from infra.event_store.handler import Committed, Unit
from infra.event_store.repository import Aggregate, Loaded
from infra.object_store import ObjectRef
from infra.read_database.reader.conditions import Comparison, Condition, Order, descending
from infra.read_database.reader.pages import Document, Page, PageRequest


class Objects:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, tenant_id: TenantId, data: bytes) -> ObjectRef:
        sha256 = hashlib.sha256(data).hexdigest()
        self.kept[sha256] = data
        return ObjectRef(sha256, len(data))

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        return self.kept[sha256]


class SearchKeys:
    """The one key that indexes are made with."""

    async def search_key(self, tenant_id: TenantId) -> bytes:
        return search_key_of(tenant_id)


def search_key_of(tenant_id: TenantId) -> bytes:
    return hashlib.sha256(tenant_id.encode()).digest()


class PlainOpenings:
    """Values are never sealed in this ledger: their plaintext is still in them."""

    async def open(self, tenant_id: TenantId, references: Sequence[Sealed]) -> dict[Sealed, str]:
        return {reference: reference.plaintext or "" for reference in references}


@dataclass
class MemoryLedger:
    """Implements what the application uses of CommandHandler and Repository, for one tenant."""

    clock: Callable[[], datetime]
    entries: list[Recorded[Any]] = field(default_factory=list)
    requests: dict[str, Committed] = field(default_factory=dict)
    before_append: list[Callable[[], None]] = field(default_factory=list)
    """Run once each, between a decision and its append: what others do meanwhile."""
    conflicts: int = 0

    async def load(
        self, tenant_id: TenantId, aggregate: Aggregate[Any], identifier: str, *, at: int | None = None
    ) -> Loaded[Any]:
        stream = stream_name(aggregate.category, identifier)
        state, version, last = aggregate.initial(), 0, -1
        for entry in self.entries:
            if entry.envelope.stream == stream and entry.envelope.tenant_id == tenant_id:
                state, version, last = aggregate.evolve(state, entry), version + 1, entry.position
        return Loaded(stream, state, version, last, aggregate)

    async def handle(self, call: Call, command: Command, work: Callable[[Unit], Awaitable[None]]) -> Committed:
        if call.request_key in self.requests:
            return self.requests[call.request_key]
        for _ in range(5):
            unit = Unit(call.tenant_id, self)  # type: ignore[arg-type]  # it has the one method that a unit uses
            await work(unit)
            if self.before_append:
                self.before_append.pop(0)()
            wanted = {**unit.required}
            for draft in unit.drafts:
                wanted.setdefault(draft.stream, draft.version - 1)
            if unit.drafts and any(self.version(stream) != version for stream, version in wanted.items()):
                self.conflicts += 1
                continue
            recorded = [self.record(draft.event, draft.stream, call) for draft in unit.drafts]
            done = Committed(call.tenant_id, recorded, len(self.entries) - 1)
            if recorded:
                self.requests[call.request_key] = done
            return done
        raise AssertionError("five conflicts in a row")

    async def read(self, tenant_id: TenantId, from_position: int, limit: int) -> list[Recorded[Any]]:
        return self.entries[from_position : from_position + limit]

    def version(self, stream: str) -> int:
        return sum(1 for entry in self.entries if entry.envelope.stream == stream)

    def record(self, event: Event, stream: str, call: Call) -> Recorded[Any]:
        envelope = Envelope(
            derive_id("event", len(self.entries)),
            call.tenant_id,
            stream,  # type: ignore[arg-type]  # made by stream_name
            self.version(stream) + 1,
            event.TOPIC,
            event.VERSION,
            call.now,
            call.actor,
            None,
            "",
            None,
            "",
            (),
            None,
            None,
        )
        recorded = Recorded(len(self.entries), self.clock(), envelope, event)
        self.entries.append(recorded)
        return recorded


@dataclass
class MemoryReader:
    """Folds a view over the whole ledger whenever it is asked."""

    ledger: MemoryLedger

    async def waited(self, *_: object) -> None:
        return None

    async def get(self, view: Any, tenant_id: TenantId, key: str, **_: object) -> Document[Any] | None:
        document = self.fold(view).get(key)
        last = len(self.ledger.entries) - 1
        return Document(tenant_id, key, document, last, last) if document is not None else None

    async def list(
        self,
        view: Any,
        tenant_ids: Sequence[TenantId],
        where: Sequence[Condition],
        order: Sequence[Order],
        page: PageRequest,
        **_: object,
    ) -> Page[Any]:
        """In the order of recording, and the latest first where that is asked for; other orders are not kept."""
        last = len(self.ledger.entries) - 1
        items = [
            Document(tenant_ids[0], key, document, last, last)
            for key, document in self.fold(view).items()
            if all(_holds(condition, {"key": key, **view.columns(document)}) for condition in where)
        ]
        if order and order[0] == descending("from_position"):
            items.reverse()
        shown, more = items[: page.limit], len(items) > page.limit
        token = "more" if more else ""
        return Page(items=shown, next_token=token, positions={}, not_ready=(), view=view.NAME, version=view.VERSION)

    def fold(self, view: Any) -> dict[str, Any]:
        documents: dict[str, Any] = {}
        for entry in self.ledger.entries:
            if entry.event.TOPIC not in view.topic_names:
                continue
            found = view.lookups(entry)
            others = [key for key, each in documents.items() if any(_holds(one, view.columns(each)) for one in found)]
            for key in dict.fromkeys((*view.keys(entry), *others)):
                document = view.fold(key, documents.get(key), entry)
                documents.pop(key, None)
                if document is not None:
                    view.columns(document)
                    view.encode(document)
                    documents[key] = document
        return documents


def _holds(condition: Condition, columns: Any) -> bool:
    """The comparisons that policies use."""
    value = columns[condition.column]
    match condition.comparison:
        case Comparison.HAS:
            return condition.value in value
        case Comparison.ONE_OF:
            return value in condition.value
        case Comparison.EQUAL:
            return bool(value == condition.value)
        case other:
            raise NotImplementedError(other)
