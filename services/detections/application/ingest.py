"""Takes telemetry: the bytes become durable, then one append holds the batch and every detection that it causes."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter, Histogram

from contracts.calls import Call
from contracts.errors import Conflict, RequestIdReused, TenetError
from contracts.events.detections import DetectionRaised, DetectionRepeated, TelemetryReceived
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Loaded, Repository
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from infra.telemetry import span
from infra.telemetry.metrics import LATENCY_BUCKETS
from services.detections.application.aggregates import TELEMETRY
from services.detections.application.deployed_rules import DeployedRules, Rules
from services.detections.application.raising import AssetLookup, Raising
from services.detections.application.record_window import RecordWindow
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import ANALYSIS_CHUNK_RECORDS, MAX_BATCH_BYTES, MAX_RECORDS_PER_BATCH
from services.detections.domain import telemetry
from services.detections.domain.analysis import Analysis
from services.detections.domain.commands import IngestBatch
from services.detections.domain.errors import BatchIdReused, BatchTooLarge
from services.detections.domain.formats.reading import BatchReading, Format
from services.detections.domain.formats.records import Record

INGEST = "/tenet.detections.v1.TelemetryIngestService/IngestBatch"
"""The name under which a batch's request is remembered, whichever RPC brought it."""

CONFLICT_ROUNDS = 8
CONFLICT_PAUSE_SECONDS = 0.05

RECORDS = Counter("tenet_telemetry_records_total", "Telemetry records by what became of them.", ("outcome",))
BATCH_SECONDS = Histogram(
    "tenet_telemetry_batch_seconds", "Time from a batch's arrival to its being durable.", buckets=LATENCY_BUCKETS
)
DETECTIONS = Counter("tenet_detections_total", "Detections by whether they were raised or joined.", ("outcome",))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as a sensor sent them. `batch_id` is the sensor's own and the same when it sends them again."""

    batch_id: str
    sensor_id: str
    format: Format
    content: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is durable. `raised` and `joined` count detections; `position` is that of the last entry."""

    batch_id: str
    sha256: str
    records: int
    accepted: int
    repeated: int
    put_aside: tuple[tuple[str, int], ...]
    skewed: int
    raised: int
    joined: int
    position: int


@dataclass(frozen=True, slots=True)
class IngestParts:
    """What taking a batch stands on."""

    handler: CommandHandler
    repository: Repository
    objects: ObjectStore
    keys: KeyStore
    window: RecordWindow
    assets: AssetLookup
    rules: DeployedRules
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "analysis"))
    """One thread judges records, a chunk at a time, so that sensors take turns and the event loop stays free."""


class Ingest:
    def __init__(self, parts: IngestParts) -> None:
        self._parts = parts
        self._sensors: WeakValueDictionary[tuple[TenantId, str], asyncio.Lock] = WeakValueDictionary()
        self._tenants: WeakValueDictionary[TenantId, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        self._parts.thread.shutdown(wait=True, cancel_futures=True)

    async def ingest_batch(self, call: Call, batch: Batch) -> Receipt:
        """Takes a batch once, however often it is sent.

        Raises BatchTooLarge, BatchIdReused, BatchRaisesTooMuch, ObjectStoreFull, StoreUnavailable: nothing was taken.
        """
        if len(batch.content) > MAX_BATCH_BYTES:
            raise BatchTooLarge(f"The batch has {len(batch.content)} bytes.", metadata={"limit": str(MAX_BATCH_BYTES)})
        command = IngestBatch(
            tenant_id=call.tenant_id,
            request_id=f"{batch.sensor_id}/{batch.batch_id}",
            batch_id=batch.batch_id,
            sensor_id=batch.sensor_id,
            format=batch.format.value,
            sha256=hashlib.sha256(batch.content).hexdigest(),
            bytes=len(batch.content),
        )
        # The request's identity is the batch's, so a repeat under another request id or RPC finds the first result.
        own = replace(call, rpc=INGEST, request_id=command.request_id)
        # Within this process a sensor's batches are judged one after the other, and a tenant's are appended one after
        # the other, because they often touch the same detections. Between processes the streams' versions decide.
        sensor = self._sensors.setdefault((call.tenant_id, batch.sensor_id), asyncio.Lock())
        tenant = self._tenants.setdefault(call.tenant_id, asyncio.Lock())
        with BATCH_SECONDS.time(), span("ingest_batch"):
            async with sensor:
                return await _Taking(self._parts, own, command, batch, tenant).run()


@dataclass(frozen=True, slots=True)
class _Judged:
    """A batch as judged on one version of the sensor's stream."""

    version: int
    oldest: int
    rules: Rules
    analysis: Analysis
    received: TelemetryReceived


