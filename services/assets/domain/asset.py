"""An asset: registered under its kind and name, classified by what the business uses it for, retired at its end.

Its identifier follows from tenant, kind and the blind index of its name, so that registering the same thing twice meets
the same stream and is refused in the append itself, however many ask at once.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.events.assets import AssetClass, AssetKind, AssetReclassified, AssetRegistered, AssetRetired
from contracts.events.base import Recorded, Sealed
from contracts.ids import TenantId, derive_id
from services.assets.domain.commands import AssetIndexes, ReclassifyAsset, RegisterAsset, RetireAsset
from services.assets.domain.errors import AssetAlreadyRegistered, AssetRetiredAlready, AssetUnknown

CATEGORY = "asset"

AssetEvent = AssetRegistered | AssetReclassified | AssetRetired


@dataclass(frozen=True, slots=True)
class Asset:
    """What decisions need to know of an asset. `asset_id` is empty before the registration."""

    asset_id: str = ""
    asset_class: AssetClass = AssetClass.UNCLASSIFIED
    value: int = 0
    group: str = ""
    retired: bool = False

    @property
    def live(self) -> bool:
        return bool(self.asset_id) and not self.retired


def asset_id_for(tenant_id: TenantId, kind: AssetKind, indexes: AssetIndexes) -> str:
    return derive_id("asset", tenant_id, kind, indexes.name)


def evolve(state: Asset, recorded: Recorded[AssetEvent]) -> Asset:
    match recorded.event:
        case AssetRegistered() as event:
            return Asset(event.asset_id, event.asset_class, event.value, event.group)
        case AssetReclassified() as event:
            return replace(state, asset_class=event.asset_class, value=event.value, group=event.group)
        case AssetRetired():
            return replace(state, retired=True)
        case event:
            assert_never(event)


def register(state: Asset, command: RegisterAsset, asset_id: str, indexes: AssetIndexes) -> list[AssetEvent]:
    """Raises AssetAlreadyRegistered. A retired asset comes back as itself."""
    if state.live:
        raise AssetAlreadyRegistered(asset_id)
    owner_subject = derive_id("person", command.tenant_id, indexes.owner) if indexes.owner else asset_id
    return [
        AssetRegistered(
            asset_id=asset_id,
            kind=command.kind,
            asset_class=command.asset_class,
            value=command.value,
            group=command.group,
            name=Sealed.of(command.name, subject=asset_id),
            addresses=tuple(Sealed.of(address, subject=asset_id) for address in command.addresses),
            owner=_sealed(command.owner, owner_subject),
            business_context=_sealed(command.business_context, asset_id),
            name_index=indexes.name,
            address_indexes=indexes.addresses,
            external_id=_sealed(command.external_id, asset_id),
            external_id_index=indexes.external_id,
        )
    ]


def reclassify(state: Asset, command: ReclassifyAsset) -> list[AssetEvent]:
    """Nothing when it is classified so already. Raises AssetUnknown, AssetRetiredAlready."""
    _require_live(state, command.asset_id)
    if (state.asset_class, state.value, state.group) == (command.asset_class, command.value, command.group):
        return []
    return [
        AssetReclassified(
            asset_id=command.asset_id,
            asset_class=command.asset_class,
            value=command.value,
            group=command.group,
            reason=Sealed.of(command.reason, subject=command.asset_id),
        )
    ]


def retire(state: Asset, command: RetireAsset) -> list[AssetEvent]:
    """Raises AssetUnknown, AssetRetiredAlready."""
    _require_live(state, command.asset_id)
    return [AssetRetired(asset_id=command.asset_id, reason=Sealed.of(command.reason, subject=command.asset_id))]


def _require_live(state: Asset, asset_id: str) -> None:
    if not state.asset_id:
        raise AssetUnknown(asset_id)
    if state.retired:
        raise AssetRetiredAlready(asset_id)


def _sealed(text: str | None, subject: str) -> Sealed | None:
    return Sealed.of(text, subject=subject) if text else None
