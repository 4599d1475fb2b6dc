"""Takes telemetry: the bytes become durable, then one append holds the batch and every detection that it causes."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter, Histogram

from contracts.calls import Call
from contracts.errors import Conflict, RequestIdReused, TenetError
from contracts.events.detections import DetectionRaised, DetectionRepeated, ExpectedActivitySeen, TelemetryReceived
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Loaded, Repository
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from infra.telemetry import span
from infra.telemetry.metrics import LATENCY_BUCKETS
from services.detections.application.aggregates import EXPECTATIONS, RULE_EXCEPTIONS, SUPPRESSIONS, TELEMETRY
from services.detections.application.batch_clock import BatchClock
from services.detections.application.batch_readings import BatchReadings
from services.detections.application.correlating import Correlating
from services.detections.application.deployed_rules import DeployedRules, Rules
from services.detections.application.intelligence.watching import Watching
from services.detections.application.passages import Passage, Passages
from services.detections.application.quotas import Quotas
from services.detections.application.raising import AssetLookup, Bringer, Raising
from services.detections.application.record_window import RecordWindow
from services.detections.application.suppressing import Suppressing
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import (
    ANALYSIS_CHUNK_RECORDS,
    ANALYSIS_TURN_RECORDS,
    ANALYSIS_TURN_SECONDS,
    MAX_BATCH_BYTES,
    MAX_RECORDS_PER_BATCH,
)
from services.detections.domain import expected, rule_exception, suppression, telemetry
from services.detections.domain.analysis import Analysis
from services.detections.domain.commands import IngestBatch
from services.detections.domain.errors import BatchIdReused, BatchTooLarge
from services.detections.domain.formats.reading import Sample, samples_of
from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Group
from services.detections.domain.intelligence.watch import fact_of
from services.detections.domain.rule_exception import Excepted

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
    """Records as a sensor sent them. `batch_id` is the sensor's own and the same when it sends them again.

    `format` names a format that Tenet knows, or a mapping that was declared. `first_record` is how many records of the
    same source came before, None when the sensor does not say.
    """

    batch_id: str
    sensor_id: str
    format: str
    content: bytes
    first_record: int | None = None


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
    samples: tuple[Sample, ...] = ()


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
    quotas: Quotas
    readings: BatchReadings
    correlating: Correlating
    suppressing: Suppressing
    watching: Watching
    passages: Passages = field(default_factory=Passages)
    """One thread reads and judges records, so that tenants take turns and the event loop stays free."""


class Ingest:
    def __init__(self, parts: IngestParts) -> None:
        self._parts = parts
        self._sensors: WeakValueDictionary[tuple[TenantId, str], asyncio.Lock] = WeakValueDictionary()
        self._tenants: WeakValueDictionary[TenantId, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        self._parts.passages.close()

    async def declare_mapping(self, tenant_id: TenantId, text: bytes) -> str:
        """Keeps a declared mapping; answers the format under which batches use it. Raises MappingUnreadable."""
        return await self._parts.readings.declare(tenant_id, text)

    async def ingest_batch(self, call: Call, batch: Batch) -> Receipt:
        """Takes a batch once, however often it is sent.

        Raises QuotaExceeded, BatchTooLarge, BatchIdReused, BatchRaisesTooMuch, MappingUnknown, ObjectStoreFull,
        StoreUnavailable: nothing was taken.
        """
        if len(batch.content) > MAX_BATCH_BYTES:
            raise BatchTooLarge(f"The batch has {len(batch.content)} bytes.", metadata={"limit": str(MAX_BATCH_BYTES)})
        command = IngestBatch(
            tenant_id=call.tenant_id,
            request_id=f"{batch.sensor_id}/{batch.batch_id}",
            batch_id=batch.batch_id,
            sensor_id=batch.sensor_id,
            format=batch.format,
            first_record=batch.first_record,
            sha256=hashlib.sha256(batch.content).hexdigest(),
            bytes=len(batch.content),
        )
        # The request's identity is the batch's, so a repeat under another request id or RPC finds the first result.
        own = replace(call, rpc=INGEST, request_id=command.request_id)
        clock = BatchClock(call.now)
        # Within this process a sensor's batches are judged one after the other, and a tenant's are appended one after
        # the other, because they often touch the same detections. Between processes the streams' versions decide.
        sensor = self._sensors.setdefault((call.tenant_id, batch.sensor_id), asyncio.Lock())
        tenant = self._tenants.setdefault(call.tenant_id, asyncio.Lock())
        with (
            self._parts.quotas.admitted(call.tenant_id, len(batch.content)),
            BATCH_SECONDS.time(),
            span("ingest_batch"),
        ):
            async with sensor, self._parts.passages.passage(call.tenant_id) as passage:
                return await _Taking(self._parts, own, command, batch, tenant, passage, clock).run()


@dataclass(frozen=True, slots=True)
class _Judged:
    """A batch as judged on one version of the sensor's stream, and of what the tenant hides and excepts."""

    version: int
    oldest: int
    suppressions: int
    exceptions: int
    rules: Rules
    analysis: Analysis
    received: TelemetryReceived


