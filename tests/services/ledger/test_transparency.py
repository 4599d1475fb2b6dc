"""The transparency log through the ledger service's public interfaces: RPCs and files over HTTP."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from tenet.ledger.v1 import ledger_admin_pb2 as admin_pb
from tenet.ledger.v1 import ledger_admin_pb2_grpc, ledger_read_pb2_grpc
from tenet.ledger.v1 import ledger_read_pb2 as pb
from yarl import URL

from contracts.events.ledger import HeadsDigested, LogKeyIntroduced
from contracts.ids import PROVIDER, TenantId
from infra.grpc import Client, RemoteError
from infra.hosting import Foundation
from infra.transparency.log_keys import follow_keys
from infra.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion
from infra.transparency.notes import Checkpoint, open_note
from infra.transparency.proofs import RangeProof, parse_proof_file, verify_range
from infra.transparency.sealing import Sealing
from infra.transparency.tiles import decode_bundle
from services.ledger import wiring
from services.ledger.application.first_keys import FirstKeys
from services.ledger.application.log_digests import LogDigests, digest_root
from services.ledger.servicer import LogFiles
from tests.fixtures.platform import ROLE, Running, request_id

TIMEOUT = 20.0
TEST_WAIT = 1.0


@pytest.fixture
async def sealing(running: Running) -> AsyncIterator[Sealing]:
    async with wiring.sealing_of(running.ledger).running() as logs:
        yield logs


async def person(running: Running, tenant_id: str, role: str) -> str:
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.Value(role), tenant_id)
    return name


async def reading(running: Running, name: str) -> tuple[Client, Any]:
    client = await running.ledger_client(name)
    return client, client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)


async def entries_of(client: Client, stub: Any, tenant_id: str) -> list[bytes]:
    request = pb.ReadRequest(tenant_id=tenant_id)
    return [
        entry.recorded_at_us.to_bytes(8, "big") + entry.entry
        async for answer in client.stream(stub.Read, request, deadline=TIMEOUT)
        for entry in answer.entries
    ]


async def test_an_auditor_verifies_checkpoint_inclusion_consistency_and_range_of_a_ledger(
    running: Running, sealing: Sealing
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=3)
    client, stub = await reading(running, await person(running, tenant_id, "ROLE_AUDITOR"))
    first = await client.call(stub.GetCheckpoint, pb.GetCheckpointRequest(tenant_id=tenant_id, min_position=2))
    last = await running.note(tenant_id, "seen", count=7)
    head = await client.call(stub.GetCheckpoint, pb.GetCheckpointRequest(tenant_id=tenant_id, min_position=last))
    keys = follow_keys(f"{running.ledger.settings.log_name}/{tenant_id}", head.key_notes)
    note, _ = open_note(head.checkpoint, keys)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.size, checkpoint.root) == (head.size, head.root) == (10, checkpoint.root)
    leaves = [leaf_hash(entry) for entry in await entries_of(client, stub, tenant_id)]

    proof = await client.call(stub.ProveInclusion, pb.ProveInclusionRequest(tenant_id=tenant_id, position=4))
    assert proof.leaf_hash == leaves[4]
    verify_inclusion(leaves[4], 4, proof.size, proof.path, checkpoint.root)

    consistency = await client.call(stub.ProveConsistency, pb.ProveConsistencyRequest(tenant_id=tenant_id, old_size=3))
    verify_consistency(3, first.root, 10, checkpoint.root, consistency.path)

    request = pb.ProveRangeRequest(tenant_id=tenant_id, from_position=2, to_position=9)
    part = await client.call(stub.ProveRange, request)
    verify_range(RangeProof(2, 9, 10, checkpoint.root, tuple(part.left), tuple(part.right)), leaves[2:9])


async def test_a_write_gets_a_receipt_that_verifies_offline(running: Running, sealing: Sealing) -> None:
    tenant_id = await running.onboard()
    client, stub = await reading(running, await person(running, tenant_id, "ROLE_CUSTOMER_VIEWER"))
    position = await running.note(tenant_id, "seen", count=2)
    receipt = await client.call(stub.GetReceipt, pb.GetReceiptRequest(tenant_id=tenant_id, position=position))
    checkpoint = parse_proof_file(receipt.proof_file).verify(receipt.leaf_hash)
    assert checkpoint.origin == f"{running.ledger.settings.log_name}/{tenant_id}"
    assert parse_proof_file(receipt.proof_file).position == position


async def test_what_is_not_sealed_is_waited_for_until_the_deadline(running: Running) -> None:
    tenant_id = await running.onboard()
    position = await running.note(tenant_id, "seen")
    client, stub = await reading(running, await person(running, tenant_id, "ROLE_AUDITOR"))
    with pytest.raises(RemoteError) as refusal:
        await client.call(
            stub.GetReceipt, pb.GetReceiptRequest(tenant_id=tenant_id, position=position), deadline=TEST_WAIT
        )
    assert refusal.value.reason == "NOT_YET_APPLIED"
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.ProveInclusion, pb.ProveInclusionRequest(tenant_id=tenant_id, position=position))
    assert refusal.value.reason == "NOT_SEALED_YET"


async def test_a_foreign_log_is_answered_like_one_that_does_not_exist(running: Running, sealing: Sealing) -> None:
    own, foreign = await running.onboard(), await running.onboard()
    client, stub = await reading(running, await person(running, own, "ROLE_AUDITOR"))
    answers = []
    for tenant_id in (foreign, "no-such-tenant"):
        with pytest.raises(RemoteError) as refusal:
            await client.call(stub.GetCheckpoint, pb.GetCheckpointRequest(tenant_id=tenant_id))
        answers.append((refusal.value.code, refusal.value.reason, refusal.value.message))
    assert answers[0] == answers[1]


@asynccontextmanager
async def serving_files(running: Running, sealing: Sealing) -> AsyncIterator[tuple[TestServer, aiohttp.ClientSession]]:
    files = LogFiles(sealing.storage, running.ledger.authority, running.ledger.access_log)
    async with TestServer(files.application()) as server, aiohttp.ClientSession() as session:
        yield server, session


async def test_the_logs_files_are_served_to_those_who_may_read_the_ledger(running: Running, sealing: Sealing) -> None:
    tenant_id = await running.onboard()
    last = await running.note(tenant_id, "seen", count=300)
    name = await person(running, tenant_id, "ROLE_CUSTOMER_APPROVER")
    client, stub = await reading(running, name)
    await client.call(stub.GetCheckpoint, pb.GetCheckpointRequest(tenant_id=tenant_id, min_position=last))
    entries = await entries_of(client, stub, tenant_id)
    headers = {"Authorization": f"Bearer {running.issuer.token(name)}"}
    async with serving_files(running, sealing) as (server, session):

        async def get(path: str) -> tuple[int, bytes, str]:
            async with session.get(
                URL(f"{server.make_url('/')}{tenant_id}/{path}", encoded=True), headers=headers
            ) as answer:
                return answer.status, await answer.read(), answer.headers["Cache-Control"]

        status, data, cache = await get("checkpoint")
        assert (status, cache) == (200, "private, no-cache")
        assert b"\n300\n" in data
        status, data, cache = await get("tile/entries/000")
        assert (status, cache) == (200, "private, max-age=31536000, immutable")
        assert decode_bundle(data, 256) == entries[:256]
        status, data, _ = await get("tile/0/001.p/44")
        assert (status, data) == (200, b"".join(leaf_hash(entry) for entry in entries[256:]))
        assert (await get("tile/0/001.p/7"))[1] == data[:224]
        assert (await get("tile/1/000.p/1"))[0] == 200
        assert (await get("tile/entries/001.p/44"))[0] == 200
        for missing in ("tile/0/001", "tile/0/001.p/45", "tile/1/000", "tile/0/002.p/1"):
            assert (await get(missing))[0] == 404, missing
        for malformed in ("tile/0/1", "tile/0/%2e%2e%2fcheckpoint", "tile/keys/0001.note"):
            assert (await get(malformed))[0] in {400, 404}, malformed


async def test_the_logs_files_are_refused_to_everyone_else(running: Running, sealing: Sealing) -> None:
    own, foreign = await running.onboard(), await running.onboard()
    for tenant_id in (own, foreign):
        last = await running.note(tenant_id, "seen", count=2)
        async with asyncio.timeout(TIMEOUT):
            while (head := sealing.heads.get(TenantId(tenant_id))) is None or head.size <= last:
                await asyncio.sleep(0.05)
    viewer = await person(running, own, "ROLE_CUSTOMER_VIEWER")
    token = f"Bearer {running.issuer.token(viewer)}"
    async with serving_files(running, sealing) as (server, session):

        async def get(path: str, authorization: str | None = token) -> tuple[int, str]:
            headers = {} if authorization is None else {"Authorization": authorization}
            async with session.get(server.make_url(path), headers=headers) as answer:
                return answer.status, await answer.text()

        assert (await get(f"/{own}/checkpoint"))[0] == 200
        assert (await get(f"/{own}/checkpoint", None))[0] == 401
        assert (await get(f"/{own}/checkpoint", "Bearer nonsense"))[0] == 401
        status, text = await get(f"/{own}/tile/entries/000.p/2")
        assert (status, "ROLE_MISSING" in text) == (403, True)
        assert await get(f"/{foreign}/checkpoint") == await get("/no-such-tenant/checkpoint")
        assert (await get(f"/{foreign}/checkpoint"))[0] == 404


def digests_of(foundation: Foundation, sealing: Sealing, clock: Callable[[], datetime]) -> LogDigests:
    handler = foundation.ledger.handler
    first_keys = FirstKeys(sealing, foundation.keys, handler, clock)
    return LogDigests(sealing, foundation.objects, handler, clock, first_keys)


async def test_heads_are_digested_into_the_providers_ledger_without_its_own(running: Running, sealing: Sealing) -> None:
    tenant_id = TenantId(await running.onboard())
    await running.note(tenant_id, "seen", count=3)
    async with asyncio.timeout(TIMEOUT):
        while tenant_id not in sealing.heads or PROVIDER not in sealing.heads:
            await asyncio.sleep(0.05)
    foundation = running.ledger
    # An interval has one digest; no other test takes that of yesterday.
    yesterday = foundation.clock() - timedelta(days=1)
    digests = digests_of(foundation, sealing, lambda: yesterday)
    before = await foundation.ledger.feed.head(PROVIDER)
    assert await digests.take()
    (recorded, *_) = [
        each for each in await foundation.ledger.feed.read(PROVIDER, before) if isinstance(each.event, HeadsDigested)
    ]
    event = recorded.event
    listed = await foundation.objects.get(PROVIDER, event.sha256)
    lines = listed.splitlines(keepends=True)
    head = sealing.heads[tenant_id]
    assert f"{tenant_id} {head.size} {base64.b64encode(head.root).decode()}\n".encode() in lines
    assert (len(lines), event.logs, event.complete) == (event.heads, event.heads, True)
    assert event.root == digest_root(lines).hex()
    assert not listed.startswith(b"provider ")
    assert b"\nprovider " not in listed
    assert not await digests.take()


async def test_two_replicas_take_one_digest_of_an_interval(running: Running, sealing: Sealing) -> None:
    tenant_id = TenantId(await running.onboard())
    await running.note(tenant_id, "seen")
    async with asyncio.timeout(TIMEOUT):
        while tenant_id not in sealing.heads:
            await asyncio.sleep(0.05)
    foundation = running.ledger
    now = foundation.clock()
    for _ in range(2):
        await digests_of(foundation, sealing, lambda: now).take()
    recorded = await foundation.ledger.feed.read(PROVIDER, 0)
    found = [each.event.digest_id for each in recorded if isinstance(each.event, HeadsDigested)]
    assert found
    assert len(set(found)) == len(found)


async def test_an_administrator_rotates_a_logs_key_and_a_repeat_rotates_no_further(
    running: Running, sealing: Sealing
) -> None:
    tenant_id = await running.onboard()
    last = await running.note(tenant_id, "seen")
    client, stub = await reading(running, await person(running, tenant_id, "ROLE_AUDITOR"))
    asked = pb.GetCheckpointRequest(tenant_id=tenant_id, min_position=last)
    (first,) = follow_keys(
        f"{running.ledger.settings.log_name}/{tenant_id}", (await client.call(stub.GetCheckpoint, asked)).key_notes
    )
    admin = await running.ledger_client("admin")
    admin_stub = admin.stub(ledger_admin_pb2_grpc.LedgerAdminServiceStub)
    request = admin_pb.RotateLogKeyRequest(tenant_id=tenant_id, request_id=request_id())
    rotated = [await admin.call(admin_stub.RotateLogKey, request) for _ in range(2)]
    assert rotated[0] == rotated[1]
    assert rotated[0].generation == 2
    (recorded,) = await running.ledger.ledger.feed.read(PROVIDER, rotated[0].position, 1)
    assert isinstance(recorded.event, LogKeyIntroduced)
    assert (recorded.event.log_tenant_id, recorded.event.verifier_key) == (tenant_id, rotated[0].verifier_key)

    asked.min_position = await running.note(tenant_id, "seen")
    head = await client.call(stub.GetCheckpoint, asked)
    keys = follow_keys(first.name, head.key_notes)
    assert [each.encode() for each in keys] == [first.encode(), rotated[0].verifier_key]
    for trusted in keys:
        open_note(head.checkpoint, [trusted])


async def test_only_the_providers_administrators_rotate_keys(running: Running) -> None:
    tenant_id = await running.onboard()
    client = await running.ledger_client(await person(running, tenant_id, "ROLE_CUSTOMER_APPROVER"))
    stub = client.stub(ledger_admin_pb2_grpc.LedgerAdminServiceStub)
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.RotateLogKey, admin_pb.RotateLogKeyRequest(tenant_id=tenant_id, request_id=request_id()))
    assert refusal.value.reason == "ROLE_MISSING"
