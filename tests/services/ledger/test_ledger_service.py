"""The ledger service through its public interface: reading, following, opening and exporting."""

import asyncio
import hashlib
import json
import struct
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tenet.common.v1 import common_pb2
from tenet.ledger.v1 import ledger_admin_pb2 as admin_pb
from tenet.ledger.v1 import ledger_admin_pb2_grpc, ledger_pb2, ledger_read_pb2_grpc
from tenet.ledger.v1 import ledger_read_pb2 as pb
from tenet.tenancy.v1 import tenancy_admin_pb2

from contracts.ids import TenantId
from contracts.labels import Label
from infra.event_store.sealing import commitment_of
from infra.grpc import Client, RemoteError
from tests.fixtures.platform import ROLE, Running, request_id

TIMEOUT = 20.0


async def reader(running: Running, tenant_id: str, role: str = "ROLE_CUSTOMER_APPROVER", home: str = "") -> str:
    """The name of a new person with that role."""
    principal_id, name = await running.register(home or tenant_id)
    await running.grant(principal_id, ROLE.Value(role), tenant_id)
    return name


async def reading(running: Running, name: str) -> tuple[Client, Any]:
    client = await running.ledger_client(name)
    return client, client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)


async def read(running: Running, name: str, request: pb.ReadRequest) -> list[pb.ReadResponse]:
    client, stub = await reading(running, name)
    return [answer async for answer in client.stream(stub.Read, request, deadline=TIMEOUT)]


def entries(answers: list[pb.ReadResponse]) -> list[ledger_pb2.Entry]:
    return [entry for answer in answers for entry in answer.entries]


async def test_entries_come_in_order_as_stored_and_their_leaf_hashes_are_right(running: Running) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=7)
    name = await reader(running, tenant_id)
    answers = await read(running, name, pb.ReadRequest(tenant_id=tenant_id, batch_size=3))
    found = entries(answers)
    assert [entry.position for entry in found] == list(range(7))
    assert [len(answer.entries) for answer in answers] == [3, 3, 1, 0]
    for entry in found:
        leaf = struct.pack(">q", entry.recorded_at_us) + entry.entry
        assert entry.leaf_hash == hashlib.sha256(b"\x00" + leaf).digest()
        assert b"seen" not in entry.entry
    assert (answers[-1].watermark.next_position, answers[-1].watermark.head) == (7, 7)


async def test_a_range_and_topics_narrow_what_is_read_and_the_watermark_says_how_far_it_was_looked(
    running: Running,
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=6)
    name = await reader(running, tenant_id)
    request = pb.ReadRequest(tenant_id=tenant_id, from_position=2, to_position=4)
    assert [entry.position for entry in entries(await read(running, name, request))] == [2, 3]
    request = pb.ReadRequest(tenant_id=tenant_id, topics=["tenet.cases.CaseOpened"])
    (answer,) = await read(running, name, request)
    assert (len(answer.entries), answer.watermark.next_position) == (0, 6)
    request = pb.ReadRequest(tenant_id=tenant_id, topics=["tenet.cases.CaseNoted"])
    assert len(entries(await read(running, name, request))) == 6


