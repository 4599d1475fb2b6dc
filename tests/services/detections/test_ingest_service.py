"""Telemetry through the public door: taken once, judged, grouped, and durable when it is acknowledged."""

import asyncio
import gzip
import secrets
import uuid
from pathlib import Path
from typing import Any

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_admin_pb2 as admin_pb
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as read_pb
from tenet.detections.v1 import detections_write_pb2 as write_pb
from tenet.detections.v1 import telemetry_ingest_pb2 as ingest_pb
from tenet.detections.v1 import telemetry_ingest_pb2_grpc

from contracts.errors import StoreUnavailable
from contracts.events.base import Event
from contracts.events.detections import DetectionRaised, DetectionRepeated, TelemetryReceived
from contracts.events.discovery import HostDiscovered
from contracts.ids import TenantId
from infra.cli.batches import batches_of
from infra.cli.ingesting import Sending
from infra.grpc import Client, RemoteError
from infra.object_store.errors import ObjectStoreFull
from infra.read_database.turns import in_background
from services.detections.application.raising import Raising
from services.detections.application.record_window import RecordWindow
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.sigma.packs import pack_of
from services.detections.projections import asset_index
from tests.fixtures.platform import Platform, request_id
from tests.services.detections.conftest import ROLE, Service, administers, batch_request, reads, serving, writes
from tests.services.detections.records import harmless, lines, ransom_note, remote_desktop, shadow_copies_deleted

NEVER = b"""
title: Never
id: <id>
logsource:
    product: windows
    service: security
detection:
    nothing:
        EventID: 0
    condition: nothing
level: low
"""


async def events_of(service: Service, tenant_id: str) -> list[Event]:
    """Without hosts that were discovered, which come when the batch is archived, sooner or later."""
    recorded = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 10_000)
    return [each.event for each in recorded if not isinstance(each.event, HostDiscovered)]


async def queue(client: Client, tenant_id: str, position: int) -> list[pb.TriageItem]:
    answer = await client.call(
        reads(client).ListTriageQueue,
        read_pb.ListTriageQueueRequest(tenant_ids=[tenant_id], min_position=position),
    )
    return list(answer.items)


async def test_a_batch_is_acknowledged_with_its_detections_in_one_append(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    content = lines(
        harmless("WARD-3", 1),
        shadow_copies_deleted("WARD-3", 2),
        shadow_copies_deleted("WARD-3", 3),
        ransom_note("WARD-3", 4),
    )
    answer = await with_rules.ingest(sensor, tenant_id, content + b"broken\n", batch_id="b1")
    receipt = answer.receipt
    assert (receipt.records, receipt.accepted, receipt.repeated) == (5, 4, 0)
    assert [(item.reason, item.records) for item in receipt.put_aside] == [("NOT_JSON", 1)]
    assert (receipt.raised, receipt.joined) == (2, 0)
    events = await events_of(with_rules, tenant_id)
    assert [type(event) for event in events] == [TelemetryReceived, DetectionRaised, DetectionRaised]
    assert await with_rules.foundation.objects.get(TenantId(tenant_id), receipt.sha256) == content + b"broken\n"
    received = events[0]
    assert isinstance(received, TelemetryReceived)
    assert received.put_aside_sha256 is not None
    assert b"NOT_JSON" in await with_rules.foundation.objects.get(TenantId(tenant_id), received.put_aside_sha256)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    items = await queue(analyst, tenant_id, answer.position)
    assert {item.rule_title for item in items} == {"Shadow Copies or Backups Deleted", "Ransom Note Written"}
    assert {item.count for item in items} == {1, 2}
    assert all(item.asset_value_missing and item.priority == 15 for item in items)
    recorded = (await with_rules.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1))[0]
    # Other tests of this run may have deployed packs of their own; each pack at work is named.
    assert {fact.kind for fact in recorded.envelope.facts} == {"rule_pack"}


