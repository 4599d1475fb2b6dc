"""Erasing what was sealed, holding it against erasure, and looking for what is left, through the public interface."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tenet.ledger.v1 import (
    ledger_admin_pb2,
    ledger_admin_pb2_grpc,
    ledger_erasure_admin_pb2_grpc,
    ledger_erasure_read_pb2_grpc,
    ledger_pb2,
    ledger_read_pb2,
    ledger_read_pb2_grpc,
)
from tenet.ledger.v1 import ledger_erasure_admin_pb2 as pb
from tenet.ledger.v1 import ledger_erasure_read_pb2 as read

from contracts.ids import TenantId, schema_of
from infra.disclosure.copies import ServerCopies
from infra.event_store.roles import LEDGER_DATABASE
from infra.grpc import RemoteError
from infra.keys import LocalKeyStore
from infra.read_database.read_side import ReadSide
from services.ledger import wiring
from services.ledger.application.custody import Keeping
from services.ledger.domain.resting_places import RESTING_PLACES
from tests.fixtures.platform import ROLE, Platform, Running, request_id

CANARY = "canary-7f3a91-Orla-Byrne"
REQUEST = pb.ERASURE_BASIS_DATA_SUBJECT_REQUEST


@dataclass
class Tenant:
    """A customer with two approvers, and a canary sealed under `subject` at `position` and after it."""

    running: Running
    id: str
    approver: str
    second: str
    position: int
    policies: ReadSide

    @property
    def keeping(self) -> Keeping:
        ledger = self.running.ledger.ledger
        return Keeping(ledger.handler, ledger.repository, ledger.feed, ledger.openings)

    @property
    def subject(self) -> str:
        return f"subject-of-{self.id}"

    async def as_admin(self, method: str, request: Any, name: str = "") -> Any:
        client = await self.running.ledger_client(name or self.approver)
        stub = client.stub(ledger_erasure_admin_pb2_grpc.LedgerErasureAdminServiceStub)
        return await client.call(getattr(stub, method), request)

    async def custody(self, at: int | None = None) -> read.GetCustodyResponse:
        client = await self.running.ledger_client(self.approver)
        stub = client.stub(ledger_erasure_read_pb2_grpc.LedgerErasureReadServiceStub)
        return await client.call(stub.GetCustody, read.GetCustodyRequest(tenant_id=self.id, at_position=at))

    async def erase(self, name: str = "", *, basis: Any = REQUEST, field: tuple[int, str] | None = None) -> Any:
        request = pb.EraseRequest(
            tenant_id=self.id, request_id=request_id(), subject=self.subject, basis=basis, reason="asked by letter"
        )
        if field:
            request.field.position, request.field.path = field
        return await self.as_admin("Erase", request, name)

    async def hold(self, *subjects: str) -> str:
        request = pb.PlaceHoldRequest(
            tenant_id=self.id, request_id=request_id(), subjects=subjects, matter="a dispute before the court"
        )
        return str((await self.as_admin("PlaceHold", request)).hold_id)

    async def release(self, hold_id: str, name: str = "") -> bool:
        request = pb.ReleaseHoldRequest(
            tenant_id=self.id, request_id=request_id(), hold_id=hold_id, reason="the dispute is settled"
        )
        return bool((await self.as_admin("ReleaseHold", request, name)).released)

    async def open(self, position: int) -> Any:
        client = await self.running.ledger_client(self.approver)
        stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
        request = ledger_read_pb2.OpenFieldsRequest(
            tenant_id=self.id, purpose="a test", fields=[ledger_pb2.FieldRef(position=position, path="/text")]
        )
        return (await client.call(stub.OpenFields, request)).fields[0].text

    async def leaf_hashes(self, end: int) -> list[bytes]:
        client = await self.running.ledger_client(self.approver)
        stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
        request = ledger_read_pb2.ReadRequest(tenant_id=self.id, to_position=end)
        return [
            entry.leaf_hash
            async for answer in client.stream(stub.Read, request, deadline=20)
            for entry in answer.entries
        ]

    async def export(self) -> tuple[str, Path]:
        client = await self.running.ledger_client(self.approver)
        stub = client.stub(ledger_admin_pb2_grpc.LedgerAdminServiceStub)
        request = ledger_admin_pb2.ExportLedgerRequest(
            tenant_id=self.id, request_id=request_id(), purpose="for the auditor"
        )
        answer = await client.call(stub.ExportLedger, request)
        return answer.export_id, Path(answer.export_path)


@pytest.fixture
async def tenant(running: Running) -> Tenant:
    tenant_id = await running.onboard()
    position = await running.note(tenant_id, CANARY)
    await running.note(tenant_id, CANARY, count=2)
    names = []
    for _ in range(2):
        principal_id, name = await running.register(tenant_id)
        await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
        names.append(name)
    policies = wiring.policies(running.ledger)
    await policies.policies.activate()
    return Tenant(running, tenant_id, names[0], names[1], position, policies)


async def refused(call: Any) -> str:
    with pytest.raises(RemoteError) as refusal:
        await call
    return refusal.value.reason


async def test_a_customers_approver_answers_a_data_subjects_request_alone_and_nothing_opens_any_more(
    tenant: Tenant,
) -> None:
    before = await tenant.leaf_hashes(3)
    answer = await tenant.erase()
    assert answer.erased
    await tenant.policies.settle()
    for position in range(3):
        assert (await tenant.open(position)).erased
    assert await tenant.leaf_hashes(3) == before
    (erasure,) = (await tenant.custody()).erasures
    assert (erasure.carried_out, erasure.fields, erasure.reason.value) == (True, 3, "asked by letter")
    assert erasure.openings == 3


async def test_any_other_basis_and_the_providers_people_need_a_second_person(tenant: Tenant) -> None:
    approvals = []
    for name, basis in ((tenant.approver, pb.ERASURE_BASIS_CONSENT_WITHDRAWN), ("admin", REQUEST)):
        answer = await tenant.erase(name, basis=basis)
        assert not answer.erased
        approval = pb.ApproveErasureRequest(tenant_id=tenant.id, request_id=request_id(), erasure_id=answer.erasure_id)
        assert await refused(tenant.as_admin("ApproveErasure", approval, name)) == "SECOND_PERSON_NEEDED"
        approvals.append(approval)
    await tenant.policies.settle()
    assert (await tenant.open(0)).value == CANARY
    approval = approvals[-1]
    await tenant.as_admin("ApproveErasure", approval, tenant.second)
    await tenant.policies.settle()
    assert (await tenant.open(0)).erased
    again = pb.ApproveErasureRequest(tenant_id=tenant.id, request_id=request_id(), erasure_id=approval.erasure_id)
    assert await refused(tenant.as_admin("ApproveErasure", again, tenant.second)) == "ERASURE_DECIDED"


async def test_a_hold_beats_an_erasure_until_two_persons_have_released_it(tenant: Tenant) -> None:
    waiting = await tenant.erase(basis=pb.ERASURE_BASIS_LEGAL_OBLIGATION)
    hold = await tenant.hold(tenant.subject)
    approval = pb.ApproveErasureRequest(tenant_id=tenant.id, request_id=request_id(), erasure_id=waiting.erasure_id)
    assert await refused(tenant.erase()) == "HOLD_STANDS"
    assert await refused(tenant.as_admin("ApproveErasure", approval, tenant.second)) == "HOLD_STANDS"
    assert await tenant.release(hold) is False
    assert await refused(tenant.release(hold)) == "SECOND_PERSON_NEEDED"
    assert await refused(tenant.erase()) == "HOLD_STANDS"
    assert await tenant.release(hold, tenant.second) is True
    assert await refused(tenant.release(hold)) == "HOLD_ENDED"
    assert (await tenant.open(0)).value == CANARY
    assert (await tenant.erase()).erased


async def test_a_hold_without_subjects_covers_everybody(tenant: Tenant) -> None:
    hold = await tenant.hold()
    assert await refused(tenant.erase()) == "HOLD_STANDS"
    assert list((await tenant.custody()).holds[0].subjects) == []
    assert await tenant.release(hold) is False


async def test_one_field_is_erased_and_its_subjects_other_fields_stay(tenant: Tenant) -> None:
    assert (await tenant.erase(field=(1, "/text"))).erased
    await tenant.policies.settle()
    assert [(await tenant.open(position)).value for position in range(3)] == [CANARY, "", CANARY]
    assert (await tenant.open(1)).erased
    (erasure,) = (await tenant.custody()).erasures
    assert (erasure.field.position, erasure.fields, erasure.carried_out) == (1, 1, True)
    assert await refused(tenant.erase(field=(1, "/text"))) == "NOTHING_TO_ERASE"
    assert await refused(tenant.erase(field=(1, "/other"))) == "FIELD_UNKNOWN"


@pytest.mark.parametrize("field", [None, (0, "/text")])
async def test_a_restored_backup_of_the_openings_does_not_bring_the_value_back(
    tenant: Tenant, platform: Platform, field: tuple[int, str] | None
) -> None:
    table = SQL("{}.openings").format(Identifier(schema_of(TenantId(tenant.id))))
    async with await psycopg.AsyncConnection.connect(
        platform.server.dsn(LEDGER_DATABASE), autocommit=True
    ) as superuser:
        await superuser.execute(SQL("CREATE TEMP TABLE backup AS SELECT * FROM {}").format(table))
        await tenant.erase(field=field)
        await tenant.policies.settle()
        restored = await superuser.execute(
            SQL("INSERT INTO {} SELECT * FROM backup ON CONFLICT DO NOTHING").format(table)
        )
        assert restored.rowcount == (1 if field else 3)
    assert (await tenant.open(0)).erased


async def test_an_erasure_that_was_cut_off_is_finished_and_recorded_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = ServerCopies.delete

    async def cut_off(*_: Any) -> int:
        raise ConnectionError("the process is gone")

    monkeypatch.setattr(ServerCopies, "delete", cut_off)
    await tenant.erase()
    await tenant.policies.policies.round()
    assert not (await tenant.custody()).erasures[0].carried_out
    monkeypatch.setattr(ServerCopies, "delete", failing)
    await tenant.policies.settle()
    (erasure,) = (await tenant.custody()).erasures
    assert (erasure.carried_out, erasure.fields) == (True, 3)
    assert (await tenant.open(2)).erased


@pytest.mark.parametrize("field", [None, (1, "/text")], ids=["subject", "field"])
async def test_an_erasure_that_a_restored_key_store_has_undone_is_carried_out_again_and_recorded(
    tenant: Tenant, tmp_path: Path, field: tuple[int, str] | None
) -> None:
    foundation, tenant_id = tenant.running.ledger, TenantId(tenant.id)
    store = foundation.settings.keys_dir / "tenants" / tenant.id

    async def compare() -> int:
        """As a process does that has just started: it remembers nothing of the key store."""
        keys = await LocalKeyStore.open(foundation.settings.keys_dir)
        return await replace(wiring.erasing_again(foundation), keys=keys).compare_tenant(tenant_id)

    shutil.copytree(store, tmp_path / "backup")
    await tenant.erase(field=field)
    assert await compare() == 0, "the policy is still at it"
    await tenant.policies.settle()
    assert await compare() == 0

    for times in (2, 3):
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "backup", store)
        assert await compare() == 1
        assert await compare() == 0
        assert (await tenant.open(1)).erased
        (erasure,) = (await tenant.keeping.state(tenant_id)).erasures.values()
        assert (erasure.times, erasure.carried_out and erasure.carried_out.openings) == (times, 1 if field else 3)
    present = await foundation.keys.present_key(tenant_id, tenant.subject)
    assert (present is None) is (field is None), "the other fields of the subject stay"


async def test_a_key_that_was_made_after_the_erasure_is_not_destroyed_with_the_old_one(
    tenant: Tenant, tmp_path: Path
) -> None:
    foundation, tenant_id = tenant.running.ledger, TenantId(tenant.id)
    again, store = wiring.erasing_again(foundation), foundation.settings.keys_dir / "tenants" / tenant.id
    await tenant.erase()
    await tenant.policies.settle()
    position = await tenant.running.note(tenant_id, "said afterwards")
    shutil.copytree(store, tmp_path / "backup")
    await tenant.erase()
    await tenant.policies.settle()
    later = await tenant.running.note(tenant_id, "said last")
    assert await again.compare_tenant(tenant_id) == 0
    assert (await tenant.open(later)).value == "said last"
    # The backup has the second key, which the second erasure destroyed, and lacks the third.
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "backup", store)
    assert await again.compare_tenant(tenant_id) == 1
    assert (await tenant.open(position)).erased


async def test_custody_is_shown_as_it_was_known_at_a_position(tenant: Tenant) -> None:
    hold = await tenant.hold(tenant.subject)
    known = await tenant.custody(at=3)
    await tenant.release(hold)
    await tenant.release(hold, tenant.second)
    await tenant.erase()
    now = await tenant.custody()
    assert (now.holds[0].released, len(now.erasures)) == (True, 1)
    assert await tenant.custody(at=3) == known
    assert (await tenant.custody(at=2)).holds == []


async def test_nobody_without_the_role_erases_and_an_unknown_subject_is_refused(tenant: Tenant) -> None:
    principal_id, viewer = await tenant.running.register(tenant.id)
    await tenant.running.grant(principal_id, ROLE.ROLE_CUSTOMER_VIEWER, tenant.id)
    assert await refused(tenant.erase(viewer)) == "ROLE_MISSING"
    request = pb.EraseRequest(
        tenant_id=tenant.id, request_id=request_id(), subject="nobody", basis=REQUEST, reason="a mistake"
    )
    assert await refused(tenant.as_admin("Erase", request)) == "NOTHING_TO_ERASE"


async def test_the_canary_is_found_in_no_place_that_the_register_says_an_erasure_reaches(
    tenant: Tenant, platform: Platform, tmp_path: Path
) -> None:
    export_id, path = await tenant.export()
    handed_over = tmp_path / "handed-over"
    shutil.copytree(path, handed_over)
    assert CANARY.encode() in (handed_over / "openings.jsonl").read_bytes()
    await tenant.erase()
    await tenant.policies.settle()
    await tenant.running.ledger.access_log.flush()
    looks = {
        "entries": await tables(platform, LEDGER_DATABASE, schema_of(TenantId(tenant.id))),
        "openings": [(await tenant.open(position)).value.encode() for position in range(3)],
        "keys": directory(platform.settings.keys_dir),
        "read_models": await tables(platform, "tenet_ledger", "public"),
        "access_log": await tables(platform, "tenet_tenancy", "public"),
        "report_objects": directory(platform.settings.objects_dir),
        "server_exports": directory(platform.settings.exports_dir),
    }
    for place, contents in looks.items():
        assert not any(CANARY.encode() in content for content in contents), place
    assert any(CANARY.encode() in content for content in directory(handed_over)), "what was handed over is out of reach"
    assert not path.exists()
    assert list((await tenant.custody()).erasures[0].unreachable_exports) == [export_id]
    elsewhere = {
        "snapshots",  # Rows of the read databases, with read_models.
        "ledger_backups",  # A test of its own restores one.
        "blind_indexes",  # tests/erasure/test_erased_everywhere.py, in the databases of all services.
        "hunt_scratch",  # tests/services/detections/archive/test_hunts.py
        "logs",  # tests/observability/test_what_is_left_behind.py
        "traces",
        "memory",  # tests/infra/keys: a destroyed key is forgotten at once here, within seconds elsewhere.
    }
    assert {place.name for place in RESTING_PLACES if place.reached} == {*looks, *elsewhere}


async def test_the_register_is_shown_with_what_an_erasure_does_not_reach(tenant: Tenant) -> None:
    client = await tenant.running.ledger_client(tenant.approver)
    stub = client.stub(ledger_erasure_read_pb2_grpc.LedgerErasureReadServiceStub)
    answer = await client.call(stub.ListRestingPlaces, read.ListRestingPlacesRequest(tenant_id=tenant.id))
    assert {place.name for place in answer.places} == {place.name for place in RESTING_PLACES}
    assert {place.name for place in answer.places if not place.reached} >= {"handed_over_exports", "key_backups"}
    assert json.dumps([place.erased_by for place in answer.places])


def directory(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.rglob("*") if path.is_file()]


async def tables(platform: Platform, database: str, schema: str) -> list[bytes]:
    """Every row of every table of a schema, as the superuser reads it, in PostgreSQL's text form and as bytes."""
    found: list[bytes] = []
    async with await psycopg.AsyncConnection.connect(platform.server.dsn(database)) as superuser:
        names = await superuser.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,)
        )
        for (name,) in await names.fetchall():
            rows = await superuser.execute(SQL("SELECT * FROM {}.{}").format(Identifier(schema), Identifier(name)))
            for row in await rows.fetchall():
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return found
