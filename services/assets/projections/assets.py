"""Assets as they are, by descending business value."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.assets import AssetClass, AssetKind, AssetReclassified, AssetRegistered, AssetRetired
from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.ledger import SubjectErased
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView


class AssetRow(Value):
    asset_id: str
    kind: AssetKind
    asset_class: AssetClass
    value: int
    group: str
    name: Sealed
    addresses: tuple[Sealed, ...]
    owner: Sealed | None
    business_context: Sealed | None
    external_id: Sealed | str | None
    """A text only where it was registered before identifiers were sealed."""
    indexes: tuple[str, ...]
    """Blind indexes of the name and the addresses that it bears now; none once it was erased."""
    retired: bool
    registered_at: Instant


class Assets(DocumentView[AssetRow]):
    NAME = "assets"
    VERSION = 2
    TABLE = "assets"
    TOPICS = frozenset({AssetRegistered, AssetReclassified, AssetRetired})
    ERASURES = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "kind": "text",
        "asset_class": "text",
        "value": "integer",
        "asset_group": "text",
        "retired": "boolean",
    }
    DOCUMENT = AssetRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.asset_id]

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The erased asset, as it is and as it was known."""
        return [equal("key", recorded.event.subject)]

    def fold(self, key: str, document: AssetRow | None, recorded: Recorded[Any]) -> AssetRow | None:
        match recorded.event:
            case AssetRegistered() as event:
                return AssetRow(
                    asset_id=key,
                    kind=event.kind,
                    asset_class=event.asset_class,
                    value=event.value,
                    group=event.group,
                    name=event.name,
                    addresses=event.addresses,
                    owner=event.owner,
                    business_context=event.business_context,
                    external_id=event.external_id,
                    indexes=(event.name_index, *event.address_indexes),
                    retired=False,
                    registered_at=document.registered_at if document else recorded.recorded_at,
                )
            case AssetReclassified(asset_class=asset_class, value=value, group=group) if document:
                return document.model_copy(update={"asset_class": asset_class, "value": value, "group": group})
            case SubjectErased() if document:
                return document.model_copy(update={"indexes": ()})
            case AssetRetired() if document:
                return document.model_copy(update={"retired": True})
            case _:
                return document

    def columns(self, document: AssetRow) -> Mapping[str, object]:
        return {
            "kind": document.kind.value,
            "asset_class": document.asset_class.value,
            "value": document.value,
            "asset_group": document.group,
            "retired": document.retired,
        }
