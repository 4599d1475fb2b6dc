"""Hunts by rule and by indicators: the engine of live telemetry over the archive, each record counted once for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from tenet.detections.v1 import detections_clocks_read_pb2 as clocks
from tenet.detections.v1 import (
    detections_clocks_read_pb2_grpc,
    detections_hunts_pb2_grpc,
    detections_suppressions_write_pb2_grpc,
)
from tenet.detections.v1 import detections_hunts_pb2 as pb
from tenet.detections.v1 import detections_pb2 as detections
from tenet.detections.v1 import detections_read_pb2 as read
from tenet.detections.v1 import detections_suppressions_read_pb2 as suppressions_read
from tenet.detections.v1 import detections_suppressions_write_pb2 as suppressions
from tenet.detections.v1 import detections_write_pb2 as write

from contracts.events.detections import DetectionFoundByHunt, DetectionRaised, DetectionRepeated, RuleKind
from contracts.events.hunts import HuntCompleted
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from services.detections.application.hunts import matching, retrospecting
from services.detections.domain.sigma.compiler import compile_rule
from tests.fixtures.platform import request_id
from tests.services.detections.archive.test_hunts import archived, keeping_of, sent, stamp
from tests.services.detections.conftest import ROLE, RULES, Service, reads, serving, writes
from tests.services.detections.records import evtx, harmless, lines, shadow_copies_deleted

SYSMON = "Microsoft-Windows-Sysmon/Operational"
NOTEPAD = """
title: Notepad was started
id: 5a1e3f0c-0000-4000-8000-000000000001
logsource: {product: windows, category: process_creation}
detection:
  selection:
    Image|endswith: '\\\\notepad.exe'
  condition: selection