async def test_large_entries_are_split_into_messages_that_fit(running: Running) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=1)
    name = await reader(running, tenant_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.ledger.application.reading.MAX_BATCH_BYTES", 1_500)
        await running.note(tenant_id, "seen", count=9)
        answers = await read(running, name, pb.ReadRequest(tenant_id=tenant_id))
    assert [entry.position for entry in entries(answers)] == list(range(10))
    assert max(sum(len(entry.entry) for entry in answer.entries) for answer in answers) <= 1_500
    for answer in answers[:-1]:
        assert answer.watermark.next_position == answer.entries[-1].position + 1


async def test_a_foreign_ledger_and_one_that_does_not_exist_are_answered_identically(running: Running) -> None:
    own, foreign = await running.onboard(), await running.onboard()
    name = await reader(running, own)
    answers = []
    for tenant_id in (foreign, "no-such-tenant"):
        with pytest.raises(RemoteError) as refusal:
            await read(running, name, pb.ReadRequest(tenant_id=tenant_id))
        answers.append((refusal.value.code, refusal.value.reason, refusal.value.message))
    assert answers[0] == answers[1]
    client, stub = await reading(running, name)
    request = pb.SubscribeRequest(
        start=pb.SUBSCRIBE_FROM_BEGINNING, positions=[ledger_pb2.TenantPosition(tenant_id=foreign, from_position=0)]
    )
    with pytest.raises(RemoteError) as refusal:
        await anext(client.stream(stub.Subscribe, request, deadline=TIMEOUT))
    assert refusal.value.reason == "TENANT_UNKNOWN"


async def test_the_head_of_a_ledger_is_its_next_position_and_its_last_leaf(running: Running) -> None:
    tenant_id = await running.onboard()
    name = await reader(running, tenant_id)
    client, stub = await reading(running, name)
    empty = await client.call(stub.GetHead, pb.GetHeadRequest(tenant_id=tenant_id))
    assert (empty.next_position, empty.last_leaf_hash) == (0, b"")
    await running.note(tenant_id, "seen", count=3)
    head = await client.call(stub.GetHead, pb.GetHeadRequest(tenant_id=tenant_id))
    last = entries(await read(running, name, pb.ReadRequest(tenant_id=tenant_id)))[-1]
    assert (head.next_position, head.last_leaf_hash) == (3, last.leaf_hash)


async def until(
    messages: AsyncIterator[pb.SubscribeResponse], count: int
) -> tuple[list[tuple[str, int]], list[ledger_pb2.Watermark]]:
    """What comes until `count` entries have come: (tenant, position) pairs, and the watermarks of heartbeats."""
    found: list[tuple[str, int]] = []
    marks: list[ledger_pb2.Watermark] = []
    async with asyncio.timeout(TIMEOUT):
        async for message in messages:
            found += [(message.batch.tenant_id, entry.position) for entry in message.batch.entries]
            marks += message.heartbeat.watermarks
            if len(found) >= count:
                break
    return found, marks


async def test_a_subscription_from_the_beginning_sees_what_was_and_what_comes(running: Running) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "before", count=4)
    name = await reader(running, tenant_id)
    client, stub = await reading(running, name)
    request = pb.SubscribeRequest(start=pb.SUBSCRIBE_FROM_BEGINNING, batch_size=3)
    async with aclosing(client.stream(stub.Subscribe, request, deadline=TIMEOUT)) as messages:
        found, marks = await until(messages, 4)
        assert [(mark.tenant_id, mark.next_position, mark.head) for mark in marks] == [(tenant_id, 0, 4)]
        await running.note(tenant_id, "after", count=2)
        later, _ = await until(messages, 2)
    assert found + later == [(tenant_id, position) for position in range(6)]


async def test_a_subscription_over_all_tenants_keeps_each_ones_place(running: Running) -> None:
    group = await running.onboard()
    clinics = [await running.onboard(parent=group) for _ in range(2)]
    for clinic in clinics:
        await running.note(clinic, "before", count=3)
    principal_id, name = await running.register(group)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, group, inherited=True)
    client, stub = await reading(running, name)
    request = pb.SubscribeRequest(
        start=pb.SUBSCRIBE_FROM_END, positions=[ledger_pb2.TenantPosition(tenant_id=clinics[0], from_position=1)]
    )
    async with aclosing(client.stream(stub.Subscribe, request, deadline=TIMEOUT)) as messages:
        found, marks = await until(messages, 2)
        await running.note(clinics[1], "after")
        later, _ = await until(messages, 1)
    assert {mark.tenant_id: mark.next_position for mark in marks} == {group: 0, clinics[0]: 1, clinics[1]: 3}
    assert found == [(clinics[0], 1), (clinics[0], 2)]
    assert later == [(clinics[1], 3)]


async def test_a_silent_subscription_gets_heartbeats_that_move_over_what_was_not_wanted(running: Running) -> None:
    tenant_id = await running.onboard()
    name = await reader(running, tenant_id)
    client, stub = await reading(running, name)
    request = pb.SubscribeRequest(
        start=pb.SUBSCRIBE_FROM_BEGINNING, topics=["tenet.cases.CaseOpened"], heartbeat_seconds=1
    )
    async with aclosing(client.stream(stub.Subscribe, request, deadline=TIMEOUT)) as messages:
        first = (await anext(messages)).heartbeat.watermarks[0]
        await running.note(tenant_id, "not wanted", count=2)
        mark = first
        async with asyncio.timeout(TIMEOUT):
            while mark.next_position < 2:
                mark = (await anext(messages)).heartbeat.watermarks[0]
    assert (first.next_position, first.head) == (0, 0)
    assert (mark.next_position, mark.head) == (2, 2)


