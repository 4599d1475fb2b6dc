"""Audit bundles through the ledger service: made by a person of the customer, checked by the verifier alone."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tenet.ledger.v1 import ledger_audit_pb2 as pb
from tenet.ledger.v1 import ledger_audit_pb2_grpc

from contracts.ids import TenantId, schema_of
from contracts.labels import Label
from infra.event_store.roles import LEDGER_DATABASE
from infra.grpc import RemoteError
from infra.transparency.sealing import Sealing
from infra.transparency.verifier import Result, verify
from services.ledger import wiring
from tests.fixtures.platform import ROLE, Platform, Running, request_id

TIMEOUT = 60.0


@pytest.fixture(autouse=True)
async def sealing(running: Running) -> AsyncIterator[Sealing]:
    async with wiring.sealing_of(running.ledger).running() as logs:
        yield logs


async def auditor(running: Running, tenant_id: str) -> str:
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.Value("ROLE_AUDITOR"), tenant_id)
    return name


async def take(running: Running, name: str, directory: Path, request: pb.ExportBundleRequest) -> pb.BundleRecord:
    client = await running.ledger_client(name)
    stub = client.stub(ledger_audit_pb2_grpc.LedgerAuditServiceStub)
    record = pb.BundleRecord()
    async for message in client.stream(stub.ExportBundle, request, deadline=TIMEOUT):
        if message.HasField("record"):
            record = message.record
            continue
        path = directory / message.piece.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(message.piece.data)
    return record


def wanted(tenant_id: str, **more: str) -> pb.ExportBundleRequest:
    return pb.ExportBundleRequest(tenant_id=tenant_id, request_id=request_id(), purpose="A yearly audit", **more)


def is_valid(result: Result) -> bool:
    assert result.problems == []
    return True


async def test_a_range_with_its_grants_is_verified_and_a_repeated_request_gives_the_same_bundle(
    running: Running, tmp_path: Path
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "for the customer", Label.AMBER)
    await running.note(tenant_id, "for investigators", Label.RED)
    name, request = await auditor(running, tenant_id), wanted(tenant_id)
    record = await take(running, name, tmp_path / "a", request)
    assert await take(running, name, tmp_path / "b", request) == record
    assert (record.from_position, record.to_position, record.position) == (0, 2, 2)
    for bundle in ("a", "b"):
        assert is_valid(verify(tmp_path / bundle))
        tags = (tmp_path / bundle / "tagmanifest-sha256.txt").read_bytes()
        assert hashlib.sha256(tags).hexdigest() == record.sha256
    openings = (tmp_path / "a/data/openings.jsonl").read_text()
    assert "for the customer" in openings
    assert "for investigators" not in openings
    assert (tmp_path / "a/data/schemas/tenet.cases.CaseNoted.v1.json").is_file()
    again = await take(running, name, tmp_path / "c", wanted(tenant_id))
    assert again.to_position == 3
    held = (tmp_path / f"a/data/ledgers/{tenant_id}/checkpoint").read_bytes()
    assert is_valid(verify(tmp_path / "c", held=held))
    result = verify(tmp_path / "c")
    assert any(line.startswith("ledger provider:") for line in result.summary), "the export's grant, with its proof"


async def test_a_case_comes_with_its_own_entries_only(running: Running, tmp_path: Path) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "one", count=3)
    last = await running.note(tenant_id, "two", count=2)
    entries = await running.ledger.ledger.feed.read(TenantId(tenant_id), last)
    case_id = entries[0].event.case_id
    record = await take(running, await auditor(running, tenant_id), tmp_path / "b", wanted(tenant_id, case_id=case_id))
    assert (record.from_position, record.to_position) == (3, 5)
    result = verify(tmp_path / "b")
    assert is_valid(result)
    assert any(line.startswith(f"{case_id}: 2 entries") for line in result.summary)
    with pytest.raises(RemoteError) as refusal:
        await take(running, "admin", tmp_path / "c", wanted(tenant_id, case_id="case-" + "0" * 26))
    assert refusal.value.reason == "CASE_UNKNOWN"


async def test_who_is_no_auditor_approver_or_administrator_gets_no_bundle(running: Running, tmp_path: Path) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen")
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.Value("ROLE_CUSTOMER_VIEWER"), tenant_id)
    with pytest.raises(RemoteError) as refusal:
        await take(running, name, tmp_path / "b", wanted(tenant_id))
    assert refusal.value.reason == "ROLE_MISSING"


async def test_an_entry_that_a_superuser_altered_with_its_leaf_hash_fails_at_its_position(
    running: Running, platform: Platform, tmp_path: Path
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=6)
    name = await auditor(running, tenant_id)
    await take(running, name, tmp_path / "before", wanted(tenant_id))
    table = sql.Identifier(schema_of(TenantId(tenant_id)), "events")
    with psycopg.connect(platform.server.dsn(LEDGER_DATABASE)) as connection:
        connection.execute(
            sql.SQL(
                "UPDATE {} SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'oidc', 'mtls'), 'UTF8')"
                " WHERE position = 4"
            ).format(table)
        )
        connection.execute(
            sql.SQL(
                "UPDATE {} SET leaf_hash = sha256('\\x00'::bytea || int8send(recorded_at) || entry) WHERE position = 4"
            ).format(table)
        )
    await take(
        running,
        name,
        tmp_path / "after",
        pb.ExportBundleRequest(tenant_id=tenant_id, request_id=request_id(), purpose="A doubt", to_position=6),
    )
    result = verify(tmp_path / "after")
    assert result.first_position == 4
    shutil.rmtree(tmp_path / "after")
