"""Hunts by a correlation: what the stream would have said of archived telemetry, each record counted once for ever."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tenet.detections.v1 import detections_suppressions_read_pb2 as suppressions_read
from tenet.detections.v1 import detections_suppressions_write_pb2 as suppressions
from tenet.detections.v1 import detections_suppressions_write_pb2_grpc

from contracts.events.detections import DetectionFoundByHunt, DetectionRaised, RuleKind
from contracts.events.hunts import HuntCompleted
from contracts.ids import TenantId
from services.detections.application.hunts import correlating
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.hits import Firing
from services.detections.domain.correlation.hunted import CorrelationMatcher, Gathering, Standing
from services.detections.domain.formats.recognition import parsed_of
from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Fired
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.sigma.packs import compile_texts
from services.detections.domain.suppression import Hiding
from tests.fixtures.platform import request_id
from tests.services.detections.archive.test_hunts import archived, sent, stamp
from tests.services.detections.archive.test_match_hunts import analyst_of, events_of, hunt, refused, shown
from tests.services.detections.conftest import Service
from tests.services.detections.correlation.sign_ins import BASE_ID, GUESSING_ID, PACK, deploy, failed
from tests.services.detections.records import evtx, lines

# Rules of its own: those of the pack may be at work already.
GIVEN = "9a0c7c53-3d8f-4a0e-9a1c-6ad1c7e6000"
GUESSING = PACK["guessing.yml"].replace(BASE_ID, f"{GIVEN}1").replace(GUESSING_ID, f"{GIVEN}2")
SLOWLY = """
title: Sign-In Failed
name: failed
id: 8a0c7c53-3d8f-4a0e-9a1c-6ad1c7e60001
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4625}
    condition: selection
---
title: Account Was Made
name: made
id: 8a0c7c53-3d8f-4a0e-9a1c-6ad1c7e60002
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4720}
    condition: selection
---
title: Guessed and Settled
id: 8a0c7c53-3d8f-4a0e-9a1c-6ad1c7e60003
correlation:
    type: temporal_ordered
    rules: [failed, made]
    group-by: [Computer]
    timespan: 20d