async def test_a_subscription_ends_when_its_role_is_taken_away(running: Running) -> None:
    tenant_id = await running.onboard()
    principal_id, name = await running.register(tenant_id)
    grant_id = await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
    client, stub = await reading(running, name)
    request = pb.SubscribeRequest(start=pb.SUBSCRIBE_FROM_BEGINNING, heartbeat_seconds=1)
    async with aclosing(client.stream(stub.Subscribe, request, deadline=TIMEOUT)) as messages:
        assert (await anext(messages)).heartbeat.watermarks
        admin, admin_stub = await running.admin()
        await admin.call(
            admin_stub.RevokeGrant,
            tenancy_admin_pb2.RevokeGrantRequest(request_id=request_id(), grant_id=grant_id),
        )
        await running.ledger.directory.refresh()
        await running.note(tenant_id, "too late")
        with pytest.raises(RemoteError) as refusal:
            async with asyncio.timeout(TIMEOUT):
                while not (await anext(messages)).batch.entries:
                    pass
    assert refusal.value.reason == "SUBSCRIPTION_ENDED"


async def opened(
    running: Running, name: str, tenant_id: str, *fields: tuple[int, str], purpose: str = "a test of labels"
) -> list[common_pb2.SealedText]:
    client, stub = await reading(running, name)
    request = pb.OpenFieldsRequest(
        tenant_id=tenant_id,
        purpose=purpose,
        fields=[ledger_pb2.FieldRef(position=position, path=path) for position, path in fields],
    )
    answer = await client.call(stub.OpenFields, request)
    return [field.text for field in answer.fields]


async def test_sealed_fields_are_opened_as_far_as_their_label_allows_the_caller(running: Running) -> None:
    tenant_id = await running.onboard()
    amber = await running.note(tenant_id, "for the customer", Label.AMBER_STRICT)
    red = await running.note(tenant_id, "for investigators", Label.RED)
    customer = await reader(running, tenant_id, "ROLE_CUSTOMER_VIEWER")
    analyst = await reader(running, tenant_id, "ROLE_ANALYST", home="provider")
    auditor = await reader(running, tenant_id, "ROLE_AUDITOR", home="provider")
    wanted = ((red, "/text"), (amber, "/text"))
    for_analyst = await opened(running, analyst, tenant_id, *wanted)
    assert [text.value for text in for_analyst] == ["for investigators", "for the customer"]
    for name in (customer, auditor):
        texts = await opened(running, name, tenant_id, *wanted)
        assert [(text.value, text.withheld) for text in texts] == [("", True), ("for the customer", False)]


async def test_a_field_that_was_erased_says_so(running: Running) -> None:
    tenant_id = await running.onboard()
    position = await running.note(tenant_id, "forget me")
    name = await reader(running, tenant_id, "ROLE_CUSTOMER_VIEWER")
    await running.ledger.ledger.openings.erase(TenantId(tenant_id), f"subject-of-{tenant_id}")
    (text,) = await opened(running, name, tenant_id, (position, "/text"))
    assert (text.value, text.erased, text.withheld) == ("", True, False)


async def test_opening_is_on_record_with_its_purpose(running: Running) -> None:
    tenant_id = await running.onboard()
    position = await running.note(tenant_id, "seen")
    name = await reader(running, tenant_id, "ROLE_CUSTOMER_VIEWER")
    await opened(running, name, tenant_id, (position, "/text"), purpose="the yearly audit")
    records = await running.ledger.access_log.read(TenantId(tenant_id), 0, 100)
    assert ("the yearly audit", f"subject-of-{tenant_id}") in {(each.purpose, each.subject) for each in records}


@pytest.mark.parametrize("field", [(0, "/case_id"), (0, "/text/commitment"), (9, "/text")])
async def test_what_is_no_sealed_field_cannot_be_opened(running: Running, field: tuple[int, str]) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen")
    name = await reader(running, tenant_id, "ROLE_CUSTOMER_VIEWER")
    with pytest.raises(RemoteError) as refusal:
        await opened(running, name, tenant_id, field)
    assert refusal.value.reason == "FIELD_UNKNOWN"


