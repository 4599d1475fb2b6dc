"""What people do with detections and with customers' reports."""

from collections.abc import Sequence

from prometheus_client import Histogram

from contracts.calls import Call
from contracts.events.detections import DetectionValidated
from contracts.events.subjects import Sight
from contracts.ids import derive_id
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.detections.application.aggregates import CUSTOMER_REPORT, DETECTION, EXPECTATIONS
from services.detections.domain import customer_report, detection, expected
from services.detections.domain.commands import (
    ClaimDetection,
    FileCustomerReport,
    ReleaseDetection,
    ValidateCustomerReport,
    ValidateDetection,
    WithdrawCustomerReportValidation,
    WithdrawDetectionValidation,
)
from services.detections.domain.detection import Detection

TRIAGE_SECONDS = Histogram(
    "tenet_triage_seconds",
    "Time from a detection's being raised to its first look and its first verdict; see `tenet clocks` for each source.",
    ("stage",),
    buckets=(15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200),
)


class Triage:
    def __init__(self, handler: CommandHandler, feed: Feed) -> None:
        self._handler, self._feed = handler, feed

    async def claim_detection(self, call: Call, command: ClaimDetection) -> Committed:
        before = Detection()

        async def work(unit: Unit) -> None:
            nonlocal before
            loaded = await unit.load(DETECTION, command.detection_id)
            before = loaded.state
            unit.append(loaded, detection.claim(loaded.state, call))

        committed = await self._handler.handle(call, command, work)
        _observe(before, committed)
        return committed

    async def release_detection(self, call: Call, command: ReleaseDetection) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(DETECTION, command.detection_id)
            unit.append(loaded, detection.release(loaded.state, call))

        return await self._handler.handle(call, command, work)

    async def validate_detection(self, call: Call, command: ValidateDetection) -> Committed:
        head = await self._head(call, command.seen)
        before = Detection()

        async def work(unit: Unit) -> None:
            nonlocal before
            loaded = await unit.load(DETECTION, command.detection_id)
            before = loaded.state
            original = None
            if command.duplicate_of is not None:
                original = (await unit.load(DETECTION, command.duplicate_of)).state
            unit.append(loaded, detection.validate(loaded.state, call, command, original, head))

        committed = await self._handler.handle(call, command, work)
        _observe(before, committed)
        return committed

    async def withdraw_detection_validation(self, call: Call, command: WithdrawDetectionValidation) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(DETECTION, command.detection_id)
            unit.append(loaded, detection.withdraw(loaded.state, call, command))
            # What was expected because of this verdict is asked about again from the same append on.
            memories = await unit.load(EXPECTATIONS, expected.stream_of(call.tenant_id))
            ended = expected.end_with_validation(memories.state, command.detection_id, command.validation_position)
            unit.append(memories, ended)

        return await self._handler.handle(call, command, work)

    async def file_customer_report(self, call: Call, command: FileCustomerReport) -> tuple[str, Committed]:
        """The report's id with what was recorded."""
        customer_report_id = derive_id("customer_report", call.request_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTOMER_REPORT, customer_report_id)
            unit.append(loaded, customer_report.file(customer_report_id, command))

        return customer_report_id, await self._handler.handle(call, command, work)

    async def validate_customer_report(self, call: Call, command: ValidateCustomerReport) -> Committed:
        head = await self._head(call, command.seen)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTOMER_REPORT, command.customer_report_id)
            unit.append(loaded, customer_report.validate(loaded.state, call, command, head))

        return await self._handler.handle(call, command, work)

    async def withdraw_customer_report_validation(
        self, call: Call, command: WithdrawCustomerReportValidation
    ) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTOMER_REPORT, command.customer_report_id)
            unit.append(loaded, customer_report.withdraw(loaded.state, call, command))

        return await self._handler.handle(call, command, work)

    async def _head(self, call: Call, seen: Sequence[Sight]) -> int:
        """The ledger's next position; asked for only where a decision says what its maker had seen."""
        return await self._feed.head(call.tenant_id) if seen else 0


def _observe(before: Detection, committed: Committed) -> None:
    """Counts the first look and the first verdict, each once, however often the command is sent."""
    if before.raised_at is None or committed.replayed:
        return
    for recorded in committed.recorded:
        took = (recorded.recorded_at - before.raised_at).total_seconds()
        if not before.looked_at:
            TRIAGE_SECONDS.labels("triaged").observe(took)
        if isinstance(recorded.event, DetectionValidated) and not before.judged:
            TRIAGE_SECONDS.labels("judged").observe(took)
