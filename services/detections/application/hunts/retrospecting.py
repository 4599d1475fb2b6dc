"""Turns a hunt's hits into detections: in the groups that live activity has, each record once, marked as found late."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import Unit
from infra.event_store.repository import Loaded, Repository
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from services.detections.application.aggregates import DETECTION, EXPECTATIONS, HUNT, RULE_EXCEPTIONS, SUPPRESSIONS
from services.detections.application.intelligence.watching import Watching
from services.detections.application.raising import AssetLookup, Bringer, Raising, detection_id_of
from services.detections.application.suppressing import Suppressing
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import MAX_DETECTIONS_PER_HUNT, MAX_GENERATIONS
from services.detections.domain import detection, expected, rule_exception, suppression
from services.detections.domain.correlation import hits as correlation_hits
from services.detections.domain.correlation.batches import moment_of
from services.detections.domain.correlation.detected import group_key_of, group_of
from services.detections.domain.correlation.hunted import Correlated, Standing, identity_of
from services.detections.domain.grouping import Group, Grouping
from services.detections.domain.retrospection import Hit, contributors, read, written
from services.detections.domain.rule_exception import Excepted, RuleExceptions
from services.detections.domain.suppression import Suppressions


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
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    def has(self, key: str, hit: correlation_hits.Hit) -> bool:
        """Whether a correlation has counted it."""
        moment = moment_of(hit.at)
        return (key, identity_of(hit)) in self.records or any(first <= moment <= last for first, last in self.spans)


@dataclass(slots=True)
class _Asking:
    """What is being asked about: groups of records, groups that correlations joined (by key), and what has counted."""

    standing: Standing
    index: TenantIndex
    grouping: Grouping = field(init=False)
    joined: dict[str, Group] = field(default_factory=dict)
    counting: list[tuple[str, str]] = field(default_factory=list)
    counted: dict[str, _Counted] = field(default_factory=dict)
    known: int = 0
    hidden: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        self.grouping = Grouping(self.index)

    @property
    def groups(self) -> list[Group]:
        return [*self.grouping, *self.joined.values()]


@dataclass(frozen=True, slots=True)
class Retrospecting:
    repository: Repository
    objects: ObjectStore
    keys: KeyStore
    assets: AssetLookup
    suppressing: Suppressing
    watching: Watching

    async def standing(self, call: Call) -> Standing:
        """What holds records back when a hunt is made. Raises StoreUnavailable."""
        suppressions = await self.repository.load(call.tenant_id, SUPPRESSIONS, suppression.stream_of(call.tenant_id))
        exceptions = await self.repository.load(
            call.tenant_id, RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id)
        )
        return await self._standing_of(call, suppressions, exceptions)

    async def append(
        self, unit: Unit, call: Call, hunt_id: str, hits: Sequence[Hit], correlated: Sequence[Correlated]
    ) -> Retrospect:
        """Raises or adds to detections in the unit. Raises BatchRaisesTooMuch, ObjectMissing, StoreUnavailable."""
        index = TenantIndex(await self.keys.search_key(call.tenant_id))
        suppressions = await unit.load(SUPPRESSIONS, suppression.stream_of(call.tenant_id))
        exceptions = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(call.tenant_id))
        unit.require(suppressions)
        unit.require(exceptions)
        asking = _Asking(await self._standing_of(call, suppressions, exceptions), index)
        await self._sort_records(unit, call.tenant_id, hits, asking)
        await self._sort_correlated(unit, call.tenant_id, correlated, asking)
        memories = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
        unit.require(memories)
        asked, seen = expected.part_expected(memories.state, asking.groups, call.now)
        hidden = asking.hidden + sum(each.hits for each in seen)
        if not asked:
            return Retrospect(known=asking.known, hidden=hidden, left=asking.left)
        keys = {group.key for group in asked}
        counting = (each for each in asking.counting if each[0] in keys)
        reference = await self.objects.put(call.tenant_id, written(counting))
        bringer = Bringer(hunt_id, is_hunt=True)
        raising = Raising(call.tenant_id, bringer, index, self.assets, self.watching.weights, call.now)
        detection_ids = await raising.append(unit, asked)
        return Retrospect(tuple(detection_ids), reference.sha256, asking.known, hidden, asking.left)

    async def _standing_of(
        self, call: Call, suppressions: Loaded[Suppressions], exceptions: Loaded[RuleExceptions]
    ) -> Standing:
        hiding = await self.suppressing.hiding(call, suppressions)
        return Standing(hiding, Excepted(exceptions.state.at(call.now)))

    async def _sort_records(self, unit: Unit, tenant_id: TenantId, hits: Sequence[Hit], asking: "_Asking") -> None:
        batches: dict[str, set[str]] = defaultdict(set)
        first: dict[str, Hit] = {}
        for hit in hits:
            batches[hit.identity].add(hit.batch_sha256)
            first.setdefault(hit.identity, hit)
        matched = [(each, match) for each in first.values() for match in each.matches]
        for hit, match in matched:
            if asking.standing.holds_back(match.fired.rule.rule_id, hit.record):
                asking.hidden += 1
                continue
            key = asking.grouping.key_of(hit.record, match.fired, hit.moment)
            before = await self._counted_once(unit, tenant_id, key, asking)
            if batches[hit.identity] & before.batches or (key, hit.identity) in before.records:
                asking.known += 1
            elif not asking.grouping.has_room_for(key, MAX_DETECTIONS_PER_HUNT):
                asking.left += 1
            else:
                asking.grouping.add(
                    hit.record,
                    match.fired,
                    hit.moment,
                    sensor_id=hit.sensor_id,
                    batch=hit.batch_sha256,
                    observed=match.observed,
                )
                asking.counting.append((key, hit.identity))

    async def _sort_correlated(
        self, unit: Unit, tenant_id: TenantId, correlated: Sequence[Correlated], asking: "_Asking"
    ) -> None:
        for each in correlated:
            firing = each.firing
            if asking.standing.holds_back_firing(firing):
                asking.hidden += len(firing.hits)
                continue
            key = group_key_of(firing, asking.index)
            before = await self._counted_once(unit, tenant_id, key, asking)
            new = tuple(hit for hit in firing.hits if not before.has(key, hit))
            asking.known += len(firing.hits) - len(new)
            if not new:
                continue
            if key not in asking.joined and len(asking.joined) >= MAX_DETECTIONS_PER_HUNT:
                asking.left += len(new)
                continue
            group = group_of(asking.joined.get(key), firing._replace(hits=new), each.fired, asking.index, each.titles)
            group.sensor_id = group.sensor_id or each.sensor_id
            asking.joined[key] = group
            before.records |= {(key, identity_of(hit)) for hit in new}
            asking.counting += [(key, identity_of(hit)) for hit in new]

    async def _counted_once(self, unit: Unit, tenant_id: TenantId, key: str, asking: "_Asking") -> "_Counted":
        if key not in asking.counted:
            asking.counted[key] = await self._counted(unit, tenant_id, key)
        return asking.counted[key]

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
            counted.spans += found.spans
            for hunt_id in found.hunts:
                hits_sha256 = (await unit.load(HUNT, hunt_id)).state.hits_sha256
                if hits_sha256 is not None:
                    kept = read(await self.objects.get(tenant_id, hits_sha256))
                    counted.records |= {each for each in kept if each[0] == key}
        return counted