async def export(running: Running, name: str, request: admin_pb.ExportLedgerRequest) -> admin_pb.ExportLedgerResponse:
    client = await running.ledger_client(name)
    stub = client.stub(ledger_admin_pb2_grpc.LedgerAdminServiceStub)
    answer: admin_pb.ExportLedgerResponse = await client.call(stub.ExportLedger, request)
    return answer


def leaves(path: Path) -> list[tuple[int, bytes]]:
    """(recorded_at_us, entry) of every entry of an export, read by nothing but the documented format."""
    found = []
    for bundle in sorted((path / "entries").iterdir()):
        data = bundle.read_bytes()
        while data:
            (length,) = struct.unpack(">H", data[:2])
            leaf, data = data[2 : 2 + length], data[2 + length :]
            found.append((struct.unpack(">q", leaf[:8])[0], leaf[8:]))
    return found


async def test_an_export_holds_the_entries_and_what_its_audience_may_see_and_proves_itself(running: Running) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "for the customer", Label.AMBER)
    await running.note(tenant_id, "for investigators", Label.RED)
    name = await reader(running, tenant_id)
    request = admin_pb.ExportLedgerRequest(tenant_id=tenant_id, request_id=request_id(), purpose="A change of provider")
    made = await export(running, name, request)
    assert await export(running, name, request) == made
    path = Path(made.export_path)
    manifest = json.loads((path / "manifest.json").read_bytes())
    assert hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest() == made.sha256
    for file in manifest["files"]:
        data = (path / file["path"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file["sha256"], file["bytes"])
    assert (manifest["from_position"], manifest["to_position"], manifest["withheld"]) == (0, 2, 1)
    stored = entries(await read(running, name, pb.ReadRequest(tenant_id=tenant_id)))
    assert leaves(path) == [(entry.recorded_at_us, entry.entry) for entry in stored[:2]]
    first, second = (json.loads(line) for line in (path / "openings.jsonl").read_text().splitlines())
    assert (second["withheld"], "value" in second) == ("TLP:RED", False)
    entry = json.loads(stored[0].entry)
    salt = urlsafe_b64decode(first["salt"] + "==")
    value = json.dumps(first["value"]).encode()
    assert commitment_of(salt, entry["id"], first["path"], value) == entry["data"]["text"]["commitment"]
    recorded = json.loads(stored[made.position].entry)
    assert (recorded["type"], recorded["data"]["sha256"]) == ("tenet.ledger.LedgerExported", made.sha256)
    assert b"change of provider" not in stored[made.position].entry


async def test_a_closed_tenants_ledger_is_not_exported_again(running: Running) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen")
    admin, stub = await running.admin()
    await admin.call(
        stub.StartLeaving,
        tenancy_admin_pb2.StartLeavingRequest(tenant_id=tenant_id, request_id=request_id(), reason="A merger"),
    )
    closing = tenancy_admin_pb2.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id())
    closed = await admin.call(stub.CloseTenant, closing)
    lines = (Path(closed.export_path) / "openings.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == ["seen"]
    request = admin_pb.ExportLedgerRequest(tenant_id=tenant_id, request_id=request_id(), purpose="Once more")
    with pytest.raises(RemoteError) as refusal:
        await export(running, "admin", request)
    assert refusal.value.reason == "TENANT_KEYS_DESTROYED"
    assert [path.name for path in Path(closed.export_path).parent.iterdir()] == [Path(closed.export_path).name]


@pytest.mark.parametrize(
    ("start", "end", "field"), [(0, 3, "to_position"), (2, None, "from_position"), (1, 1, "from_position")]
)
async def test_an_export_of_nothing_or_of_what_is_not_there_is_refused(
    running: Running, start: int, end: int | None, field: str
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=2)
    name = await reader(running, tenant_id)
    request = admin_pb.ExportLedgerRequest(
        tenant_id=tenant_id, request_id=request_id(), purpose="A test", from_position=start, to_position=end
    )
    with pytest.raises(RemoteError) as refusal:
        await export(running, name, request)
    assert refusal.value.reason == "RANGE_REFUSED"
    assert [violation.field for violation in refusal.value.violations] == [field]
