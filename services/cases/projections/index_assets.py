"""Which assets a name, an address or another observable was seen with, by its blind index."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, ClassVar

from contracts.events.assets import AssetRegistered
from contracts.events.base import Recorded, Value
from contracts.events.case_work import TracesDrawn
from contracts.events.detections import DetectionRaised
from contracts.events.ledger import SubjectErased
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView


class IndexAssetRow(Value):
    """`how` says from where it is known: the asset is `registered` under it, or both are in one `detection`."""

    index: str
    asset_id: str
    how: tuple[str, ...]


class IndexAssets(DocumentView[IndexAssetRow]):
    NAME = "index_assets"
    VERSION = 2
    READABLE_VERSIONS = frozenset({1})
    TABLE = "index_assets"
    TOPICS = frozenset({AssetRegistered, DetectionRaised, TracesDrawn})
    ERASURES = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {"index": "text", "asset_id": "text"}
    DOCUMENT = IndexAssetRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [f"{index}/{asset_id}" for index, asset_id in _pairs(recorded.event)]

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """All that the erased asset was seen with."""
        return [equal("asset_id", recorded.event.subject)]

    def fold(self, key: str, document: IndexAssetRow | None, recorded: Recorded[Any]) -> IndexAssetRow | None:
        if isinstance(recorded.event, SubjectErased):
            return None
        how = "registered" if isinstance(recorded.event, AssetRegistered) else "detection"
        if document is None:
            index, _, asset_id = key.partition("/")
            return IndexAssetRow(index=index, asset_id=asset_id, how=(how,))
        if how in document.how:
            return document
        return document.model_copy(update={"how": (*document.how, how)})

    def columns(self, document: IndexAssetRow) -> Mapping[str, object]:
        return {"index": document.index, "asset_id": document.asset_id}


def _pairs(event: Any) -> list[tuple[str, str]]:
    match event:
        case AssetRegistered():
            indexes, assets = [event.name_index, *event.address_indexes], [event.asset_id]
        case DetectionRaised():
            place = event.identity
            named = (
                (place.host, place.address, place.account, place.source_address, place.destination_address)
                if place
                else ()
            )
            indexes, assets = list(named), list(event.asset_ids)
        case TracesDrawn():
            indexes, assets = [each.index for each in event.observables], list(event.asset_ids)
        case _:
            return []
    return list(dict.fromkeys(product(filter(None, indexes), assets)))