async def test_the_same_batch_again_changes_nothing_and_gets_the_same_receipt(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    content = lines(shadow_copies_deleted("A", 1))
    first = await with_rules.ingest(sensor, tenant_id, content, batch_id="b1")
    again = await with_rules.ingest(sensor, tenant_id, content, batch_id="b1")
    assert again == first
    other_key = await with_rules.sensor(tenant_id)
    by_other = await with_rules.ingest(other_key, tenant_id, content, batch_id="b1")
    assert (by_other.receipt.accepted, by_other.receipt.repeated) == (0, 1)
    assert len(await events_of(with_rules, tenant_id)) == 2
    with pytest.raises(RemoteError) as refused:
        await with_rules.ingest(sensor, tenant_id, content + content, batch_id="b1")
    assert refused.value.reason == "BATCH_ID_REUSED"


async def test_a_batch_that_is_cut_anew_counts_only_what_is_new(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    records = [shadow_copies_deleted("A", number) for number in range(6)]
    await with_rules.ingest(sensor, tenant_id, lines(*records[:4]))
    answer = await with_rules.ingest(sensor, tenant_id, lines(*records[2:]))
    assert (answer.receipt.accepted, answer.receipt.repeated) == (2, 2)
    assert (answer.receipt.raised, answer.receipt.joined) == (0, 1)
    raised, repeated = [
        event for event in await events_of(with_rules, tenant_id) if not isinstance(event, TelemetryReceived)
    ]
    assert isinstance(raised, DetectionRaised)
    assert isinstance(repeated, DetectionRepeated)
    assert (raised.count, repeated.count) == (4, 2)
    assert raised.detection_id == repeated.detection_id


async def test_alerts_of_the_same_second_are_all_counted_however_a_file_is_cut(
    with_rules: Service, tmp_path: Path
) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    path = tmp_path / "alerts.csv"
    path.write_bytes(b"time,name,ip,host,short\n" + b"1700000000,Wazuh: IDS event.,10.0.0.1,web,W-All-Evt\n" * 100)
    stub = sensor.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
    totals = []
    for at_most in (1_000, 1_700):
        requests = [Sending(tenant_id, "cli").request(batch) for batch in batches_of([path], at_most)]
        assert len(requests) > 3
        receipts = []
        for request in requests:
            request.request_id = request_id()
            receipts.append((await sensor.call(stub.IngestBatch, request, deadline=60)).receipt)
        totals.append((sum(each.accepted for each in receipts), sum(each.repeated for each in receipts)))
    assert totals == [(100, 0), (0, 100)]
    detections = [
        event
        for event in await events_of(with_rules, tenant_id)
        if isinstance(event, DetectionRaised | DetectionRepeated)
    ]
    assert len({each.detection_id for each in detections}) == 1
    assert sum(each.count for each in detections) == 100


async def test_a_crash_between_append_and_the_record_window_repeats_nothing(
    with_rules: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)

    async def crash(*_: Any, **__: Any) -> None:
        return None

    with monkeypatch.context() as patched:
        patched.setattr(RecordWindow, "remember", crash)
        await with_rules.ingest(sensor, tenant_id, lines(harmless("A", 1), harmless("A", 2)))
    answer = await with_rules.ingest(sensor, tenant_id, lines(harmless("A", 2), harmless("A", 3)))
    assert (answer.receipt.accepted, answer.receipt.repeated) == (1, 1)


async def test_a_batch_whose_append_fails_claims_no_records(
    with_rules: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    content = lines(shadow_copies_deleted("A", 1))
    with monkeypatch.context() as patched:
        patched.setattr(Raising, "append", _unavailable)
        with pytest.raises(RemoteError) as refused:
            await with_rules.ingest(sensor, tenant_id, content, batch_id="b1")
    assert refused.value.reason == "STORE_UNAVAILABLE"
    assert await events_of(with_rules, tenant_id) == []
    answer = await with_rules.ingest(sensor, tenant_id, content, batch_id="b1")
    assert (answer.receipt.accepted, answer.receipt.repeated, answer.receipt.raised) == (1, 0, 1)


async def _unavailable(*_: Any) -> None:
    raise StoreUnavailable("Away.")


async def test_batches_of_one_sensor_and_of_many_at_once_raise_one_detection(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    answers = await asyncio.gather(
        *(
            with_rules.ingest(
                sensor, tenant_id, lines(shadow_copies_deleted("A", 100 * number)), sensor_id=f"sensor-{number % 4}"
            )
            for number in range(12)
        )
    )
    assert sum(answer.receipt.raised for answer in answers) == 1
    assert sum(answer.receipt.joined for answer in answers) == 11
    assert sum(answer.receipt.accepted for answer in answers) == 12


async def test_a_judged_detection_does_not_swallow_new_activity(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    first = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("A", 1)))
    (item,) = await queue(analyst, tenant_id, first.position)
    await analyst.call(
        writes(analyst).ValidateDetection,
        write_pb.ValidateDetectionRequest(
            tenant_id=tenant_id,
            request_id=request_id(),
            detection_id=item.detection_id,
            verdict=common.VERDICT_FALSE_POSITIVE,
            confidence_percent=90,
            rationale="A test of the backup.",
        ),
    )
    second = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("A", 2)))
    assert (second.receipt.raised, second.receipt.joined) == (1, 0)
    (fresh,) = await queue(analyst, tenant_id, second.position)
    assert fresh.detection_id != item.detection_id


async def test_hosts_accounts_and_days_are_kept_apart(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    content = lines(
        shadow_copies_deleted("A", 1),
        shadow_copies_deleted("a.", 2),
        shadow_copies_deleted("B", 3),
        shadow_copies_deleted("A", 4, "2026-11-23T03:12:00Z"),
        remote_desktop("DC", 5, "alice", "203.0.113.5"),
        remote_desktop("DC", 6, "bob", "203.0.113.5"),
    )
    answer = await with_rules.ingest(sensor, tenant_id, content)
    assert answer.receipt.raised == 5


async def test_a_detection_knows_the_registered_asset_and_ranks_by_its_value(
    with_rules: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asset_index, "MAX_WAIT_SECONDS", 60.0)  # A loaded machine may take longer than is waited.
    tenant_id = TenantId(await with_rules.running.onboard())
    asset_id = await with_rules.register_asset(tenant_id, "WARD-3.clinic.example", "10.1.2.3", value=5)
    sensor = await with_rules.sensor(tenant_id)
    answer = await with_rules.ingest(
        sensor, tenant_id, lines(shadow_copies_deleted("ward-3.CLINIC.example", 1), shadow_copies_deleted("OTHER", 2))
    )
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    known, unknown = await queue(analyst, tenant_id, answer.position)
    assert (list(known.asset_ids), known.asset_value, known.priority) == ([asset_id], 5, 25)
    assert (list(unknown.asset_ids), unknown.asset_value_missing, unknown.priority) == ([], True, 15)


async def test_alerts_of_other_products_become_detections_by_their_signature(service: Service) -> None:
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    content = b"time,name,ip,host,short,time_label,event_label\n" + b"".join(
        b"%d,Wazuh: Suspicious URL access.,10.0.0.%d,web,W-Url,x,y\n" % (1642213952 + number, number % 2)
        for number in range(100)
    )
    answer = await service.ingest(sensor, tenant_id, content)
    assert (answer.receipt.accepted, answer.receipt.raised) == (100, 2)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    items = await queue(analyst, tenant_id, answer.position)
    assert {(item.rule_id, item.severity_missing, item.count) for item in items} == {("ait:W-Url", True, 50)}


async def test_a_clock_of_1970_or_2099_moves_no_bounds_and_loses_no_detection(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    content = lines(
        shadow_copies_deleted("A", 1, "1970-01-01T00:00:10Z"),
        shadow_copies_deleted("B", 2, "2099-01-01T00:00:00Z"),
        harmless("A", 3, "2026-11-24T01:00:00Z"),
    )
    answer = await with_rules.ingest(sensor, tenant_id, content)
    assert (answer.receipt.skewed, answer.receipt.raised) == (2, 2)
    received = (await events_of(with_rules, tenant_id))[0]
    assert isinstance(received, TelemetryReceived)
    assert received.first_occurred_at == received.last_occurred_at
    assert received.first_occurred_at is not None
    assert received.first_occurred_at.year == 2026


async def test_a_stream_acknowledges_each_batch_and_goes_on_after_a_refused_one(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    good, more = lines(shadow_copies_deleted("A", 1)), lines(shadow_copies_deleted("A", 2))
    sent = [("b1", good), ("b1", more), ("b2", more)]

    async def requests() -> Any:
        for batch_id, content in sent:
            unary = batch_request(tenant_id, content, batch_id=batch_id)
            yield ingest_pb.IngestStreamRequest(tenant_id=tenant_id, request_id=unary.request_id, batch=unary.batch)

    stub = sensor.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
    metadata = await sensor._metadata()
    answers = [answer async for answer in stub.IngestStream(requests(), metadata=metadata, timeout=30)]
    assert [answer.batch_id for answer in answers] == ["b1", "b1", "b2"]
    assert [answer.refused_reason for answer in answers] == ["", "BATCH_ID_REUSED", ""]
    assert answers[2].receipt.joined == 1


async def test_an_empty_batch_is_recorded_as_a_sign_of_life(service: Service) -> None:
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    answer = await service.ingest(sensor, tenant_id, b"")
    assert answer.receipt.records == 0
    assert len(await events_of(service, tenant_id)) == 1


async def test_one_batch_that_touches_too_much_is_refused_whole(service: Service) -> None:
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    content = b"".join(b"1642213952,n,10.0.%d.%d,h,s%d\n" % (n // 250, n % 250, n) for n in range(2500))
    with pytest.raises(RemoteError) as refused:
        await service.ingest(sensor, tenant_id, content)
    assert refused.value.reason == "BATCH_RAISES_TOO_MUCH"
    assert await events_of(service, tenant_id) == []


async def test_nothing_personal_stands_in_the_clear(with_rules: Service) -> None:
    tenant_id = TenantId(await with_rules.running.onboard())
    sensor = await with_rules.sensor(tenant_id)
    canary = f"canary{secrets.token_hex(8)}"
    record = shadow_copies_deleted(canary, 1)
    record["Event"]["EventData"]["User"] = canary
    answer = await with_rules.ingest(sensor, tenant_id, lines(record))
    stored = await with_rules.foundation.ledger.feed.read_entries(tenant_id, 0, 100)
    assert all(canary.encode() not in entry.entry for entry in stored)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    (item,) = await queue(analyst, tenant_id, answer.position)
    assert canary in item.headline.value
    async with with_rules.foundation.database.reading([tenant_id]) as conn:
        for table in ("detections", "triage_queue"):
            cursor = await conn.execute(f"SELECT doc::text FROM {table}")
            rows = await cursor.fetchall()
            assert rows
            assert all(canary not in row[0] for row in rows)


async def test_the_evidence_leads_back_to_the_record_that_fired(with_rules: Service) -> None:
    tenant_id = TenantId(await with_rules.running.onboard())
    sensor = await with_rules.sensor(tenant_id)
    content = gzip.compress(lines(harmless("A", 1)) + b"broken\n" + lines(shadow_copies_deleted("A", 2)))
    answer = await with_rules.ingest(sensor, tenant_id, content)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    (item,) = await queue(analyst, tenant_id, answer.position)
    shown = await analyst.call(
        reads(analyst).GetDetection,
        read_pb.GetDetectionRequest(tenant_id=tenant_id, detection_id=item.detection_id),
    )
    (evidence,) = shown.detection.evidence
    assert "Delete Shadows" in evidence.summary.value
    assert evidence.label == common.LABEL_AMBER
    stored = await with_rules.foundation.objects.get(tenant_id, evidence.sha256)
    by_offset = {record.offset: record for record in BatchReading(stored, Format.AUTOMATIC).records()}
    assert "Delete Shadows" in by_offset[evidence.offset].fields["CommandLine"]


async def test_a_full_object_store_is_said_and_nothing_is_taken(
    with_rules: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)

    async def full(*_: Any) -> None:
        raise ObjectStoreFull("No room.")

    with monkeypatch.context() as patched:
        patched.setattr(type(with_rules.foundation.objects), "put", full)
        with pytest.raises(RemoteError) as refused:
            await with_rules.ingest(sensor, tenant_id, lines(harmless("A", 1)), batch_id="b1")
    assert refused.value.reason == "OBJECT_STORE_FULL"
    assert await events_of(with_rules, tenant_id) == []
    answer = await with_rules.ingest(sensor, tenant_id, lines(harmless("A", 1)), batch_id="b1")
    assert answer.receipt.accepted == 1


async def test_two_processes_share_a_sensor_without_counting_anything_twice(
    platform: Platform, with_rules: Service
) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    async with serving(platform, with_rules.running) as other:
        # The other process has loaded the rules that were deployed before it started.
        assert len(other.detections.rules.current.rule_set.engine.rules) == len(
            with_rules.detections.rules.current.rule_set.engine.rules
        )
        at_other = await with_rules.running._client(other.port, (await sensor._metadata())[0][1])
        records = [shadow_copies_deleted("A", number) for number in range(8)]
        answers = await asyncio.gather(
            *(
                with_rules.ingest(client, tenant_id, lines(*records[start : start + 3]))
                for start in range(6)
                for client in (sensor, at_other)
            )
        )
    assert sum(answer.receipt.accepted for answer in answers) == 8
    assert sum(answer.receipt.raised for answer in answers) == 1
    events = await events_of(with_rules, tenant_id)
    counted = sum(event.count for event in events if isinstance(event, DetectionRaised | DetectionRepeated))
    assert counted == 8


async def test_a_pack_that_another_process_deployed_is_at_work_here_soon(
    platform: Platform, with_rules: Service
) -> None:
    async with serving(platform, with_rules.running) as other, in_background("rules", other.detections.rules.follow()):
        client = await with_rules.client("admin")
        # A rule that fires on nothing, since what is deployed stays at work for the tests that follow.
        fresh = NEVER.replace(b"<id>", str(uuid.uuid4()).encode())
        imported = await client.call(
            administers(client).ImportRulePack,
            admin_pb.ImportRulePackRequest(
                request_id=request_id(), name=f"p{secrets.token_hex(4)}", archive=pack_of({"a.yml": fresh})
            ),
        )
        before = len(other.detections.rules.current.rule_set.engine.rules)
        await client.call(
            administers(client).DeployRulePack,
            admin_pb.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id),
        )
        for _ in range(200):
            if len(other.detections.rules.current.rule_set.engine.rules) == before + 1:
                break
            await asyncio.sleep(0.05)
        assert len(other.detections.rules.current.rule_set.engine.rules) == before + 1
