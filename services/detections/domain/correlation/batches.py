"""Which batches a tenant's windows are made of: one stream per tenant, one event per batch that has hits.

The stream orders the batches of all sensors, and a batch is decided on its version, so every process sees the same hits
in the same order. After a restart the windows are built again from the objects that the events name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

import orjson

from contracts.events.base import Recorded
from contracts.events.detections import CorrelationLoss, HitsCorrelated
from contracts.ids import TenantId, derive_id
from services.detections.config import MAX_CORRELATED_BATCHES
from services.detections.domain.correlation.hits import Hit, Losses

CATEGORY = "correlation"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CorrelatedBatch:
    """`version` is its event's in the stream."""

    version: int
    hits_sha256: str


@dataclass(frozen=True, slots=True)
class CorrelatedBatches:
    """The batches since the hits that windows held were last put by together (`carried_sha256`), oldest first."""

    carried_sha256: str | None = None
    batches: tuple[CorrelatedBatch, ...] = ()

    @property
    def full(self) -> bool:
        return len(self.batches) >= MAX_CORRELATED_BATCHES

    @property
    def objects(self) -> tuple[str, ...]:
        """What windows are built again from, in order."""
        return (*([self.carried_sha256] if self.carried_sha256 else []), *(each.hits_sha256 for each in self.batches))


def stream_of(tenant_id: TenantId) -> str:
    return derive_id(CATEGORY, tenant_id)


def initial() -> CorrelatedBatches:
    return CorrelatedBatches()


def evolve(state: CorrelatedBatches, recorded: Recorded[HitsCorrelated]) -> CorrelatedBatches:
    event = recorded.event
    match event:
        case HitsCorrelated():
            batch = CorrelatedBatch(recorded.envelope.version, event.hits_sha256)
            if event.carried_sha256 is not None:
                return CorrelatedBatches(event.carried_sha256, (batch,))
            return CorrelatedBatches(state.carried_sha256, (*state.batches, batch))
        case _:
            assert_never(event)


def correlate(
    batch_id: str,
    sensor_id: str,
    hits: list[Hit],
    hits_sha256: str,
    carried_sha256: str | None,
    losses: Mapping[str, Losses],
) -> HitsCorrelated:
    return HitsCorrelated(
        batch_id=batch_id,
        sensor_id=sensor_id,
        hits=len(hits),
        hits_sha256=hits_sha256,
        carried_sha256=carried_sha256,
        first_hit_at=moment_of(min(hit.at for hit in hits)),
        last_hit_at=moment_of(max(hit.at for hit in hits)),
        losses=tuple(
            CorrelationLoss(
                rule_id=rule_id,
                late=each.late,
                ungrouped=each.ungrouped,
                crowded_out=each.crowded_out,
                forgotten=each.forgotten,
            )
            for rule_id, each in losses.items()
        ),
    )


def moment_of(at: int) -> datetime:
    """From microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at)


def microseconds_of(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def written(hits: Iterable[Hit]) -> bytes:
    """Hits as an object: one JSON array a line."""
    return b"".join(
        orjson.dumps([hit.rule_id, hit.key.hex(), hit.at, hit.values, hit.batch, hit.offset, hit.place]) + b"\n"
        for hit in hits
    )


def read(content: bytes) -> list[Hit]:
    hits: list[Hit] = []
    for line in content.splitlines():
        rule_id, key, at, values, batch, offset, place = orjson.loads(line)
        hits.append(Hit(rule_id, bytes.fromhex(key), at, values, batch, offset, tuple(place)))
    return hits
