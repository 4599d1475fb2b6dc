"""Which assets bear a name or an address, by blind index. After an erasure nothing is found by those of its subject.

An asset stays in the index under every name and address that it ever bore, because its later events do not say which
they were; whoever looks up asks the asset itself which it bears now.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.assets import AssetRegistered
from contracts.events.base import Recorded, Value
from contracts.events.ledger import SubjectErased
from infra.read_database.reader.conditions import Condition, has
from infra.read_database.views import DocumentView


class IndexRow(Value):
    asset_ids: tuple[str, ...]


class AssetIndex(DocumentView[IndexRow]):
    """The key is the blind index (`infra.keys.blind_index`) of a name or an address."""

    NAME = "asset_index"
    VERSION = 2
    TABLE = "asset_index"
    TOPICS = frozenset({AssetRegistered})
    ERASURES = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {"asset_ids": "text[]"}
    DOCUMENT = IndexRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        return list(dict.fromkeys((event.name_index, *event.address_indexes)))

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The rows that lead to the erased asset."""
        return [has("asset_ids", recorded.event.subject)]

    def fold(self, key: str, document: IndexRow | None, recorded: Recorded[Any]) -> IndexRow | None:
        known = document.asset_ids if document else ()
        if isinstance(recorded.event, SubjectErased):
            left = tuple(each for each in known if each != recorded.event.subject)
            return IndexRow(asset_ids=left) if left else None
        asset_id = recorded.event.asset_id
        return document if asset_id in known else IndexRow(asset_ids=(*known, asset_id))

    def columns(self, document: IndexRow) -> Mapping[str, object]:
        return {"asset_ids": list(document.asset_ids)}
