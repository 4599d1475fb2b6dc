"""Which assets bear a name or an address, by blind index. Its rows can be deleted, and then nothing is found by them.

An asset stays in the index under every name and address that it ever bore, because its later events do not say which
they were; whoever looks up asks the asset itself which it bears now.
"""

from collections.abc import Sequence
from typing import Any

from contracts.events.assets import AssetRegistered
from contracts.events.base import Recorded, Value
from infra.read_database.views import DocumentView


class IndexRow(Value):
    asset_ids: tuple[str, ...]


class AssetIndex(DocumentView[IndexRow]):
    """The key is the blind index (`infra.keys.blind_index`) of a name or an address."""

    NAME = "asset_index"
    VERSION = 1
    TABLE = "asset_index"
    TOPICS = frozenset({AssetRegistered})
    DOCUMENT = IndexRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        return list(dict.fromkeys((event.name_index, *event.address_indexes)))

    def fold(self, key: str, document: IndexRow | None, recorded: Recorded[Any]) -> IndexRow | None:
        known = document.asset_ids if document else ()
        asset_id = recorded.event.asset_id
        return document if asset_id in known else IndexRow(asset_ids=(*known, asset_id))
