"""Gives each batch's hits to the tenant's correlations, in the append that records the batch.

The windows are held in memory as they stand at a version of the tenant's stream of correlated batches. A batch is tried
on them and appended at that version; when the append does not hold, or another process was faster, they are thrown away
or brought up to date from the hits that lie in the object store (ADR 0019).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from contracts.ids import TenantId
from infra.event_store.handler import Unit
from infra.event_store.repository import Loaded
from infra.object_store.port import ObjectStore
from services.detections.application.aggregates import CORRELATION
from services.detections.config import MAX_HITS_CORRELATED, MAX_TENANTS_CORRELATED
from services.detections.domain.analysis import Analysis
from services.detections.domain.commands import IngestBatch
from services.detections.domain.correlation.batches import (
    CorrelatedBatches,
    correlate,
    moment_of,
    read,
    stream_of,
    written,
)
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.detected import group_of, key_of
from services.detections.domain.correlation.hits import Firing
from services.detections.domain.grouping import Group


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant's windows, of which correlations, at which version of its stream, with room for how many hits."""

    digest: str
    version: int
    correlator: Correlator
    room: int = 0


class Correlating:
    """The batches of one tenant come one after the other (`Ingest` sees to it within a process)."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._standing: OrderedDict[TenantId, Standing] = OrderedDict()
        self._tried: dict[TenantId, Standing] = {}
        self._room = 0

    async def take(self, unit: Unit, command: IngestBatch, analysis: Analysis) -> list[Group]:
        """Appends what the batch gives to the windows, and returns the groups of what fired.

        Raises ObjectStoreFull, ObjectMissing, StoreUnavailable.
        """
        tenant_id = command.tenant_id
        self._tried.pop(tenant_id, None)
        if not analysis.hits:
            return []
        correlations = analysis.rules.correlations
        for hit in analysis.hits:
            hit.batch = command.sha256
        loaded = await unit.load(CORRELATION, stream_of(tenant_id))
        correlator = await self._at(tenant_id, loaded, correlations)
        carried = None
        if loaded.state.full:
            held = await asyncio.to_thread(lambda: written(correlator.remembered()))
            carried = (await self._objects.put(tenant_id, held)).sha256
        hits = await self._objects.put(tenant_id, written(analysis.hits))
        firings = await asyncio.to_thread(correlator.take, analysis.hits)
        event = correlate(
            command.batch_id, command.sensor_id, analysis.hits, hits.sha256, carried, correlator.take_losses()
        )
        unit.append(loaded, [event])
        self._tried[tenant_id] = Standing(correlations.digest, loaded.version + 1, correlator, correlator.room)
        return _groups(firings, analysis)

    def keep(self, tenant_id: TenantId) -> None:
        """The append held: the windows stand at its version."""
        tried = self._tried.pop(tenant_id, None)
        if tried is None:
            return
        self._standing[tenant_id] = tried
        self._room += tried.room
        # The latest stays in any case: its next batch is likely the next of all.
        while len(self._standing) > 1 and self._crowded:
            _, forgotten = self._standing.popitem(last=False)
            self._room -= forgotten.room

    @property
    def _crowded(self) -> bool:
        return len(self._standing) > MAX_TENANTS_CORRELATED or self._room > MAX_HITS_CORRELATED

    async def _at(
        self, tenant_id: TenantId, loaded: Loaded[CorrelatedBatches], correlations: Correlations
    ) -> Correlator:
        """The windows as they stand at the loaded version, taken out of the memory until the append has held."""
        standing = self._standing.pop(tenant_id, None)
        self._room -= standing.room if standing is not None else 0
        oldest = loaded.state.batches[0].version if loaded.state.batches else loaded.version + 1
        if standing is None or standing.digest != correlations.digest or standing.version < oldest - 1:
            correlator, missing = Correlator(correlations.rules), loaded.state.objects
        else:
            correlator = standing.correlator
            missing = tuple(each.hits_sha256 for each in loaded.state.batches if each.version > standing.version)
        for sha256 in missing:
            content = await self._objects.get(tenant_id, sha256)
            await asyncio.to_thread(_take_again, correlator, content)
        correlator.take_losses()
        return correlator


def _take_again(correlator: Correlator, content: bytes) -> None:
    correlator.take(read(content))


def _groups(firings: list[Firing], analysis: Analysis) -> list[Group]:
    groups: dict[tuple[str, tuple[str, ...], int], Group] = {}
    correlations = analysis.rules.correlations
    for firing in firings:
        correlation = firing.correlation
        if correlation.rule_id in correlations.silent or _passed_over(firing, analysis):
            continue
        key = key_of(firing)
        fired = analysis.rules.fired(correlation)
        groups[key] = group_of(groups.get(key), firing, fired, analysis.index, correlations.titles)
    return list(groups.values())


def _passed_over(firing: Firing, analysis: Analysis) -> bool:
    """Whether the tenant excepts the correlation, or a suppression hides what fired; if so it is counted.

    A suppression of a correlation may ask for the fields that it groups by, and where its last hit happened.
    """
    moment = moment_of(firing.at)
    if analysis.excepted.takes(firing.correlation.rule_id, moment, len(firing.hits)):
        return True
    fields = dict(zip(firing.correlation.group_by, firing.group, strict=True))
    rule_id = firing.correlation.rule_id
    suppression_id = analysis.hiding.hides(rule_id, fields, firing.hits[-1].place[:3], moment)
    if suppression_id is not None:
        analysis.hidden.add(suppression_id, rule_id, moment, len(firing.hits))
    return suppression_id is not None
