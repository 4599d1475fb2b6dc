"""Sends batches, a few at a time, and adds up what became of them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tenet.detections.v1 import telemetry_ingest_pb2 as ingest

from infra.cli.batches import Batch, Format
from infra.cli.problems import Problem
from infra.cli.session import Session
from infra.grpc.status import RemoteError

IN_FLIGHT = 2
"""Batches that are under way at once; a service takes one of a sensor at a time, the next is read meanwhile."""
BATCH_DEADLINE_SECONDS = 300.0
TOO_MUCH = "BATCH_RAISES_TOO_MUCH"
SAMPLE_CHARACTERS = 160
OVER_QUOTA = "QUOTA_EXCEEDED"
MAX_QUOTA_WAITS = 100
"""How often one batch waits for its tenant's quota, for as long as the service says, before it is given up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a record that was put aside."""

    reason: str
    head: bytes

    @property
    def shown(self) -> str:
        """As text for a person, without anything that would move a terminal."""
        return ascii(self.head[:SAMPLE_CHARACTERS].decode("utf-8", "replace"))[1:-1]


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
    samples: list[Sample] = field(default_factory=list)
    """One unreadable record of each reason."""

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
        known = {each.reason for each in self.samples}
        self.samples += [Sample(each.reason, each.head) for each in receipt.samples if each.reason not in known]

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


@dataclass(frozen=True, slots=True)
class Sending:
    """Where batches go and how they are written. `mapping` is the text of a declared mapping, in place of a format."""

    tenant_id: str
    sensor_id: str
    stated: Format = Format.AUTOMATIC
    mapping: bytes = b""

    def request(self, batch: Batch) -> ingest.IngestBatchRequest:
        message = ingest.Batch(
            batch_id=batch.batch_id,
            sensor_id=self.sensor_id,
            format=self.stated.wire,
            content=batch.content,
            first_record=batch.first_record,
            mapping=self.mapping,
        )
        return ingest.IngestBatchRequest(tenant_id=self.tenant_id, batch=message)


async def send_batches(
    session: Session,
    sending: Sending,
    batches: Iterator[Batch],
    totals: Totals,
    taken: Callable[[Batch], None] = lambda _batch: None,
) -> None:
    """Sends them in order. `taken` is told of each that is durable. Raises RemoteError, and what reading raises."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            if len(under_way) >= IN_FLIGHT:
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*done)
            under_way.add(asyncio.create_task(_send(session, sending, batch, totals, taken)))
        for task in list(under_way):
            await task
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _send(
    session: Session, sending: Sending, batch: Batch, totals: Totals, taken: Callable[[Batch], None]
) -> None:
    try:
        answer = await _within_quota(session, sending, batch)
    except RemoteError as error:
        halves = batch.halves() if error.reason == TOO_MUCH else None
        if halves is None:
            raise
        for half in halves:
            await _send(session, sending, half, totals, taken)
        return
    totals.add(answer)
    taken(batch)


async def _within_quota(session: Session, sending: Sending, batch: Batch) -> ingest.IngestBatchResponse:
    """Waits while the tenant is over its quota. Raises Problem when that does not end, and RemoteError."""
    for _ in range(MAX_QUOTA_WAITS):
        try:
            return await session.ask(
                sending.request(batch), ingest.IngestBatchResponse, deadline=BATCH_DEADLINE_SECONDS
            )
        except RemoteError as error:
            if error.reason != OVER_QUOTA:
                raise
            await asyncio.sleep(float(error.metadata.get("retry_after_seconds", "1")))
    raise Problem(
        OVER_QUOTA, "The tenant stays over its quota.", hint="what was sent stands; send the same again later."
    )
