"""Intelligence through gRPC: imported, matched in the stream, for whom it is, and refused with a reason."""

import gzip
import hashlib
import json

import pytest
from tenet.detections.v1 import (
    detections_intelligence_pb2,
    detections_intelligence_read_pb2,
    detections_intelligence_read_pb2_grpc,
    detections_intelligence_write_pb2,
    detections_intelligence_write_pb2_grpc,
    detections_read_pb2,
)

from contracts.events.intelligence import IntelligenceImported
from contracts.ids import PROVIDER
from contracts.labels import Label
from services.detections.domain.intelligence.watch import FACT
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, reads
from tests.services.detections.intelligence.asking import imported, importing, raised, refused
from tests.services.detections.intelligence.bundles import (
    AMBER_STRICT,
    GREEN,
    RED,
    attribute,
    bundle,
    connection,
    indicates,
    indicator,
    misp_event,
    technique,
)

BAD = "203.0.113.66"
PATTERN = f"[ipv4-addr:value = '{BAD}']"


async def test_an_indicator_raises_one_detection_that_cites_its_import(service: Service) -> None:
    admin = await service.client("admin")
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    bad, tactic = indicator(PATTERN, name="c2 of a gang"), technique("T1071", "Application Layer Protocol")
    source = await imported(admin, bundle(bad, tactic, indicates(bad, tactic)))
    assert (source.version, source.indicators, source.techniques, source.refused_total) == (1, 1, 1, 0)
    lines = (
        connection("ws-1", BAD) + connection("ws-1", BAD, "2026-11-23 10:00:07.000") + connection("ws-2", "10.0.0.7")
    )
    first = await service.ingest(sensor, tenant_id, lines, batch_id="batch-0001")
    assert (first.receipt.raised, first.receipt.joined) == (1, 0)
    again = await service.ingest(sensor, tenant_id, lines, batch_id="batch-0001")
    assert again.position == first.position
    more = await service.ingest(sensor, tenant_id, connection("ws-1", f"::ffff:{BAD}", "2026-11-23 10:01:00.000"))
    assert (more.receipt.raised, more.receipt.joined) == (0, 1)

    ((event, envelope),) = await raised(service, tenant_id)
    assert (event.count, event.techniques, event.rule.rule_id) == (2, ("T1071",), bad["id"])
    assert BAD not in event.rule.title
    reference = event.indicator
    assert reference is not None
    assert (reference.ledger, reference.position) == (PROVIDER, source.position)
    (recorded,) = await service.foundation.ledger.feed.read(PROVIDER, reference.position, 1)
    assert isinstance(recorded.event, IntelligenceImported)
    assert recorded.event.set_sha256 == reference.set_sha256 == source.set_sha256
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    request = detections_read_pb2.GetDetectionRequest(
        tenant_id=tenant_id, detection_id=event.detection_id, min_position=more.position
    )
    shown = await analyst.call(reads(analyst).GetDetection, request)
    assert shown.detection.indicator.source == "vendor"
    assert 0 < shown.detection.indicator.confidence_percent <= 90, "it decays with time"
    assert dict(shown.technique_names) == {"T1071": "Application Layer Protocol"}
    assert any(BAD in each.value for each in shown.detection.observables)
    assert (FACT, reference.set_sha256, PROVIDER, reference.position) in [
        (fact.kind, fact.digest, fact.tenant_id, fact.position) for fact in envelope.facts
    ]


async def test_what_may_not_leave_the_provider_is_matched_for_no_customer(service: Service) -> None:
    admin = await service.client("admin")
    tenant_id = await service.running.onboard()
    secret = [
        indicator("[ipv4-addr:value = '203.0.113.1']", object_marking_refs=[RED]),
        indicator("[ipv4-addr:value = '203.0.113.2']", object_marking_refs=[GREEN, AMBER_STRICT]),
    ]
    source = await imported(admin, bundle(*secret, indicator("[ipv4-addr:value = '203.0.113.3']")), source="labelled")
    assert (source.standing, source.kept_back) == (3, 2)
    lines = b"".join(connection(f"ws-{number}", f"203.0.113.{number}") for number in (1, 2, 3))
    await service.ingest(await service.sensor(tenant_id), tenant_id, lines)
    found = [event.rule.rule_id for event, _ in await raised(service, tenant_id)]
    assert found == [indicator("[ipv4-addr:value = '203.0.113.3']")["id"]]


