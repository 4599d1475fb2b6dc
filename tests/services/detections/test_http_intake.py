"""Telemetry over HTTP: by plain lines, OpenTelemetry and Splunk's events; what is refused says why."""

import gzip
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from contracts.errors import StoreUnavailable
from contracts.events.base import Event
from contracts.events.detections import TelemetryReceived
from contracts.ids import TenantId
from services.detections import wiring
from services.detections.application.quotas import Quotas
from services.detections.application.raising import Raising
from services.detections.config import MAX_BATCH_BYTES
from tests.services.detections.conftest import Service
from tests.services.detections.records import harmless, lines, shadow_copies_deleted


@dataclass(frozen=True)
class Door:
    """The intake of a running service, and a sensor's key."""

    service: Service
    url: str
    tenant_id: str
    key: str
    session: aiohttp.ClientSession

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any], Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"ApiKey {self.key}")
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=named) as answer:
            read = await answer.read()
            told = json.loads(read) if answer.content_type == "application/json" else {"body": read}
            return answer.status, told, answer

    async def events(self) -> list[Event]:
        feed = self.service.foundation.ledger.feed
        return [recorded.event for recorded in await feed.read(TenantId(self.tenant_id), 0, 1_000)]


@pytest.fixture
async def door(with_rules: Service) -> AsyncIterator[Door]:
    tenant_id = await with_rules.running.onboard()
    key = await with_rules.sensor_key(tenant_id)
    async with (
        wiring.serving_intake(with_rules.foundation, with_rules.detections.ingest) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Door(with_rules, url, tenant_id, key, session)


@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd"])
async def test_lines_are_durable_with_their_detections_when_they_are_acknowledged(door: Door, packed: str) -> None:
    content = lines(harmless("A", 1), shadow_copies_deleted("A", 2)) + b"broken\n"
    body = {"plain": content, "gzip": gzip.compress(content), "zstd": zstandard.compress(content)}[packed]
    headers = {} if packed == "plain" else {"Content_Encoding": packed}
    status, receipt, _ = await door.post("/v1/telemetry", body, Tenet_Sensor="edge-1", **headers)
    assert status == 200
    assert (receipt["records"], receipt["accepted"], receipt["raised"]) == (3, 2, 1)
    assert receipt["put_aside"] == {"NOT_JSON": 1}
    received = (await door.events())[0]
    assert isinstance(received, TelemetryReceived)
    assert (received.sensor_id, received.bytes) == ("edge-1", len(body))


async def test_a_request_that_is_sent_again_is_taken_once_with_a_key_or_without(door: Door) -> None:
    content = lines(shadow_copies_deleted("A", 1))
    first = await door.post("/v1/telemetry", content)
    again = await door.post("/v1/telemetry", content)
    assert first[1] == again[1]
    keyed = await door.post("/v1/telemetry", content + lines(harmless("A", 2)), Idempotency_Key="any key / at all")
    assert (keyed[1]["accepted"], keyed[1]["repeated"]) == (1, 1)
    status, other, _ = await door.post("/v1/telemetry", content, Idempotency_Key="any key / at all")
    assert (status, other["reason"]) == (400, "BATCH_ID_REUSED")
    assert len([event for event in await door.events() if isinstance(event, TelemetryReceived)]) == 2


async def test_equal_lines_at_other_places_of_a_source_are_other_records(door: Door) -> None:
    line = b"1764000000,n,1.1.1.1,h,s\n"
    receipts = [(await door.post("/v1/telemetry", line, Tenet_First_Record=str(at)))[1] for at in (0, 1, 1)]
    assert [receipt["accepted"] for receipt in receipts[:2]] == [1, 1]
    assert receipts[1] == receipts[2]


async def test_opentelemetrys_logs_are_read_as_what_they_carry(door: Door) -> None:
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add()
    scope.resource.attributes.add(key="host.name").value.string_value = "web1"
    logs = scope.scope_logs.add().log_records
    logs.add(time_unix_nano=1764000000 * 10**9).body.string_value = json.dumps(shadow_copies_deleted("A", 1))
    logs.add(time_unix_nano=1764000000 * 10**9).body.string_value = "of no known format"
    body = gzip.compress(message.SerializeToString())
    status, answer, _ = await door.post(
        "/v1/logs", body, Content_Type="application/x-protobuf", Content_Encoding="gzip"
    )
    assert status == 200
    assert not ExportLogsServiceResponse.FromString(answer["body"]).HasField("partial_success")
    received = (await door.events())[0]
    assert isinstance(received, TelemetryReceived)
    assert (received.accepted, received.put_aside) == (2, ())
    assert len(await door.events()) == 2, "the record within fired its rule"
    as_json = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}
    assert (await door.post("/v1/logs", json.dumps(as_json).encode(), Content_Type="application/json"))[0] == 200
    assert (await door.post("/v1/logs", b"{}", Content_Type="application/json"))[0] == 200
    for kind, status_wanted in (("application/json", 400), ("application/x-protobuf", 400), ("text/plain", 415)):
        assert (await door.post("/v1/logs", b"\xff{", Content_Type=kind))[0] == status_wanted


