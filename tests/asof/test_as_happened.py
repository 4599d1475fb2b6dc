"""The other clock: what had happened in the world by a moment, apart from when anybody knew of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as rpc
from tenet.detections.v1 import detections_read_pb2_grpc
from tenet.detections.v1 import detections_write_pb2 as write

from contracts.ids import TenantId
from infra.cli.seen import decision_at, shown_then
from infra.cli.session import Session
from infra.grpc import Client, RemoteError
from infra.read_database.happened import Happened, had_happened
from infra.read_database.views import DocumentView
from services.assets.projections import ASSETS, FINDINGS
from services.cases.projections import ACTIONS, CASES, ENQUIRIES, NOTICES
from services.detections.projections import DETECTIONS
from tests.fixtures.platform import ROLE, request_id
from tests.services.detections.conftest import Service, writes
from tests.services.detections.records import lines, shadow_copies_deleted
from tests.services.detections.test_ingest_service import queue

HAPPENED = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
"""Long before anybody recorded it."""


class Judged:
    """A detection of an old activity, found, claimed and judged today."""

    def __init__(self, service: Service, tenant_id: str, analyst: Client, name: str) -> None:
        self.service, self.tenant_id, self.analyst, self.name = service, tenant_id, analyst, name
        self.detection_id, self.raised, self.claimed, self.judged = "", -1, -1, -1

    @classmethod
    async def made(cls, service: Service) -> "Judged":
        tenant_id = await service.running.onboard()
        sensor = await service.sensor(tenant_id)
        principal_id, name = await service.running.register("provider")
        await service.running.grant(principal_id, ROLE.ROLE_ANALYST, tenant_id)
        made = cls(service, tenant_id, await service.client(name), name)
        content = lines(shadow_copies_deleted("desk", 1, HAPPENED.isoformat()))
        made.raised = (await service.ingest(sensor, tenant_id, content)).position
        (item,) = await queue(made.analyst, tenant_id, made.raised)
        made.detection_id = item.detection_id
        named = {"tenant_id": tenant_id, "detection_id": item.detection_id}
        stub = writes(made.analyst)
        claim = write.ClaimDetectionRequest(request_id=request_id(), **named)
        made.claimed = (await made.analyst.call(stub.ClaimDetection, claim)).position
        sights = [
            common.Sight(view="detections", view_version=1, position=made.raised),
            common.Sight(view="triage_queue", view_version=1, position=made.raised),
        ]
        verdict = write.ValidateDetectionRequest(
            request_id=request_id(),
            verdict=common.VERDICT_MALICIOUS,
            confidence_percent=90,
            rationale="Seen on the machine.",
            seen=sights,
            **named,
        )
        made.judged = (await made.analyst.call(stub.ValidateDetection, verdict)).position
        return made

    async def get(self, happened: datetime | None = None, at: int | None = None) -> rpc.GetDetectionResponse:
        stub = self.analyst.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
        request = rpc.GetDetectionRequest(
            tenant_id=self.tenant_id,
            detection_id=self.detection_id,
            min_position=self.judged,
            at_position=at,
            as_happened_at=_stamp(happened) if happened else None,
        )
        answer: rpc.GetDetectionResponse = await self.analyst.call(stub.GetDetection, request)
        return answer

    async def refusal(self, happened: datetime | None = None, at: int | None = None) -> str:
        with pytest.raises(RemoteError) as refused:
            await self.get(happened, at)
        return refused.value.reason


def _stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


@pytest.fixture
async def judged(with_rules: Service) -> Judged:
    return await Judged.made(with_rules)


async def test_an_activity_had_happened_long_before_it_was_known_and_its_verdict_had_not(judged: Judged) -> None:
    now = await judged.get()
    assert now.detection.state == pb.TRIAGE_STATE_VALIDATED
    then = await judged.get(HAPPENED + timedelta(days=1))
    assert then.detection.state == pb.TRIAGE_STATE_OPEN
    assert not then.detection.HasField("validation")
    assert then.sight.position >= judged.judged
    assert await judged.refusal(HAPPENED - timedelta(seconds=1)) == "DETECTION_UNKNOWN"


async def test_both_clocks_together_show_what_was_known_then_of_what_had_happened_by_then(judged: Judged) -> None:
    both = await judged.get(datetime.now(UTC), judged.claimed)
    assert (both.detection.state, both.sight.position) == (pb.TRIAGE_STATE_CLAIMED, judged.claimed)
    assert await judged.refusal(HAPPENED + timedelta(days=1), judged.raised - 1) == "DETECTION_UNKNOWN"


async def test_at_every_moment_it_is_the_fold_of_what_had_happened_by_then(judged: Judged) -> None:
    ledger = judged.service.foundation.ledger
    tenant_id = TenantId(judged.tenant_id)
    history = await ledger.repository.history(tenant_id, "detection", judged.detection_id)
    assert len(history) == 3
    moments = {entry.occurred_at + timedelta(microseconds=step) for entry in history for step in (-1, 0, 1)}
    for moment in moments:
        expected = None
        for entry in history:
            if had_happened(entry, moment):
                expected = DETECTIONS.fold(judged.detection_id, expected, entry)
        found = await Happened(ledger.repository).get(
            DETECTIONS, tenant_id, judged.detection_id, moment, known_at=judged.judged
        )
        assert (found.document if found else None) == expected


async def test_a_position_nobody_has_reached_and_a_time_to_come_are_refused_at_once(judged: Judged) -> None:
    assert await judged.refusal(datetime.now(UTC) + timedelta(hours=1)) == "TIME_IN_FUTURE"
    assert await judged.refusal(at=judged.judged + 1_000) == "POSITION_BEYOND_HEAD"
    assert await judged.refusal(at=-1) == "POSITION_NEGATIVE"
    stub = judged.analyst.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
    beyond = rpc.ListTriageQueueRequest(tenant_ids=[judged.tenant_id], at_position=judged.judged + 1_000)
    with pytest.raises(RemoteError) as refused:
        await judged.analyst.call(stub.ListTriageQueue, beyond)
    assert refused.value.reason == "POSITION_BEYOND_HEAD"


async def test_what_was_seen_by_whoever_decided_is_shown_as_it_was_then(judged: Judged) -> None:
    async def authorization() -> str:
        return f"Bearer {judged.service.running.issuer.token(judged.name)}"

    addresses = {"detections": judged.service.port, "ledger": judged.service.running.ledger_port}
    async with Session({name: f"127.0.0.1:{port}" for name, port in addresses.items()}, authorization) as session:
        decision = await decision_at(session, judged.tenant_id, judged.judged)
        assert [sight["view"] for sight in decision.seen] == ["detections", "triage_queue"]
        whole, item = [await shown_then(session, judged.tenant_id, decision, sight) for sight in decision.seen]
    assert isinstance(whole, rpc.GetDetectionResponse)
    assert (whole.detection.state, whole.sight.position) == (pb.TRIAGE_STATE_OPEN, judged.raised)
    assert isinstance(item, pb.TriageItem)
    assert (item.detection_id, item.state) == (judged.detection_id, pb.TRIAGE_STATE_OPEN)


@pytest.mark.parametrize(
    "view", [CASES, ACTIONS, NOTICES, ENQUIRIES, ASSETS, FINDINGS, DETECTIONS], ids=lambda v: v.NAME
)
def test_every_view_that_is_shown_by_the_other_clock_comes_from_one_kind_of_stream(view: DocumentView[Any]) -> None:
    assert len({topic.CATEGORY for topic in view.TOPICS}) == 1