class _Taking:
    """One batch on its way into the ledger."""

    def __init__(
        self,
        parts: IngestParts,
        call: Call,
        command: IngestBatch,
        batch: Batch,
        appending: asyncio.Lock,
        passage: Passage,
        clock: BatchClock,
    ) -> None:
        self._parts, self._call, self._command, self._batch = parts, call, command, batch
        self._appending, self._passage, self._clock = appending, passage, clock
        self._judged: _Judged | None = None
        self._sent_before: telemetry.SentBatch | None = None

    async def run(self) -> Receipt:
        await self._passage.stand_aside()
        # The medium makes the bytes durable while they are judged; nothing is appended before they are.
        storing = asyncio.create_task(self._parts.objects.put(self._call.tenant_id, self._batch.content))
        try:
            loaded = await self._parts.repository.load(self._call.tenant_id, TELEMETRY, self._command.sensor_id)
            if telemetry.sent_before(loaded.state, self._command.batch_id, self._command.sha256) is None:
                self._judged = await self._judge(loaded)
            await storing
        finally:
            # Neither a batch that is refused nor a sender that hung up waits for the medium.
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)
        try:
            committed = await self._append()
        except RequestIdReused as error:
            metadata = {"batch_id": self._command.batch_id}
            raise BatchIdReused("This batch id came with other bytes before.", metadata=metadata) from error
        if self._sent_before is not None and not committed.recorded:
            return _receipt_of_repeat(self._sent_before)
        receipt = await self._receipt(committed)
        if self._judged is not None and not committed.replayed:
            _count(receipt)
            self._clock.observe()
            await self._remember(self._judged)
        return receipt

    async def _receipt(self, committed: Committed) -> Receipt:
        """The same for a repeat as for the first time, so the samples are those that were kept."""
        kept = _received(committed).put_aside_sha256
        samples = samples_of(await self._parts.objects.get(self._call.tenant_id, kept)) if kept else ()
        return _receipt(committed, samples)

    async def _append(self) -> Committed:
        """Tries again when processes that work for the same tenant keep getting ahead of each other."""
        for attempt in range(CONFLICT_ROUNDS):
            try:
                async with self._appending:
                    await self._passage.stand_aside()
                    committed = await self._parts.handler.handle(self._call, self._command, self._work)
                    if committed.recorded and not committed.replayed:
                        self._parts.correlating.keep(self._call.tenant_id)
                    return committed
            except Conflict:
                # Which of two processes pauses longer is left to chance, or they would meet again.
                await asyncio.sleep(CONFLICT_PAUSE_SECONDS * (attempt + 1) * (0.5 + secrets.randbelow(1000) / 1000))
        return await self._parts.handler.handle(self._call, self._command, self._work)

    async def _work(self, unit: Unit) -> None:
        loaded = await unit.load(TELEMETRY, self._command.sensor_id)
        self._sent_before = telemetry.sent_before(loaded.state, self._command.batch_id, self._command.sha256)
        if self._sent_before is not None:
            return
        suppressions = await unit.load(SUPPRESSIONS, suppression.stream_of(self._call.tenant_id))
        unit.require(suppressions)
        exceptions = await unit.load(RULE_EXCEPTIONS, rule_exception.stream_of(self._call.tenant_id))
        unit.require(exceptions)
        judged = self._judged
        versions = (loaded.version, suppressions.version, exceptions.version)
        if judged is None or (judged.version, judged.suppressions, judged.exceptions) != versions:
            judged = self._judged = await self._judge(loaded)
        for fact in judged.rules.facts:
            unit.cite(fact)
        unit.append(loaded, [judged.received])
        analysis = judged.analysis.counted_anew()
        correlated = await self._parts.correlating.take(unit, self._command, analysis)
        asked, seen = await self._expected(unit, (*analysis.groups, *correlated))
        for fact in {fact_of(each.fired.indicator): None for each in asked if each.fired.indicator}:
            unit.cite(fact)
        hidden = analysis.hidden.event(self._command.batch_id, self._command.sensor_id)
        excepted = analysis.excepted.event(self._command.batch_id, self._command.sensor_id)
        unit.append(loaded, [*hidden, *excepted, *seen])
        bringer = Bringer(self._command.batch_id, self._command.sensor_id, self._command.sha256)
        parts, call = self._parts, self._call
        raising = Raising(call.tenant_id, bringer, analysis.index, parts.assets, parts.watching.weights, call.now)
        await raising.append(unit, asked)

    async def _expected(self, unit: Unit, groups: Sequence[Group]) -> tuple[list[Group], list[ExpectedActivitySeen]]:
        """The groups that have to be asked about, and what is recorded of those that need not."""
        memories = await unit.load(EXPECTATIONS, expected.stream_of(self._call.tenant_id))
        unit.require(memories)
        asked, hits = expected.part_expected(memories.state, groups, self._call.now)
        return asked, expected.seen(self._command.batch_id, self._command.sensor_id, hits)

    async def _judge(self, loaded: Loaded[telemetry.Telemetry]) -> _Judged:
        """Reads and judges every record, knowing all that the sensor had sent at this version of its stream."""
        parts, tenant_id, sensor_id = self._parts, self._call.tenant_id, self._command.sensor_id
        await parts.window.catch_up(tenant_id, sensor_id, loaded.state, loaded.version)
        rules = parts.rules.current
        index = TenantIndex(await parts.keys.search_key(tenant_id))
        suppressions = await parts.repository.load(tenant_id, SUPPRESSIONS, suppression.stream_of(tenant_id))
        hiding = await parts.suppressing.hiding(self._call, suppressions)
        exceptions = await parts.repository.load(tenant_id, RULE_EXCEPTIONS, rule_exception.stream_of(tenant_id))
        excepted = Excepted(exceptions.state.at(self._call.now))
        watches = await parts.watching.over(tenant_id)
        analysis = Analysis(rules.rule_set, index, self._call.now, hiding, excepted, watches)
        reading = await parts.readings.reading(
            tenant_id, self._batch.content, self._batch.format, self._batch.first_record, self._call.now
        )
        steps, spent = reading.steps(), _Spent()
        while chunk := await self._next_chunk(steps, spent):
            keys = [record.key for record in chunk]
            await self._passage.stand_aside()
            seen = await parts.window.seen(tenant_id, sensor_id, keys) if loaded.version else set()
            for start in range(0, len(chunk), ANALYSIS_TURN_RECORDS):
                part = chunk[start : start + ANALYSIS_TURN_RECORDS]
                await self._passage.turn(lambda part=part, seen=seen: spent.judge(analysis, part, seen))  # type: ignore[misc]  # Defaults bind the loop's values.
            if reading.total > MAX_RECORDS_PER_BATCH:
                break
        self._clock.matched()
        parts.quotas.charge(tenant_id, reading.total, spent.seconds)
        if reading.total > MAX_RECORDS_PER_BATCH:
            limit = str(MAX_RECORDS_PER_BATCH)
            raise BatchTooLarge("The batch holds too many records.", metadata={"limit": limit})
        samples = reading.samples()
        aside = (await parts.objects.put(tenant_id, samples)).sha256 if samples else None
        put_aside = {reason.value: count for reason, count in reading.put_aside.items()}
        return _Judged(
            loaded.version,
            loaded.state.oldest,
            suppressions.version,
            exceptions.version,
            rules,
            analysis,
            analysis.received(self._command, put_aside, aside, self._clock.times),
        )

    async def _next_chunk(self, steps: Iterator[Record | None], spent: "_Spent") -> list[Record]:
        """The batch's next records, read over as many turns as it takes; empty at its end."""
        chunk: list[Record] = []
        more = True
        while more and len(chunk) < ANALYSIS_CHUNK_RECORDS:
            read, more = await self._passage.turn(lambda: spent.read(steps))
            chunk += read
        self._clock.normalised()
        return chunk

    async def _remember(self, judged: _Judged) -> None:
        """A failure here costs nothing but time: the next batch of this sensor fills the window from the ledger."""
        await self._passage.stand_aside()
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


