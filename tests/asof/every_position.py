"""The property that every read model has: at each position it is what the entries up to there make of it."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView


async def holds_at_every_position(
    reader: Reader, feed: Feed, views: Sequence[DocumentView[Any]], tenant_id: TenantId
) -> int:
    """Asserts it for every view, document and position; how many documents at positions were compared."""
    history = await feed.read(tenant_id, 0, 10_000)
    compared = 0
    for view in views:
        mine = [entry for entry in history if entry.event.TOPIC in view.topic_names]
        keys = sorted({key for entry in mine for key in view.keys(entry)})
        for key in keys:
            for position in range(len(history)):
                expected = _folded(view, key, [entry for entry in mine if entry.position <= position])
                found = await view.get(reader, tenant_id, key, at=position)
                assert (found.document if found else None) == expected, (view.NAME, key, position)
                if found is not None:
                    assert found.from_position <= found.position == position
                compared += 1
    return compared


def _folded(view: DocumentView[Any], key: str, entries: Sequence[Recorded[Any]]) -> Any:
    document = None
    for entry in entries:
        if key in view.keys(entry):
            document = view.fold(key, document, entry)
    return None if document is None else view.decode(view.encode(document))
