"""Sends batches, a few at a time, and adds up what became of them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tenet.detections.v1 import telemetry_ingest_pb2 as ingest

from infra.cli.batches import Batch, Format
from infra.cli.session import Session
from infra.grpc.status import RemoteError

IN_FLIGHT = 2
"""Batches that are under way at once; a service takes one of a sensor at a time, the next is read meanwhile."""
BATCH_DEADLINE_SECONDS = 300.0
TOO_MUCH = "BATCH_RAISES_TOO_MUCH"


@dataclass(slots=True)
class Totals:
    """records = accepted + repeated + put aside."""

    batches: int = 0
    records: int = 0
    accepted: int = 0
    repeated: int = 0
    skewed: int = 0
    raised: int = 0
    joined: int = 0
    put_aside: Counter[str] = field(default_factory=Counter)

    def add(self, answer: ingest.IngestBatchResponse) -> None:
        receipt = answer.receipt
        self.batches += 1
        self.records += receipt.records
        self.accepted += receipt.accepted
        self.repeated += receipt.repeated
        self.skewed += receipt.skewed
        self.raised += receipt.raised
        self.joined += receipt.joined
        self.put_aside.update({item.reason: item.records for item in receipt.put_aside})

    def sentence(self) -> str:
        parts = [f"{_count(self.records, 'record')} in {_count(self.batches, 'batch', 'batches')}"]
        if self.repeated:
            parts.append(f"{self.repeated:,} of them were there already")
        aside = ", ".join(f"{count:,} {reason}" for reason, count in self.put_aside.most_common())
        if aside:
            parts.append(f"put aside: {aside}")
        if self.skewed:
            parts.append(f"{self.skewed:,} with a clock that is not believed")
        parts.append(f"{_count(self.raised, 'detection')} raised, {_count(self.joined, 'time')} added to")
        return "; ".join(parts)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


async def send_batches(
    session: Session,
    tenant_id: str,
    sensor_id: str,
    batches: Iterator[Batch],
    stated: Format,
    totals: Totals,
    taken: Callable[[Batch], None] = lambda _batch: None,
) -> None:
    """Sends them in order. `taken` is told of each that is durable. Raises RemoteError, and what reading raises."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            if len(under_way) >= IN_FLIGHT:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            sending = _send(session, tenant_id, sensor_id, batch, stated, totals, taken)
            under_way.add(asyncio.create_task(sending))
        for task in list(under_way):
            await task
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _send(
    session: Session,
    tenant_id: str,
    sensor_id: str,
    batch: Batch,
    stated: Format,
    totals: Totals,
    taken: Callable[[Batch], None],
) -> None:
    message = ingest.Batch(batch_id=batch.batch_id, sensor_id=sensor_id, format=stated.wire, content=batch.content)
    request = ingest.IngestBatchRequest(tenant_id=tenant_id, batch=message)
    try:
        answer = await session.ask(request, ingest.IngestBatchResponse, deadline=BATCH_DEADLINE_SECONDS)
    except RemoteError as error:
        halves = batch.halves() if error.reason == TOO_MUCH else None
        if halves is None:
            raise
        for half in halves:
            await _send(session, tenant_id, sensor_id, half, stated, totals, taken)
        return
    totals.add(answer)
    taken(batch)