async def test_a_tenants_own_indicators_are_matched_for_it_alone(service: Service) -> None:
    tenant_id, other = await service.running.onboard(), await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    own = indicator(
        "[domain-name:value = 'evil.example'] OR [ipv4-addr:value = '203.0.113.9']", object_marking_refs=[RED]
    )
    source = await imported(lead, bundle(own), tenant_id=tenant_id, source="own")
    assert source.kept_back == 1
    for each in (tenant_id, other):
        await service.ingest(await service.sensor(each), each, connection("ws-1", "203.0.113.9"))
    ((event, _),) = await raised(service, tenant_id)
    assert event.label is Label.RED
    assert event.indicator is not None
    assert event.indicator.ledger == tenant_id
    assert not await raised(service, other)


async def test_versions_of_a_source_replace_or_add_and_a_retired_one_is_matched_no_more(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    first = indicator("[ipv4-addr:value = '198.51.100.1']")
    await imported(lead, bundle(first), tenant_id=tenant_id, source="own")
    same = await importing(lead, bundle(first), tenant_id=tenant_id, source="own")
    assert same.source.version == 1
    mode = detections_intelligence_pb2.IMPORT_MODE_ADD
    second = indicator("[ipv4-addr:value = '198.51.100.2']")
    over = {**first, "revoked": True, "modified": "2026-11-02T00:00:00Z"}
    added = await imported(lead, bundle(second, over), tenant_id=tenant_id, source="own", mode=mode)
    assert (added.version, added.standing, added.revoked) == (2, 1, 1)
    late = await imported(lead, bundle(first), tenant_id=tenant_id, source="own", mode=mode)
    assert (late.version, late.revoked) == (2, 1), "what is older than the revocation does not undo it"
    sensor = await service.sensor(tenant_id)
    await service.ingest(sensor, tenant_id, connection("a", "198.51.100.1") + connection("b", "198.51.100.2"))
    assert [event.rule.rule_id for event, _ in await raised(service, tenant_id)] == [second["id"]]
    stub = lead.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    await lead.call(
        stub.RetireIntelligenceSource,
        detections_intelligence_write_pb2.RetireIntelligenceSourceRequest(
            tenant_id=tenant_id, request_id=request_id(), source="own"
        ),
    )
    await service.ingest(sensor, tenant_id, connection("c", "198.51.100.2"))
    assert len(await raised(service, tenant_id)) == 1


async def test_misp_events_become_indicators(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    event = misp_event(
        attribute("ip-dst|port", "198.51.100.77|443"),
        attribute("comment", "nothing"),
        attribute("domain", "seen.example", to_ids=False),
        attribute("sha256", "12"),
        tags=(
            "tlp:green",
            'misp-galaxy:mitre-attack-pattern="Web Protocols - T1071.001"',
            'misp:confidence-level="usually-confident"',
        ),
    )
    source = await imported(lead, json.dumps([event]).encode(), tenant_id=tenant_id, source="misp")
    assert (source.format, source.indicators) == (detections_intelligence_pb2.INTELLIGENCE_FORMAT_MISP, 1)
    assert sorted(each.reason for each in source.refused) == ["OBSERVABLE_UNSUPPORTED", "VALUE_INVALID"]
    await service.ingest(await service.sensor(tenant_id), tenant_id, connection("ws-1", "198.51.100.77"))
    ((found, _),) = await raised(service, tenant_id)
    assert found.techniques == ("T1071.001",)
    assert found.indicator is not None
    assert found.indicator.label is Label.GREEN


async def test_bad_content_is_refused_with_a_reason_and_nothing_is_recorded(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    head = await service.foundation.ledger.feed.head(tenant_id)
    deep = b'{"type":"bundle","objects":' + b"[" * 100_000
    for content, reason in (
        (b"no json", "INTELLIGENCE_UNREADABLE"),
        (b"[1, 2]", "INTELLIGENCE_UNREADABLE"),
        (b'{"type": "indicator", "objects": []}', "INTELLIGENCE_UNREADABLE"),
        (b'{"type": "bundle", "objects": {}}', "INTELLIGENCE_UNREADABLE"),
        (deep, "INTELLIGENCE_UNREADABLE"),
        (gzip.compress(b" " * 250_000_000, 9), "INTELLIGENCE_TOO_LARGE"),
        (gzip.compress(bundle())[:-9], "INTELLIGENCE_UNREADABLE"),
        (bundle(), "INTELLIGENCE_EMPTY"),
        (bundle(1, None, {"type": "indicator"}), "INTELLIGENCE_EMPTY"),
    ):
        assert await refused(importing(lead, content, tenant_id=tenant_id)) == reason, content[:40]
    lying = importing(lead, bundle(indicator(PATTERN)), tenant_id=tenant_id, sha256=hashlib.sha256(b"").hexdigest())
    assert await refused(lying) == "INTELLIGENCE_HASH_MISMATCH"
    assert await service.foundation.ledger.feed.head(tenant_id) == head


async def test_what_cannot_be_used_is_named(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    good = indicator("[ipv4-addr:value = '198.51.100.5']")
    loop = [
        {
            **indicator("[url:value = 'http://a.example/']"),
            "object_marking_refs": ["marking-definition--00000000-0000-4000-8000-000000000000"],
        }
    ]
    content = bundle(
        good,
        good,
        {**good, "confidence": 3},
        indicator("[a:b = 'x'] FOLLOWEDBY [c:d = 'y']"),
        indicator("[x-custom:thing = 'x']"),
        indicator("[file:name != 'x']"),
        indicator("[file:hashes.'SHA-256' = 'abc']"),
        indicator("no pattern"),
        indicator("[file:name MATCHES '(a+)+b']"),
        indicator("rule x { condition: true }", pattern_type="yara"),
        indicator("[mutex:name = 'm']", valid_until="2020-01-01T00:00:00Z"),
        *loop,
    )
    source = await imported(lead, content, tenant_id=tenant_id)
    assert source.standing == 1
    assert {each.reason for each in source.refused} == {
        "DUPLICATE_IDENTIFIER",
        "PATTERN_NOT_SIMPLE",
        "OBSERVABLE_UNSUPPORTED",
        "OPERATOR_UNSUPPORTED",
        "VALUE_INVALID",
        "PATTERN_UNREADABLE",
        "EXPRESSION_TOO_COSTLY",
        "PATTERN_LANGUAGE_UNSUPPORTED",
        "TIMES_INVALID",
        "LABEL_UNKNOWN",
    }
    assert source.refused_total == len(source.refused) == 10


async def test_only_those_who_lead_import_and_only_where_they_may(service: Service) -> None:
    tenant_id, other = await service.running.onboard(), await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    _, approver = await service.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
    content = bundle(indicator(PATTERN))
    for client in (analyst, approver):
        assert await refused(importing(client, content, tenant_id=tenant_id)) == "ROLE_MISSING"
    assert await refused(importing(lead, content, tenant_id=other)) == "TENANT_UNKNOWN"
    assert await refused(importing(lead, content, tenant_id=PROVIDER)) == "ROLE_MISSING"
    await imported(lead, content, tenant_id=tenant_id)
    stub = approver.stub(detections_intelligence_read_pb2_grpc.IntelligenceReadServiceStub)
    request = detections_intelligence_read_pb2.ListIndicatorsRequest(tenant_id=tenant_id, source="vendor")
    assert await refused(approver.call(stub.ListIndicators, request)) == "ROLE_MISSING"
    stub = analyst.stub(detections_intelligence_read_pb2_grpc.IntelligenceReadServiceStub)
    found = await analyst.call(stub.ListIndicators, request)
    assert [each.patterns[0] for each in found.indicators] == [f"address = {BAD}"]
    request.value = BAD
    assert len((await analyst.call(stub.ListIndicators, request)).indicators) == 1
    request.value = "203.0.113.67"
    assert not (await analyst.call(stub.ListIndicators, request)).indicators


async def test_attack_is_imported_and_techniques_have_names(service: Service) -> None:
    path = service.foundation.settings.shared_data / "enterprise-attack-stix21.json.gz"
    if not path.is_file():
        pytest.skip(f"recorded data is absent: {path} (set TENET_SHARED_DATA)")
    admin = await service.client("admin")
    source = await imported(admin, path.read_bytes(), source="attack")
    assert source.techniques > 600
    assert source.refused_total == 0
    stub = admin.stub(detections_intelligence_read_pb2_grpc.IntelligenceReadServiceStub)
    request = detections_intelligence_read_pb2.ListTechniquesRequest(tenant_id=PROVIDER, technique_ids=["T1055.011"])
    (found,) = (await admin.call(stub.ListTechniques, request)).techniques
    assert (found.name, found.source, found.version) == ("Extra Window Memory Injection", "attack", 1)