level: medium
tags: [attack.t1059]
""".replace("\\\\", "\\")
SHADOW = next(path for path in RULES.glob("*.yml") if "vssadmin" in path.read_text())
SHADOW_ID = compile_rule(SHADOW.read_bytes()).rule_id


@dataclass
class Hunted:
    result: pb.HuntResult = field(default_factory=pb.HuntResult)
    hits: list[pb.HuntHit] = field(default_factory=list)
    progress: list[pb.HuntProgress] = field(default_factory=list)


async def hunt(client: Client, tenant_id: str, **changes: object) -> Hunted:
    now = datetime.now(UTC)
    fields = {
        "tenant_id": tenant_id,
        "request_id": request_id(),
        "reason": "a test",
        "start": stamp(now - timedelta(days=80)),
        "end": stamp(now + timedelta(hours=1)),
    }
    stub = client.stub(detections_hunts_pb2_grpc.DetectionsHuntServiceStub)
    hunted = Hunted()
    async for message in client.stream(stub.Hunt, pb.HuntRequest(**(fields | changes)), deadline=120):
        match message.WhichOneof("step"):
            case "hit":
                hunted.hits.append(message.hit)
            case "progress":
                hunted.progress.append(message.progress)
            case _:
                hunted.result = message.result
    return hunted


async def analyst_of(service: Service, *tenants: str) -> Client:
    return (await service.person(ROLE.ROLE_ANALYST, *tenants))[1]


async def shown(client: Client, tenant_id: str, detection_id: str, position: int) -> detections.Detection:
    request = read.GetDetectionRequest(tenant_id=tenant_id, detection_id=detection_id, min_position=position)
    return (await client.call(reads(client).GetDetection, request, deadline=60)).detection


async def events_of(service: Service, tenant_id: str, kind: type) -> list[object]:
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1_000)
    return [each.event for each in events if isinstance(each.event, kind)]


async def refused(client: Client, tenant_id: str, **changes: object) -> RemoteError:
    with pytest.raises(RemoteError) as refusal:
        await hunt(client, tenant_id, **changes)
    return refusal.value


async def test_a_given_rule_finds_what_came_before_it_and_raises_it_once_in_retrospect(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1), harmless("desk-1", 2), harmless("desk-2", 3)))
    analyst = await analyst_of(service, tenant_id)
    first = await hunt(analyst, tenant_id, rule=NOTEPAD)
    assert (first.result.records, first.result.found, first.result.known, first.result.hidden) == (3, 3, 0, 0)
    assert len(first.result.detection_ids) == 2
    assert first.progress[-1].looked_through == 3
    assert {match.title for hit in first.hits for match in hit.matches} == {"Notepad was started"}
    counts = []
    for detection_id in first.result.detection_ids:
        detection = await shown(analyst, tenant_id, detection_id, first.result.position)
        assert detection.retrospective == detection.count
        assert detection.evidence[0].sha256
        counts.append(detection.count)
    assert sorted(counts) == [1, 2]
    raised = (await events_of(service, tenant_id, DetectionRaised))[0]
    assert isinstance(raised, DetectionRaised)
    assert (raised.kind, raised.sensor_id, raised.techniques) == (RuleKind.SIGMA, "sensor-1", ("T1059",))
    # The same hunt again finds the same, and counts none of it again.
    second = await hunt(analyst, tenant_id, rule=NOTEPAD)
    assert (second.result.found, second.result.known, list(second.result.detection_ids)) == (3, 3, [])
    assert len(await events_of(service, tenant_id, DetectionFoundByHunt)) == 2
    assert not await events_of(service, tenant_id, DetectionRepeated)


async def test_what_came_later_joins_what_an_earlier_hunt_raised(service: Service) -> None:
    tenant_id = await service.running.onboard()
    analyst = await analyst_of(service, tenant_id)
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    (detection_id,) = (await hunt(analyst, tenant_id, rule=NOTEPAD)).result.detection_ids
    sensor = await service.sensor(tenant_id)
    # The first record comes once more, as sensors batch anew; only the second is new.
    await service.ingest(sensor, tenant_id, lines(harmless("desk-1", 1), harmless("desk-1", 2)))
    await archived(service, tenant_id, 2)
    again = await hunt(analyst, tenant_id, rule=NOTEPAD)
    assert list(again.result.detection_ids) == [detection_id]
    assert (again.result.found, again.result.known) == (3, 1)
    detection = await shown(analyst, tenant_id, detection_id, again.result.position)
    assert (detection.count, detection.retrospective) == (2, 2)


async def test_what_the_live_engine_has_raised_is_not_raised_again(with_rules: Service) -> None:
    service = with_rules
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    answer = await service.ingest(sensor, tenant_id, lines(*(shadow_copies_deleted("desk-1", n) for n in (1, 2))))
    assert answer.receipt.raised == 1
    await service.ingest(
        sensor, tenant_id, lines(shadow_copies_deleted("desk-1", 2), shadow_copies_deleted("desk-1", 3))
    )
    await archived(service, tenant_id, 2)
    analyst = await analyst_of(service, tenant_id)
    found = await hunt(analyst, tenant_id, rule_id=SHADOW_ID)
    assert (found.result.found, found.result.known, list(found.result.detection_ids)) == (4, 3, [])
    (event,) = await events_of(service, tenant_id, HuntCompleted)
    assert isinstance(event, HuntCompleted)
    assert (event.dry_run, event.known, event.hits_sha256) == (False, 3, None)
    # The packs whose rules were at work are cited, as with live telemetry; other tests may have deployed some too.
    recorded = await service.foundation.ledger.feed.read(TenantId(tenant_id), found.result.position, 1)
    assert {fact.kind for fact in recorded[0].envelope.facts} == {"rule_pack"}


async def test_what_a_hunt_raises_says_nothing_of_how_fast_we_are(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1), harmless("desk-2", 2)))
    analyst = await analyst_of(service, tenant_id)
    found = await hunt(analyst, tenant_id, rule=NOTEPAD)
    assert len(found.result.detection_ids) == 2
    stub = analyst.stub(detections_clocks_read_pb2_grpc.DetectionsClocksReadServiceStub)
    request = clocks.ListSourceClocksRequest(tenant_ids=[tenant_id], min_position=found.result.position)
    (source,) = (await analyst.call(stub.ListSourceClocks, request, deadline=60)).sources
    assert (source.batches, sum(source.raised.counts)) == (1, 0)


async def test_a_dry_run_shows_hits_and_raises_nothing(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    analyst = await analyst_of(service, tenant_id)
    found = await hunt(analyst, tenant_id, rule=NOTEPAD, dry_run=True)
    assert (found.result.found, len(found.hits), list(found.result.detection_ids)) == (1, 1, [])
    assert "notepad.exe" in found.hits[0].summary
    assert not await events_of(service, tenant_id, DetectionRaised)
    (event,) = await events_of(service, tenant_id, HuntCompleted)
    assert isinstance(event, HuntCompleted)
    assert event.dry_run


async def test_a_hunt_that_is_asked_again_with_its_request_id_is_one_hunt(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    analyst = await analyst_of(service, tenant_id)
    same = {
        "request_id": request_id(),
        "start": stamp(datetime(2026, 1, 1, tzinfo=UTC)),
        "end": stamp(datetime(2027, 1, 1, tzinfo=UTC)),
        "rule": NOTEPAD,
    }
    first, second = await hunt(analyst, tenant_id, **same), await hunt(analyst, tenant_id, **same)
    assert first.result == second.result
    assert len(await events_of(service, tenant_id, HuntCompleted)) == 1
    other = await refused(analyst, tenant_id, **(same | {"dry_run": True}))
    assert other.reason == "REQUEST_ID_REUSED"


async def test_new_activity_of_a_group_that_was_judged_is_a_detection_of_its_own(service: Service) -> None:
    tenant_id = await service.running.onboard()
    analyst = await analyst_of(service, tenant_id)
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    (first,) = (await hunt(analyst, tenant_id, rule=NOTEPAD)).result.detection_ids
    verdict = write.ValidateDetectionRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        detection_id=first,
        verdict=5,
        confidence_percent=90,
        rationale="known",
    )
    await analyst.call(writes(analyst).ValidateDetection, verdict)
    assert (await hunt(analyst, tenant_id, rule=NOTEPAD)).result.known == 1
    sensor = await service.sensor(tenant_id)
    await service.ingest(sensor, tenant_id, lines(harmless("desk-1", 2)))
    await archived(service, tenant_id, 2)
    later = (await hunt(analyst, tenant_id, rule=NOTEPAD)).result
    assert (later.found, later.known, len(later.detection_ids)) == (2, 1, 1)
    assert later.detection_ids[0] != first


async def test_what_a_suppression_hides_is_counted_and_not_raised(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1), harmless("desk-2", 2)))
    analyst = await analyst_of(service, tenant_id)
    stub = analyst.stub(detections_suppressions_write_pb2_grpc.SuppressionsWriteServiceStub)
    request = suppressions.AddSuppressionRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        rule_id=compile_rule(NOTEPAD.encode()).rule_id,
        conditions=[
            suppressions.SuppressionConditionInput(
                field="@host", operator=suppressions_read.CONDITION_OPERATOR_EQUALS, value="desk-1"
            )
        ],
        starts_at=stamp(datetime(2026, 1, 1, tzinfo=UTC)),
        expires_at=stamp(datetime.now(UTC) + timedelta(days=1)),
        reason="a kiosk",
    )
    await analyst.call(stub.AddSuppression, request)
    found = (await hunt(analyst, tenant_id, rule=NOTEPAD)).result
    assert (found.found, found.hidden, len(found.detection_ids)) == (2, 1, 1)


def connection(host: str, record_id: int, address: str, **fields: str) -> dict[str, object]:
    return evtx(SYSMON, 3, host, "2026-11-24T03:00:00.000000Z", record_id, DestinationIp=address, **fields)


def process(host: str, record_id: int, **fields: str) -> dict[str, object]:
    return evtx(SYSMON, 1, host, "2026-11-24T03:00:00.000000Z", record_id, **fields)


async def test_indicators_of_every_kind_are_found_and_say_what_they_were(service: Service) -> None:
    tenant_id = await service.running.onboard()
    digest = "ab" * 32
    await sent(
        service,
        tenant_id,
        lines(
            connection("desk-1", 1, "203.0.113.9"),
            connection("desk-2", 2, "198.51.100.77"),
            connection("desk-3", 3, "192.0.2.1", DestinationHostname="CDN.evil.example"),
            process("desk-4", 4, Image="C:\\t\\Mimi.EXE", Hashes=f"MD5=00,SHA256={digest.upper()}"),
            process("desk-5", 5, Url="HTTP://Bad.example/x?y=1"),
            harmless("desk-6", 6),
        ),
    )
    analyst = await analyst_of(service, tenant_id)
    listed = f"# ours\nkind,value\nipv4,203.0.113[.]9\n198.51.100.0/24\ncdn.evil.example\nsha256,{digest}\nmimi.exe\n"
    listed += "hxxp://bad.example/x?y=1\nsomeone@nowhere.example\n"
    found = await hunt(analyst, tenant_id, indicators=listed)
    observed = sorted(match.observed for hit in found.hits for match in hit.matches)
    assert observed == [
        "indicator: address 198.51.100.77",
        "indicator: address 203.0.113.9",
        "indicator: domain cdn.evil.example",
        "indicator: file name mimi.exe",
        f"indicator: hash {digest}",
        "indicator: url http://bad.example/x?y=1",
    ]
    assert (found.result.found, len(found.result.detection_ids)) == (5, 6)
    raised = await events_of(service, tenant_id, DetectionRaised)
    assert all(isinstance(each, DetectionRaised) and each.kind is RuleKind.INDICATOR for each in raised)
    assert not any("evil.example" in str(each) or "203.0.113.9" in str(each) for each in raised)
    shows = [await shown(analyst, tenant_id, each, found.result.position) for each in found.result.detection_ids]
    assert {each.observables[0].value for each in shows} == set(observed)
    again = await hunt(analyst, tenant_id, indicators="cdn.evil.example")
    assert (again.result.found, again.result.known, list(again.result.detection_ids)) == (1, 1, [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"indicators": "1.2.3.4\nnot an indicator\n"}, "INDICATOR_LIST_UNREADABLE"),
        ({"indicators": "# nothing\n\n"}, "INDICATOR_LIST_UNREADABLE"),
        ({"indicators": "md5,xyz"}, "INDICATOR_LIST_UNREADABLE"),
        ({"rule": "title: [unclosed"}, "RULE_UNCOMPILABLE"),
        ({"rule": "- a\n- b"}, "RULE_UNCOMPILABLE"),
        ({"rule_id": "nothing-of-this-name"}, "RULE_UNKNOWN"),
    ],
)
async def test_what_cannot_be_looked_for_is_refused(service: Service, changes: dict[str, str], reason: str) -> None:
    tenant_id = await service.running.onboard()
    analyst = await analyst_of(service, tenant_id)
    assert (await refused(analyst, tenant_id, **changes)).reason == reason
    assert not await events_of(service, tenant_id, HuntCompleted)


async def test_one_tenants_hunt_touches_no_other_tenant_and_wrong_roles_hunt_nothing(service: Service) -> None:
    mine, other = await service.running.onboard(), await service.running.onboard()
    await sent(service, mine, lines(harmless("desk-1", 1)))
    await sent(service, other, lines(harmless("desk-1", 1)))
    analyst = await analyst_of(service, mine)
    found = await hunt(analyst, mine, rule=NOTEPAD)
    assert (found.result.found, len(found.result.detection_ids)) == (1, 1)
    assert not await events_of(service, other, DetectionRaised)
    foreign = await refused(analyst, other, rule=NOTEPAD)
    unknown = await refused(analyst, "nobody-at-all", rule=NOTEPAD)
    assert (foreign.code, foreign.reason) == (unknown.code, unknown.reason)
    _, viewer = await service.person(ROLE.ROLE_CUSTOMER_VIEWER, mine, home=mine)
    assert (await refused(viewer, mine, indicators="1.2.3.4")).reason == "ROLE_MISSING"


async def test_a_limit_ends_a_hunt_which_says_so_and_the_next_one_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(*(harmless(f"desk-{n}", n) for n in range(5))))
    analyst = await analyst_of(service, tenant_id)
    monkeypatch.setattr(matching, "MAX_HUNT_HITS", 3)
    cut = await hunt(analyst, tenant_id, rule=NOTEPAD, dry_run=True)
    assert (cut.result.found, cut.result.truncated) == (3, True)
    monkeypatch.undo()
    monkeypatch.setattr(retrospecting, "MAX_DETECTIONS_PER_HUNT", 3)
    parts = [await hunt(analyst, tenant_id, rule=NOTEPAD) for _ in range(3)]
    assert [(len(each.result.detection_ids), each.result.truncated) for each in parts] == [
        (3, True),
        (2, False),
        (0, False),
    ]


async def test_a_hunt_that_is_cancelled_or_too_slow_raises_and_records_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    analyst = await analyst_of(service, tenant_id)
    stub = analyst.stub(detections_hunts_pb2_grpc.DetectionsHuntServiceStub)
    request = pb.HuntRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        reason="a test",
        start=stamp(datetime(2026, 1, 1, tzinfo=UTC)),
        end=stamp(datetime(2027, 1, 1, tzinfo=UTC)),
        rule=NOTEPAD,
    )
    stream = analyst.stream(stub.Hunt, request, deadline=120)
    await anext(stream)
    await stream.aclose()
    monkeypatch.setattr(matching, "MATCH_HUNT_SECONDS", 0.001)
    assert (await refused(analyst, tenant_id, rule=NOTEPAD)).reason == "HUNT_TOO_SLOW"
    monkeypatch.undo()
    scratch = service.foundation.settings.run_dir / "archive"
    async with asyncio.timeout(60):
        while list(scratch.iterdir()):
            await asyncio.sleep(0.1)
    assert not await events_of(service, tenant_id, HuntCompleted)
    assert (await hunt(analyst, tenant_id, rule=NOTEPAD)).result.found == 1


async def test_after_a_restart_and_a_merge_nothing_counts_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    contents: Sequence[bytes] = [lines(harmless("desk-1", number)) for number in range(5)]
    await sent(service, tenant_id, *contents)
    analyst = await analyst_of(service, tenant_id)
    assert len((await hunt(analyst, tenant_id, rule=NOTEPAD)).result.detection_ids) == 1
    monkeypatch.setattr(keeping_of(service), "_clock", lambda: datetime.now(UTC) + timedelta(hours=4))
    await keeping_of(service).keep(TenantId(tenant_id))
    async with serving(service.platform, service.running) as restarted:
        again = await hunt(await analyst_of(restarted, tenant_id), tenant_id, rule=NOTEPAD)
    assert (again.result.found, again.result.known, list(again.result.detection_ids)) == (5, 5, [])
