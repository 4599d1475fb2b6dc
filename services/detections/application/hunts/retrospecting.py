"""Turns a hunt's hits into detections: in the groups that live activity has, each record once, marked as found late."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import Unit
from infra.event_store.repository import Repository
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from services.detections.application.aggregates import DETECTION, EXPECTATIONS, HUNT, RULE_EXCEPTIONS, SUPPRESSIONS
from services.detections.application.raising import AssetLookup, Bringer, Raising, detection_id_of
from services.detections.application.suppressing import Suppressing
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import MAX_DETECTIONS_PER_HUNT, MAX_GENERATIONS
from services.detections.domain import detection, expected, rule_exception, suppression
from services.detections.domain.description import place_of
from services.detections.domain.grouping import Grouping
from services.detections.domain.matching import Match
from services.detections.domain.retrospection import Hit, contributors, read, written
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.suppression import Hiding


@dataclass(frozen=True, slots=True)
class Retrospect:
    """What came of the hits: `known` had counted before, `hidden` are kept back or expected, both by match.

    `left` of them found no room in this append; the same hunt again goes on with them.
    """

    detection_ids: tuple[str, ...] = ()
    hits_sha256: str | None = None
    known: int = 0
    hidden: int = 0
    left: int = 0


@dataclass(slots=True)
class _Counted:
    """Who has given to the detections of a group."""

    batches: set[str] = field(default_factory=set)
    records: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Retrospecting:
    repository: Repository
    objects: ObjectStore
    keys: KeyStore
    assets: AssetLookup
    suppressing: Suppressing

    async def append(self, unit: Unit, call: Call, hunt_id: str, hits: Sequence[Hit]) -> Retrospect:
        """Raises or adds to detections in the unit. Raises BatchRaisesTooMuch, ObjectMissing, StoreUnavailable."""
        index = TenantIndex(await self.keys.search_key(call.tenant_id))
        batches: dict[str, set[str]] = defaultdict(set)
        first: dict[str, Hit] = {}
        for hit in hits:
            batches[hit.identity].add(hit.batch_sha256)
            first.setdefault(hit.identity, hit)
        kept, hidden = await self._kept(unit, call, list(first.values()))
        grouping, counting = Grouping(index), list[tuple[str, Hit]]()
        counted: dict[str, _Counted] = {}
        known = left = 0
        for hit, match in kept:
            key = grouping.key_of(hit.record, match.fired, hit.moment)
            before = counted.get(key)
            if before is None:
                before = counted[key] = await self._counted(unit, call.tenant_id, key)
            if batches[hit.identity] & before.batches or (key, hit.identity) in before.records:
                known += 1
            elif not grouping.has_room_for(key, MAX_DETECTIONS_PER_HUNT):
                left += 1
            else:
                grouping.add(
                    hit.record,
                    match.fired,
                    hit.moment,
                    sensor_id=hit.sensor_id,
                    batch=hit.batch_sha256,
                    observed=match.observed,
                )
                counting.append((key, hit))
        memories = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
        unit.require(memories)
        asked, seen = expected.part_expected(memories.state, grouping, call.now)
        hidden += sum(each.hits for each in seen)
        if not asked:
            return Retrospect(known=known, hidden=hidden, left=left)
        keys = {group.key for group in asked}
        reference = await self.objects.put(call.tenant_id, written(each for each in counting if each[0] in keys))
        raising = Raising(call.tenant_id, Bringer(hunt_id, is_hunt=True), index, self.assets, call.now)
        detection_ids = await raising.append(unit, asked)
        return Retrospect(tuple(detection_ids), reference.sha256, known, hidden, left)

    async def _kept(self, unit: Unit, call: Call, hits: Sequence[Hit]) -> tuple[list[tuple[Hit, Match]], int]:
        """What nobody hides or excepts now, and how many matches somebody does."""
        suppressions = await unit.load(SUPPRESSIONS, suppression.stream_of(call.tenant_id))
        exceptions = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id))
        unit.require(suppressions)
        unit.require(exceptions)
        hiding = await self.suppressing.hiding(call, suppressions)
        excepted = Excepted(exceptions.state.at(call.now))
        kept: list[tuple[Hit, Match]] = []
        hidden = 0
        for hit in hits:
            for match in hit.matches:
                if _held_back(hit, match, hiding, excepted):
                    hidden += 1
                else:
                    kept.append((hit, match))
        return kept, hidden

    async def _counted(self, unit: Unit, tenant_id: TenantId, key: str) -> _Counted:
        """Over all detections that the group has had."""
        counted = _Counted()
        for generation in range(MAX_GENERATIONS):
            detection_id = detection_id_of(tenant_id, key, generation)
            # The unit loads it first: what its history shows beyond that is found out by the append.
            if not (await unit.load(DETECTION, detection_id)).state.exists:
                break
            found = contributors(await self.repository.history(tenant_id, detection.CATEGORY, detection_id))
            counted.batches |= found.batches
            for hunt_id in found.hunts:
                hits_sha256 = (await unit.load(HUNT, hunt_id)).state.hits_sha256
                if hits_sha256 is not None:
                    kept = read(await self.objects.get(tenant_id, hits_sha256))
                    counted.records |= {each for each in kept if each[0] == key}
        return counted


def _held_back(hit: Hit, match: Match, hiding: Hiding, excepted: Excepted) -> bool:
    rule_id, record = match.fired.rule.rule_id, hit.record
    if excepted.takes(rule_id, hit.moment):
        return True
    return hiding.hides(rule_id, record.fields, place_of(record)[:3], hit.moment) is not None
