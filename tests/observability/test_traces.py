"""One trace follows a detection from the sensor's batch through policies and people to the report."""

import asyncio
import time

import pytest

from tests.observability.collector import Collector, SeenSpan
from tests.observability.journey import CANARY, Journey

EXPORT_LIMIT_SECONDS = 20.0
SERVICES_ON_THE_WAY = {"tenet.detections", "tenet.cases", "tenet.reporting"}
ON_THE_WAY = {
    "/tenet.detections.v1.TelemetryIngestService/IngestBatch",
    "/tenet.detections.v1.DetectionsWriteService/ValidateDetection",
    "/tenet.cases.v1.CasesWriteService/AddNote",
    "/tenet.reporting.v1.ReportingWriteService/PublishReport",
}
REACTIONS_ON_THE_WAY = {
    "open_case_when_detection_validated",
    "decide_plan_when_case_opened",
    "dispatch_action_when_plan_decided",
    "carry out action",
    "append",
}

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def trace_of(journey: Journey, spans: Collector) -> list[SeenSpan]:
    """The journey's spans; processes send theirs a few seconds after they ended."""
    deadline = time.monotonic() + EXPORT_LIMIT_SECONDS
    while True:
        found = spans.spans(journey.trace_id)
        names = {span.name for span in found}
        if names >= ON_THE_WAY or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.2)


async def test_one_trace_leads_from_the_batch_to_the_report(journey: Journey, spans: Collector) -> None:
    found = await trace_of(journey, spans)
    assert {span.service for span in found} >= SERVICES_ON_THE_WAY
    assert {span.name for span in found} >= ON_THE_WAY
    words = " ".join(f"{span.name} {span.attributes}" for span in found)
    assert [reaction for reaction in REACTIONS_ON_THE_WAY if reaction not in words] == []


async def test_every_span_of_the_trace_hangs_on_another_one(journey: Journey, spans: Collector) -> None:
    found = await trace_of(journey, spans)
    known = {span.span_id for span in found}
    roots = [span for span in found if not span.parent_id]
    assert [root.name for root in roots] == ["/tenet.detections.v1.TelemetryIngestService/IngestBatch"]
    # The spans of the person's own client are not exported: its program has no collector.
    ours = journey.traceparent.split("-")[2]
    assert ours in known
    loose = {span.parent_id for span in found if span.parent_id and span.parent_id not in known}
    assert len(loose) <= 1, loose


async def test_the_events_of_the_reaction_carry_the_trace(journey: Journey) -> None:
    for name in ("DetectionRaised", "DetectionValidated", "CaseOpened", "PlanDecided", "CaseNoted", "ReportPublished"):
        assert journey.one(name)["trace"].split("-")[1] == journey.trace_id, name
    for name in ("ActionDispatched", "ActionAcknowledged", "ActionVerified"):
        traces = {entry["trace"].split("-")[1] for entry in journey.entries if entry["type"].endswith(f".{name}")}
        assert traces == {journey.trace_id}, name


async def test_no_span_tells_anything_personal(journey: Journey, spans: Collector) -> None:
    await trace_of(journey, spans)
    found = spans.spans()
    assert found
    assert [span for span in found if CANARY in f"{span.name} {span.attributes}".lower()] == []