level: high
"""


async def test_a_given_correlation_finds_what_came_before_it_and_raises_it_once(service: Service) -> None:
    tenant_id, other = await service.running.onboard(), await service.running.onboard()
    # The first of them comes hours late, in a batch of its own: live it would not have counted.
    await sent(service, tenant_id, lines(failed(2, minute=5), failed(3, "ALICE", minute=9)), lines(failed(1)))
    await sent(service, other, lines(failed(1), failed(2)))
    analyst = await analyst_of(service, tenant_id, other)
    first = await hunt(analyst, tenant_id, rule=GUESSING)
    assert (first.result.records, first.result.found, first.result.known, first.result.hidden) == (3, 3, 0, 0)
    (detection_id,) = first.result.detection_ids
    assert {(hit.record, hit.matches[0].rule_id, hit.matches[0].observed) for hit in first.hits} == {
        (number, f"{GIVEN}2", "TargetUserName: alice") for number in (0, 1)
    }
    detection = await shown(analyst, tenant_id, detection_id, first.result.position)
    assert (detection.count, detection.retrospective, detection.severity_id) == (3, 3, 4)
    assert len({piece.sha256 for piece in detection.evidence}) == 2
    raised = (await events_of(service, tenant_id, DetectionRaised))[-1]
    assert isinstance(raised, DetectionRaised)
    assert (raised.kind, raised.rule.rule_id, raised.sensor_id) == (RuleKind.CORRELATION, f"{GIVEN}2", "sensor-1")
    again = await hunt(analyst, tenant_id, rule=GUESSING)
    assert (again.result.found, again.result.known, list(again.result.detection_ids)) == (3, 3, [])
    # One more of the same hour joins, and only that one counts.
    await sent_more(service, tenant_id, lines(failed(4, minute=10)), 3)
    more = await hunt(analyst, tenant_id, rule=GUESSING)
    assert (more.result.found, more.result.known, list(more.result.detection_ids)) == (4, 3, [detection_id])
    detection = await shown(analyst, tenant_id, detection_id, more.result.position)
    assert (detection.count, detection.retrospective) == (4, 4)
    assert not (await hunt(analyst, other, rule=GUESSING)).result.detection_ids
    assert len(await events_of(service, tenant_id, DetectionFoundByHunt)) == 2


async def sent_more(service: Service, tenant_id: str, content: bytes, batches: int) -> None:
    await service.ingest(await service.sensor(tenant_id), tenant_id, content)
    await archived(service, tenant_id, batches)


def later(number: int) -> dict[str, Any]:
    at = f"2026-11-24T04:00:{number:02}.000000Z"
    return evtx("Security", 4625, "DC", at, number, TargetUserName="bob")


async def test_what_the_stream_has_raised_is_not_raised_again_by_the_correlation_at_work(service: Service) -> None:
    await deploy(service)
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    live = await service.ingest(sensor, tenant_id, lines(later(1), *(failed(10 + number) for number in range(20))))
    assert live.receipt.raised == 1
    # Too late for the stream, which has seen bob three hours later.
    late = await service.ingest(sensor, tenant_id, lines(*(failed(40 + n, "bob", minute=n) for n in range(3))))
    assert late.receipt.raised == 0
    await archived(service, tenant_id, 2)
    analyst = await analyst_of(service, tenant_id)
    found = await hunt(analyst, tenant_id, rule_id=GUESSING_ID)
    assert (found.result.found, found.result.known, len(found.result.detection_ids)) == (23, 20, 1)
    (event,) = await events_of(service, tenant_id, HuntCompleted)
    assert isinstance(event, HuntCompleted)
    recorded = await service.foundation.ledger.feed.read(TenantId(tenant_id), found.result.position, 1)
    assert [fact.kind for fact in recorded[0].envelope.facts] == ["rule_pack"]
    assert (await refused(analyst, tenant_id, rule_id="nobody")).reason == "RULE_UNKNOWN"


async def test_a_window_that_ends_within_the_period_may_begin_before_it(service: Service) -> None:
    tenant_id = await service.running.onboard()
    now = datetime.now(UTC).replace(microsecond=0)

    def event(event_id: int, host: str, days: float, number: int) -> dict[str, Any]:
        return evtx("Security", event_id, host, f"{now - timedelta(days=days):%Y-%m-%dT%H:%M:%S.%fZ}", number)

    await sent(
        service,
        tenant_id,
        lines(event(4625, "dc-1", 20, 1), event(4625, "dc-2", 22, 2)),
        lines(event(4720, "dc-1", 1, 3), event(4720, "dc-2", 1, 4)),
    )
    analyst = await analyst_of(service, tenant_id)
    period = {"start": stamp(now - timedelta(days=2)), "end": stamp(now)}
    found = await hunt(analyst, tenant_id, rule=SLOWLY, dry_run=True, **period)
    assert {hit.matches[0].observed for hit in found.hits} == {"Computer: dc-1"}
    assert (found.result.found, list(found.result.detection_ids)) == (2, [])
    earlier = {"start": stamp(now - timedelta(days=30)), "end": stamp(now - timedelta(days=5))}
    assert (await hunt(analyst, tenant_id, rule=SLOWLY, **earlier)).result.found == 0
    assert not await events_of(service, tenant_id, DetectionRaised)


async def test_what_is_suppressed_feeds_no_window_and_is_counted(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(failed(1), failed(2, host="KIOSK", minute=1), failed(3, minute=2)))
    analyst = await analyst_of(service, tenant_id)
    stub = analyst.stub(detections_suppressions_write_pb2_grpc.SuppressionsWriteServiceStub)
    request = suppressions.AddSuppressionRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        rule_id=f"{GIVEN}1",
        conditions=[
            suppressions.SuppressionConditionInput(
                field="@host", operator=suppressions_read.CONDITION_OPERATOR_EQUALS, value="kiosk"
            )
        ],
        starts_at=stamp(datetime(2026, 1, 1, tzinfo=UTC)),
        expires_at=stamp(datetime.now(UTC) + timedelta(days=1)),
        reason="a kiosk",
    )
    await analyst.call(stub.AddSuppression, request)
    found = (await hunt(analyst, tenant_id, rule=GUESSING)).result
    assert (found.found, found.hidden, list(found.detection_ids)) == (0, 1, [])


async def test_a_limit_ends_a_hunt_by_a_correlation_which_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(*(failed(number) for number in range(9))))
    analyst = await analyst_of(service, tenant_id)
    monkeypatch.setattr(correlating, "MAX_HUNT_HITS", 8)
    found = (await hunt(analyst, tenant_id, rule=GUESSING)).result
    assert (found.truncated, found.found) == (True, 8)
    monkeypatch.setattr(correlating, "MAX_HUNT_CORRELATED_HITS", 2)
    assert (await hunt(analyst, tenant_id, rule=GUESSING, dry_run=True)).result.truncated


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GUESSING.replace("rules: [failed]", "rules: [nobody]"), "RULE_UNCOMPILABLE"),
        (GUESSING.partition("---")[2], "RULE_UNCOMPILABLE"),
        (f"{GUESSING}\n---\n{SLOWLY.partition('---')[0].replace('name: failed', 'name: alone')}", "HUNT_REFUSED"),
    ],
)
async def test_what_cannot_be_correlated_is_refused(service: Service, text: str, reason: str) -> None:
    tenant_id = await service.running.onboard()
    analyst = await analyst_of(service, tenant_id)
    assert (await refused(analyst, tenant_id, rule=text)).reason == reason


def records_of(events: list[dict[str, Any]]) -> list[Record]:
    made = []
    for number, line in enumerate(lines(*events).splitlines()):
        (parsed,) = parsed_of(line)
        made.append(
            Record(
                offset=number,
                source=parsed.source,
                occurred_at=parsed.occurred_at,
                host=parsed.host,
                address=parsed.address,
                key=str(number).encode(),
                fields=parsed.fields,
                alert=parsed.alert,
                text=parsed.text,
                logsource=parsed.logsource,
            )
        )
    return made


def told(firings: list[Firing]) -> list[tuple[Any, ...]]:
    return [(each.group, each.at, [hit.key for hit in each.hits], each.begins) for each in firings]


@pytest.mark.parametrize("condition", ["{gte: 3}", "{lt: 2}"])
def test_in_whatever_order_records_lie_a_hunt_says_what_the_stream_says_of_them_in_time(condition: str) -> None:
    pack = compile_texts([("guessing", GUESSING.replace("{gte: 3}", condition).encode())])
    (correlation,) = pack.correlations
    correlations = Correlations(pack.correlations)
    fired: dict[str, Fired] = {correlation.rule_id: Fired(None, 0, ())}  # type: ignore[arg-type]  # Nobody looks at it.
    chance = random.Random(3)
    events = [failed(number, chance.choice(("ann", "bob")), minute=chance.randrange(60)) for number in range(40)]
    records = records_of(events)
    now = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    said = []
    for _ in range(3):
        chance.shuffle(records)
        gathering = Gathering(CorrelationMatcher(pack.rules, correlations, fired), Standing(Hiding(), Excepted()))
        for record in records:
            gathering.take(record, "sensor", "batch")
        said.append(told([each.firing for each in gathering.correlated(0, now)]))
    live = Correlator(pack.correlations)
    hits = sorted(gathering._hits, key=lambda hit: (hit.at, hit.rule_id, hit.key))
    streamed = [firing for hit in hits for firing in live.take([hit])]
    assert said[0] == said[1] == said[2] == told([*streamed, *live.close(now)])
    assert said[0]