class _Spent:
    """A batch's work in the analysis thread, and how many seconds of the thread it took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self, steps: Iterator[Record | None]) -> tuple[list[Record], bool]:
        """One turn's records, and whether there may be more."""
        began = time.perf_counter()
        records: list[Record] = []
        more = False
        for step in steps:
            if step is not None:
                records.append(step)
            if len(records) >= ANALYSIS_TURN_RECORDS or time.perf_counter() - began > ANALYSIS_TURN_SECONDS:
                more = True
                break
        self.seconds += time.perf_counter() - began
        return records, more

    def judge(self, analysis: Analysis, records: Sequence[Record], seen: Container[bytes]) -> None:
        began = time.perf_counter()
        analysis.take(records, seen)
        self.seconds += time.perf_counter() - began


def _count(receipt: Receipt) -> None:
    RECORDS.labels("accepted").inc(receipt.accepted)
    RECORDS.labels("repeated").inc(receipt.repeated)
    RECORDS.labels("put_aside").inc(sum(count for _, count in receipt.put_aside))
    DETECTIONS.labels("raised").inc(receipt.raised)
    DETECTIONS.labels("joined").inc(receipt.joined)


def _receipt(committed: Committed, samples: tuple[Sample, ...]) -> Receipt:
    events = [recorded.event for recorded in committed.recorded]
    received = _received(committed)
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
        samples,
    )


def _received(committed: Committed) -> TelemetryReceived:
    event = committed.recorded[0].event
    if not isinstance(event, TelemetryReceived):
        raise TypeError("a batch's first event says what was received")
    return event


def _receipt_of_repeat(sent: telemetry.SentBatch) -> Receipt:
    """For a batch that came before from another principal: it brought nothing new."""
    return Receipt(sent.batch_id, sent.sha256, sent.records, 0, sent.records, (), 0, 0, 0, sent.position)
