"""Turns the groups of a batch, or of a hunt, into detections: raised once, then repeated.

A group's detection has an id that follows from the group's identity and a generation. The first generation that does
not exist is raised; one that exists and was never judged is added to; one that was judged is passed over, so that a
resolved group does not swallow new activity. Two processes that raise the same group at once claim the same stream, so
one of them conflicts, decides again and adds to the other's.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.events.base import Event, Interval, Sealed
from contracts.events.detections import DetectionFoundByHunt, DetectionRaised
from contracts.events.subjects import Evidence
from contracts.ids import TenantId, derive_id
from contracts.labels import Label
from infra.event_store.handler import Unit
from infra.event_store.repository import Loaded
from services.detections.application.aggregates import DETECTION, SIGHTING_SHARING
from services.detections.config import MAX_GENERATIONS
from services.detections.domain import detection
from services.detections.domain.description import headline
from services.detections.domain.errors import BatchRaisesTooMuch
from services.detections.domain.grouping import BlindIndex, Group
from services.detections.domain.intelligence import sightings, technique_weights
from services.detections.domain.intelligence.indicators import strictest
from services.detections.domain.intelligence.sightings import Sharing
from services.detections.domain.intelligence.technique_weights import TechniqueWeights
from services.detections.domain.priority import Exposure, furthest


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """A registered asset, its business value, 1 to 5, and from where its weaknesses can be reached; None: unknown."""

    asset_id: str
    value: int
    exposure: Exposure | None = None


class AssetLookup(Protocol):
    async def find(self, tenant_id: TenantId, indexes: Iterable[str]) -> Mapping[str, Sequence[KnownAsset]]:
        """The assets registered under each of these blind indexes; an index without any is left out."""
        ...


def detection_id_of(tenant_id: TenantId, group_key: str, generation: int) -> str:
    return derive_id("detection", tenant_id, group_key, generation)


@dataclass(frozen=True, slots=True)
class Bringer:
    """What brought the activity: a sensor's batch with the hash of its bytes, or a hunt, which is no one sensor's."""

    id: str
    sensor_id: str = ""
    sha256: str = ""
    is_hunt: bool = False


@dataclass(frozen=True, slots=True)
class Raising:
    """The detections of one batch or hunt in the making."""

    tenant_id: TenantId
    bringer: Bringer
    index: BlindIndex
    assets: AssetLookup
    weights: TechniqueWeights
    now: datetime

    async def append(self, unit: Unit, groups: Sequence[Group]) -> list[str]:
        """The detections that are raised or added to; those of a hunt are marked as found by it.

        Raises BatchRaisesTooMuch when a group was judged too often within its window.
        """
        if not groups:
            return []
        known = await self._assets_of(groups)
        sharing = (await unit.load(SIGHTING_SHARING, sightings.stream_of(self.tenant_id))).state
        loaded = await asyncio.gather(*(self._joinable(unit, group) for group in groups))
        for group, stream in zip(groups, loaded, strict=True):
            happened = group.first if group.first == group.last else Interval(group.first, group.last)
            events = [self._event(group, stream, known[group.key], sharing), *self._mark(group, stream)]
            unit.append(stream, events, happened)
            if isinstance(events[0], DetectionRaised) and events[0].technique is not None:
                unit.cite(technique_weights.fact_of(events[0].technique))
        return [str(stream.stream) for stream in loaded]

    def _mark(self, group: Group, loaded: Loaded[detection.Detection]) -> list[DetectionFoundByHunt]:
        if not self.bringer.is_hunt:
            return []
        return [DetectionFoundByHunt(detection_id=str(loaded.stream), hunt_id=self.bringer.id, count=group.count)]

    async def _joinable(self, unit: Unit, group: Group) -> Loaded[detection.Detection]:
        for generation in range(MAX_GENERATIONS):
            loaded = await unit.load(DETECTION, detection_id_of(self.tenant_id, group.key, generation))
            if not loaded.state.judged:
                return loaded
        raise BatchRaisesTooMuch(
            "The same activity was judged and came back too often within one window.",
            metadata={"limit": str(MAX_GENERATIONS)},
        )

    def _event(
        self, group: Group, loaded: Loaded[detection.Detection], assets: Sequence[KnownAsset], sharing: Sharing
    ) -> Event:
        detection_id = str(loaded.stream)  # A stream of one opaque identifier is named by it.
        subject = self._subject(group, assets)
        evidence = self._evidence(detection_id, group, subject)
        if loaded.state.exists:
            return detection.repeat(loaded.state, self.bringer.id, group.count, group.first, group.last, evidence[:1])
        return self._raised(detection_id, group, assets, subject, evidence, sharing)

    def _raised(
        self,
        detection_id: str,
        group: Group,
        assets: Sequence[KnownAsset],
        subject: str,
        evidence: tuple[Evidence, ...],
        sharing: Sharing,
    ) -> DetectionRaised:
        place = group.place
        title = headline(
            group.fired.rule.title,
            place.host,
            place.address,
            place.account,
            place.source_address,
            place.destination_address,
        )
        return DetectionRaised(
            detection_id=detection_id,
            rule=group.fired.rule,
            source=group.source,
            severity_id=group.fired.severity_id,
            techniques=group.fired.techniques,
            asset_ids=tuple(asset.asset_id for asset in assets),
            asset_value=max((asset.value for asset in assets), default=None),
            sensor_id=group.sensor_id or self.bringer.sensor_id,
            group_key=group.key,
            first_seen_at=group.first,
            last_seen_at=group.last,
            count=group.count,
            headline=Sealed.of(title, subject=subject),
            observables=tuple(Sealed.of(text, subject=subject) for text in group.samples[0].description.observables),
            evidence=evidence,
            label=_label_of(group),
            kind=group.fired.kind,
            identity=group.identity,
            indicator=group.fired.indicator,
            sightings=sharing.known_of(group.fired.rule.rule_id, self.now),
            exposure=furthest(asset.exposure for asset in assets if asset.exposure is not None),
            technique=self.weights.heaviest(group.fired.techniques),
        )

    def _evidence(self, detection_id: str, group: Group, subject: str) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(
                id=derive_id("evidence", detection_id, sample.batch or self.bringer.sha256, sample.offset),
                label=_label_of(group),
                summary=Sealed.of(sample.description.summary, subject=subject),
                sha256=sample.batch or self.bringer.sha256,
                offset=sample.offset,
            )
            for sample in group.samples
        )

    def _subject(self, group: Group, assets: Sequence[KnownAsset]) -> str:
        """Whose key seals the texts: the account's or else the host's, by registered asset or by blind index."""
        if assets:
            return assets[0].asset_id
        place = group.place
        if place.account:
            return derive_id("subject", self.index.name(place.account))
        return derive_id("subject", self.index.name(place.host) if place.host else self.index.address(place.address))

    async def _assets_of(self, groups: Sequence[Group]) -> dict[str, list[KnownAsset]]:
        """For each group the assets involved, the one of the highest value first."""
        indexes = {
            group.key: [
                *(self.index.name(name) for name in group.place.names),
                *(self.index.address(address) for address in group.place.addresses),
            ]
            for group in groups
        }
        found = await self.assets.find(self.tenant_id, {index for each in indexes.values() for index in each})
        involved: dict[str, list[KnownAsset]] = {}
        for key, wanted in indexes.items():
            assets = {asset.asset_id: asset for index in wanted for asset in found.get(index, ())}
            involved[key] = sorted(assets.values(), key=lambda asset: (-asset.value, asset.asset_id))
        return involved


def _label_of(group: Group) -> Label:
    """What telemetry says is the customer's; an indicator may keep the circle narrower."""
    indicator = group.fired.indicator
    return Label.AMBER if indicator is None else strictest((Label.AMBER, indicator.label)) or Label.AMBER
