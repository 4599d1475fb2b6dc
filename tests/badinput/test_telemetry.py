"""Telemetry that is broken in the ways that sensors break it: put aside with a reason, counted, nothing lost."""

import gzip
import io
import json
import zipfile

import pytest
from tenet.detections.v1 import detections_read_pb2, detections_read_pb2_grpc

from tests.badinput.work import entries, send
from tests.fixtures.customers import Customer, Provider, refusal
from tests.services.detections.records import harmless, lines, shadow_copies_deleted

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = lines(harmless("office", 1)).rstrip(b"\n")
RECORD = b'{"EventID": 1, "Channel": "Security", '
MEGABYTE = 1024 * 1024

BROKEN: dict[str, tuple[bytes, str]] = {
    "another encoding": (RECORD + b'"Caf\xe9": 1}', "NOT_UTF8"),
    "cut off in the middle": (RECORD + b'"User": "so', "NOT_JSON"),
    "neither JSON nor a known log": (b"a line of nobody's log", "NOT_JSON"),
    "deeply nested": (RECORD + b'"Deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "NESTED_TOO_DEEPLY"),
    "a lone surrogate": (RECORD + rb'"User": "\ud800 alone"}', "INVALID_UNICODE"),
    "a line of two megabytes": (RECORD + b'"Long": "' + b"x" * 2 * MEGABYTE + b'"}', "RECORD_TOO_LONG"),
    "nothing that is known": (b'{"hello": "world"}', "FORMAT_UNKNOWN"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_record_is_put_aside_and_its_neighbours_are_taken(
    provider: Provider, own: Customer, what: str
) -> None:
    broken, reason = BROKEN[what]
    sensor = f"sensor-{list(BROKEN).index(what)}"
    first, last = harmless("office", 1), harmless("office", 2)
    content = b"\n".join((lines(first).rstrip(b"\n"), broken, lines(last)))
    answer = await send(provider, own, content, sensor_id=sensor)
    receipt = answer.receipt
    assert (receipt.records, receipt.accepted) == (3, 2)
    assert [(each.reason, each.records) for each in receipt.put_aside] == [(reason, 1)]
    assert await recorded(provider, own, receipt.batch_id) == (3, 2, 0, {reason: 1})


TAKEN = [f"tenet.detections.{name}" for name in ("TelemetryReceived", "DetectionRaised", "DetectionRepeated")]
"""What taking a batch records at once; hosts are discovered when the archive is written, sooner or later."""


async def recorded(provider: Provider, customer: Customer, batch_id: str) -> tuple[int, int, int, dict[str, int]]:
    """What the ledger holds about a batch: records, accepted, repeated, and put aside by reason."""
    received = await entries(provider, customer, "tenet.detections.TelemetryReceived")
    (data,) = [entry["data"] for entry in received if entry["data"]["batch_id"] == batch_id]
    aside = {each["reason"]: each["records"] for each in data["put_aside"]}
    assert data["records"] == data["accepted"] + data["repeated"] + sum(aside.values())
    return data["records"], data["accepted"], data["repeated"], aside


async def test_text_in_utf_16_is_read_where_its_mark_says_so_and_counted_where_it_does_not(
    provider: Provider, own: Customer
) -> None:
    text = lines(harmless("office", 1), harmless("office", 2)).decode()
    marked = (await send(provider, own, text.encode("utf-16"), sensor_id="sensor-utf16")).receipt
    assert (marked.records, marked.accepted) == (2, 2)
    bare = (await send(provider, own, text.encode("utf-16-le"), sensor_id="sensor-utf16-bare")).receipt
    assert bare.accepted == 0
    assert sum(each.records for each in bare.put_aside) == bare.records > 0


async def test_a_truncated_archive_keeps_what_came_before_the_break(provider: Provider, own: Customer) -> None:
    whole = lines(*(harmless("office", number) for number in range(3000)))
    receipt = (await send(provider, own, gzip.compress(whole)[:-2000], sensor_id="sensor-gz")).receipt
    assert 0 < receipt.accepted < 3000
    assert {each.reason: each.records for each in receipt.put_aside}["ARCHIVE_TRUNCATED"] == 1
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("records.jsonl", whole)
    receipt = (await send(provider, own, buffer.getvalue()[:-10], sensor_id="sensor-zip")).receipt
    assert receipt.accepted == 0
    assert [each.reason for each in receipt.put_aside] == ["ARCHIVE_TRUNCATED"]


async def test_a_line_of_a_hundred_megabytes_within_an_archive_is_one_record_put_aside(
    provider: Provider, own: Customer
) -> None:
    content = b"\n".join((GOOD, RECORD + b'"Long": "' + b"x" * 100 * MEGABYTE + b'"}', lines(harmless("office", 2))))
    receipt = (await send(provider, own, gzip.compress(content, 1), sensor_id="sensor-long")).receipt
    assert (receipt.records, receipt.accepted) == (3, 2)
    assert [(each.reason, each.records) for each in receipt.put_aside] == [("RECORD_TOO_LONG", 1)]


async def test_a_batch_beyond_the_limit_is_refused_as_a_whole_with_the_field_that_is_wrong(
    provider: Provider, own: Customer
) -> None:
    before = len(await entries(provider, own, "tenet.detections.TelemetryReceived"))
    error = await refusal(send(provider, own, b"x" * (8 * MEGABYTE + 1)))
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "MALFORMED_REQUEST")
    assert [violation.field for violation in error.violations] == ["batch.content"]
    # What no message can hold is refused by the transport before anything of ours sees it.
    error = await refusal(send(provider, own, b"x" * 17 * MEGABYTE))
    assert error.code.name == "RESOURCE_EXHAUSTED"
    assert len(await entries(provider, own, "tenet.detections.TelemetryReceived")) == before


async def test_clocks_of_1970_and_2099_are_kept_counted_and_move_no_bounds(provider: Provider, own: Customer) -> None:
    times = ("1970-01-01T00:00:00.000000Z", "2099-06-01T00:00:00.000000Z", "2026-11-24T03:00:00.000000Z")
    content = lines(*(harmless("office", number, at) for number, at in enumerate(times)))
    answer = await send(provider, own, content, "batch-clocks", sensor_id="sensor-clocks")
    assert (answer.receipt.accepted, answer.receipt.skewed) == (3, 2)
    received = await entries(provider, own, "tenet.detections.TelemetryReceived")
    (data,) = [entry["data"] for entry in received if entry["data"]["batch_id"] == "batch-clocks"]
    assert data["first_occurred_at"][:10] == data["last_occurred_at"][:10] == "2026-11-24"
    # The ledger's own clock is the store's: a record from 2099 does not pin it.
    later = await send(provider, own, lines(harmless("office", 9)), sensor_id="sensor-clocks")
    assert later.position > answer.position


async def test_a_detection_whose_clock_nobody_believes_is_raised_all_the_same(
    provider: Provider, own: Customer
) -> None:
    record = shadow_copies_deleted("host-2099", 1, "2099-06-01T00:00:00.000000Z")
    receipt = (await send(provider, own, lines(record), sensor_id="sensor-2099")).receipt
    assert (receipt.raised, receipt.skewed) == (1, 1)


async def test_a_repeated_batch_changes_nothing_and_its_id_cannot_be_used_for_other_bytes(
    provider: Provider, own: Customer
) -> None:
    content = lines(shadow_copies_deleted("host-twice", 1), harmless("office", 2))
    first = await send(provider, own, content, "batch-twice", sensor_id="sensor-twice")
    count = len(await entries(provider, own, *TAKEN))
    again = await send(provider, own, content, "batch-twice", sensor_id="sensor-twice")
    assert again.receipt.sha256 == first.receipt.sha256
    assert (again.receipt.accepted, again.receipt.raised) == (first.receipt.accepted, first.receipt.raised)
    assert len(await entries(provider, own, *TAKEN)) == count
    error = await refusal(send(provider, own, lines(harmless("office", 3)), "batch-twice", sensor_id="sensor-twice"))
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "BATCH_ID_REUSED")
    assert len(await entries(provider, own, *TAKEN)) == count


async def test_records_that_are_batched_anew_are_counted_once(provider: Provider, own: Customer) -> None:
    """A sensor that lost an answer cuts its records into other batches: neither records nor detections double."""
    records = [harmless("recut", number) for number in range(10)] + [shadow_copies_deleted("host-recut", 10)]
    await send(provider, own, lines(*records[:6]), "recut-1", sensor_id="sensor-recut")
    await send(provider, own, lines(*records[6:]), "recut-2", sensor_id="sensor-recut")
    anew = (await send(provider, own, lines(*records[3:]), "recut-3", sensor_id="sensor-recut")).receipt
    assert (anew.records, anew.accepted, anew.repeated) == (8, 0, 8)
    assert (anew.raised, anew.joined) == (0, 0)
    assert await recorded(provider, own, "recut-3") == (8, 0, 8, {})
    more = [harmless("recut", 11), *records[9:]]
    partly = (await send(provider, own, lines(*more), "recut-4", sensor_id="sensor-recut")).receipt
    assert (partly.accepted, partly.repeated) == (1, 2)


async def test_a_hostile_value_reaches_the_analyst_as_text_and_nothing_breaks(
    provider: Provider, own: Customer
) -> None:
    record = shadow_copies_deleted("host-odd", 1)
    record["Event"]["EventData"]["CommandLine"] = "vssadmin delete shadows \x00 '; DROP TABLE events; -- \u202e<script>"
    content = json.dumps(record).encode() + b"\n"
    answer = await send(provider, own, content, sensor_id="sensor-odd")
    receipt = answer.receipt
    assert (receipt.accepted, receipt.raised) == (1, 1)
    client = provider.client("detections", own.analyst)
    stub = client.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
    request = detections_read_pb2.ListDetectionsRequest(tenant_ids=[own.tenant_id], min_position=answer.position)
    shown = await client.call(stub.ListDetections, request)
    (found,) = [each for each in shown.detections if "host-odd" in each.headline.value]
    assert "'; DROP TABLE events; --" in found.evidence[0].summary.value
    assert "<script>" in found.evidence[0].summary.value