class _Taking:
    """One batch on its way into the ledger."""

    def __init__(
        self, parts: IngestParts, call: Call, command: IngestBatch, batch: Batch, appending: asyncio.Lock
    ) -> None:
        self._parts, self._call, self._command, self._batch = parts, call, command, batch
        self._appending = appending
        self._judged: _Judged | None = None
        self._sent_before: telemetry.SentBatch | None = None

    async def run(self) -> Receipt:
        tenant_id = self._call.tenant_id
        await self._parts.objects.put(tenant_id, self._batch.content)
        loaded = await self._parts.repository.load(tenant_id, TELEMETRY, self._command.sensor_id)
        if telemetry.sent_before(loaded.state, self._command.batch_id, self._command.sha256) is None:
            self._judged = await self._judge(loaded)
        try:
            committed = await self._append()
        except RequestIdReused as error:
            metadata = {"batch_id": self._command.batch_id}
            raise BatchIdReused("This batch id came with other bytes before.", metadata=metadata) from error
        if self._sent_before is not None and not committed.recorded:
            return _receipt_of_repeat(self._sent_before)
        receipt = _receipt(committed)
        if self._judged is not None and not committed.replayed:
            _count(receipt)
            await self._remember(self._judged)
        return receipt

    async def _append(self) -> Committed:
        """Tries again when processes that work for the same tenant keep getting ahead of each other."""
        for attempt in range(CONFLICT_ROUNDS):
            try:
                async with self._appending:
                    return await self._parts.handler.handle(self._call, self._command, self._work)
            except Conflict:
                # Which of two processes pauses longer is left to chance, or they would meet again.
                await asyncio.sleep(CONFLICT_PAUSE_SECONDS * (attempt + 1) * (0.5 + secrets.randbelow(1000) / 1000))
        return await self._parts.handler.handle(self._call, self._command, self._work)

    async def _work(self, unit: Unit) -> None:
        loaded = await unit.load(TELEMETRY, self._command.sensor_id)
        self._sent_before = telemetry.sent_before(loaded.state, self._command.batch_id, self._command.sha256)
        if self._sent_before is not None:
            return
        judged = self._judged
        if judged is None or judged.version != loaded.version:
            judged = self._judged = await self._judge(loaded)
        for fact in judged.rules.facts:
            unit.cite(fact)
        unit.append(loaded, [judged.received])
        analysis = judged.analysis
        raising = Raising(self._call.tenant_id, self._command, analysis.index, self._parts.assets)
        await raising.append(unit, tuple(analysis.groups))

    async def _judge(self, loaded: Loaded[telemetry.Telemetry]) -> _Judged:
        """Reads and judges every record, knowing all that the sensor had sent at this version of its stream."""
        parts, tenant_id, sensor_id = self._parts, self._call.tenant_id, self._command.sensor_id
        await parts.window.catch_up(tenant_id, sensor_id, loaded.state, loaded.version)
        rules = parts.rules.current
        index = TenantIndex(await parts.keys.search_key(tenant_id))
        analysis = Analysis(rules.rule_set, index, self._call.now)
        reading = BatchReading(self._batch.content, self._batch.format)
        records = reading.records()
        loop = asyncio.get_running_loop()
        while chunk := await loop.run_in_executor(parts.thread, _take, records):
            keys = [record.key for record in chunk]
            seen = await parts.window.seen(tenant_id, sensor_id, keys) if loaded.version else set()
            await loop.run_in_executor(parts.thread, analysis.take, chunk, seen)
            if reading.total > MAX_RECORDS_PER_BATCH:
                break
        if reading.total > MAX_RECORDS_PER_BATCH:
            limit = str(MAX_RECORDS_PER_BATCH)
            raise BatchTooLarge("The batch holds too many records.", metadata={"limit": limit})
        samples = reading.samples()
        aside = (await parts.objects.put(tenant_id, samples)).sha256 if samples else None
        put_aside = {reason.value: count for reason, count in reading.put_aside.items()}
        return _Judged(
            loaded.version,
            loaded.state.oldest,
            rules,
            analysis,
            analysis.received(self._command, put_aside, aside),
        )

    async def _remember(self, judged: _Judged) -> None:
        """A failure here costs nothing but time: the next batch of this sensor fills the window from the ledger."""
        try:
            await self._parts.window.remember(
                self._call.tenant_id,
                self._command.sensor_id,
                judged.version + 1,
                judged.analysis.keys,
                oldest=judged.oldest,
            )
        except TenetError as error:
            log.warning("record_window_not_filled", sensor=self._command.sensor_id, reason=error.reason)


def _take(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, ANALYSIS_CHUNK_RECORDS))


def _count(receipt: Receipt) -> None:
    RECORDS.labels("accepted").inc(receipt.accepted)
    RECORDS.labels("repeated").inc(receipt.repeated)
    RECORDS.labels("put_aside").inc(sum(count for _, count in receipt.put_aside))
    DETECTIONS.labels("raised").inc(receipt.raised)
    DETECTIONS.labels("joined").inc(receipt.joined)


def _receipt(committed: Committed) -> Receipt:
    events = [recorded.event for recorded in committed.recorded]
    received = events[0]
    if not isinstance(received, TelemetryReceived):
        raise TypeError("a batch's first event says what was received")
    return Receipt(
        received.batch_id,
        received.sha256,
        received.records,
        received.accepted,
        received.repeated,
        tuple((item.reason, item.records) for item in received.put_aside),
        received.skewed,
        sum(isinstance(event, DetectionRaised) for event in events),
        sum(isinstance(event, DetectionRepeated) for event in events),
        committed.position,
    )


def _receipt_of_repeat(sent: telemetry.SentBatch) -> Receipt:
    """For a batch that came before from another principal: it brought nothing new."""
    return Receipt(sent.batch_id, sent.sha256, sent.records, 0, sent.records, (), 0, 0, 0, sent.position)