async def test_splunks_events_are_taken_and_refused_by_its_own_codes(door: Door) -> None:
    token = {"Authorization": f"Splunk {door.key}"}
    event = {"time": 1764000000, "host": "h", "event": shadow_copies_deleted("A", 1)}
    text = {"event": "Nov 24 08:59:01 h sshd[1]: no", "sourcetype": "syslog"}
    body = (json.dumps(event) + json.dumps(text, indent=1)).encode()
    status, answer, _ = await door.post("/services/collector/event", body, **token)
    assert (status, answer) == (200, {"text": "Success", "code": 0})
    received = (await door.events())[0]
    assert isinstance(received, TelemetryReceived)
    assert received.accepted == 2
    assert len(await door.events()) == 2
    assert (await door.post("/services/collector/raw", lines(harmless("A", 9)), **token))[1]["code"] == 0
    wrong = [
        (b"", 400, 5),
        (b"[1]", 400, 6),
        (b'{"event": 1', 400, 6),
        (b'{"a": 1}', 400, 12),
        (b'{"event": ""}', 400, 13),
    ]
    for body, wanted, code in wrong:
        status, answer, _ = await door.post("/services/collector", body, **token)
        assert (status, answer["code"]) == (wanted, code), body
    for scheme, wanted, code in (("Splunk no.key", 403, 4), ("", 401, 2)):
        status, answer, _ = await door.post("/services/collector", body, Authorization=scheme)
        assert (status, answer["code"]) == (wanted, code)
    async with door.session.get(door.url + "/services/collector/health") as healthy:
        assert (healthy.status, (await healthy.json())["code"]) == (200, 17)


async def test_what_is_refused_says_why_and_nothing_of_it_is_taken(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    content = lines(shadow_copies_deleted("A", 1))
    other = await door.service.running.onboard()
    for headers, wanted, reason in (
        ({"Authorization": ""}, 401, "CREDENTIAL_MISSING"),
        ({"Authorization": "ApiKey a.b"}, 401, "CREDENTIAL_REFUSED"),
        ({"Tenet_Tenant": other}, 404, "TENANT_UNKNOWN"),
        ({"Tenet_Sensor": "../x"}, 400, "HEADER_INVALID"),
        ({"Tenet_Format": "xml"}, 400, "HEADER_INVALID"),
        ({"Tenet_First_Record": "-1"}, 400, "HEADER_INVALID"),
        ({"Tenet_Mapping": "0" * 64}, 404, "MAPPING_UNKNOWN"),
        ({"Content_Encoding": "br"}, 415, "ENCODING_UNKNOWN"),
    ):
        status, answer, _ = await door.post("/v1/telemetry", content, **headers)
        assert (status, answer["reason"]) == (wanted, reason)
    status, answer, _ = await door.post("/v1/telemetry", b"x" * (MAX_BATCH_BYTES + 1))
    assert (status, answer["reason"]) == (413, "BODY_TOO_LARGE")
    bomb = gzip.compress(b" " * (40 * 1024 * 1024))
    status, answer, _ = await door.post("/v1/logs", bomb, Content_Type="application/x-protobuf")
    assert (status, answer["reason"]) == (413, "BODY_TOO_LARGE")
    assert (await door.post("/v2/telemetry", content))[1]["reason"] == "NO_SUCH_PATH"
    with monkeypatch.context() as patched:
        patched.setattr(Raising, "append", _unavailable)
        status, answer, raw = await door.post("/v1/telemetry", content)
    assert (status, answer["reason"], raw.headers["Retry-After"]) == (503, "STORE_UNAVAILABLE", "1")
    assert not await door.events()


async def _unavailable(*_: Any, **__: Any) -> None:
    raise StoreUnavailable("away")


async def test_a_tenant_over_its_quota_is_told_when_to_come_back_and_another_is_not_touched(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    quotas = Quotas(lambda: now[0], {door.tenant_id: 1})
    ingest = door.service.detections.ingest
    monkeypatch.setattr(ingest, "_parts", replace(ingest._parts, quotas=quotas))
    assert (await door.post("/v1/telemetry", lines(*(harmless("A", at) for at in range(50)))))[0] == 200
    status, answer, raw = await door.post("/v1/telemetry", lines(harmless("A", 99)))
    assert (status, answer["reason"]) == (429, "QUOTA_EXCEEDED")
    assert 25 <= int(raw.headers["Retry-After"]) <= 60
    other = await door.service.running.onboard()
    key = await door.service.sensor_key(other)
    content = lines(harmless("A", 1))
    assert (await door.post("/v1/telemetry", content, Authorization=f"ApiKey {key}"))[0] == 200
    now[0] += 60
    assert (await door.post("/v1/telemetry", lines(harmless("A", 99))))[0] == 200
