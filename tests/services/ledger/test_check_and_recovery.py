"""A ledger that was tampered with: found by the check, closed by the sealer, reopened by two, under a new origin."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from tenet.ledger.v1 import ledger_check_pb2 as check_pb
from tenet.ledger.v1 import ledger_recovery_admin_pb2 as pb
from typer.testing import CliRunner

from contracts.errors import LedgerReadOnly
from contracts.events.ledger import LedgerReopened, LogKeyIntroduced, ReopeningProposed
from contracts.ids import PROVIDER, TenantId, schema_of
from infra.cli.__main__ import app
from infra.cli.proofs import EXIT_NOT_CHECKED
from infra.cli.session import Session
from infra.event_store.roles import LEDGER_DATABASE
from infra.grpc import RemoteError
from infra.transparency.log_keys import log_verifiers
from infra.transparency.notes import Checkpoint, Verifier, open_note
from infra.transparency.sealing import Sealing
from infra.transparency.verifier import verify
from infra.transparency.witness import Witness
from infra.transparency.witness_protocol import AddCheckpoint
from services.ledger import wiring
from services.ledger.application.first_keys import FirstKeys
from services.ledger.application.log_digests import LogDigests
from services.ledger.domain.errors import LedgerNotClosed, LedgerNotRestored
from tests.fixtures.platform import ROLE, Platform, Running
from tests.services.ledger.test_audit_bundles import auditor, take, wanted


@pytest.fixture
async def sealing(running: Running) -> AsyncIterator[Sealing]:
    async with wiring.sealing_of(running.ledger).running() as logs:
        yield logs


def session(running: Running, name: str) -> Session:
    async def authorization() -> str:
        return f"Bearer {running.issuer.token(name)}"

    return Session({"ledger": f"127.0.0.1:{running.ledger_port}"}, authorization)


async def second_admin(running: Running) -> str:
    principal_id, name = await running.register(PROVIDER)
    await running.grant(principal_id, ROLE.Value("ROLE_ADMIN"), PROVIDER)
    return name


async def sealed(sealing: Sealing, tenant_id: str, size: int) -> None:
    async with asyncio.timeout(20):
        while (head := sealing.heads.get(TenantId(tenant_id))) is None or head.size != size:
            await asyncio.sleep(0.05)


async def check(running: Running, tenant_id: str, *held: bytes, who: str = "admin") -> check_pb.CheckLedgerResponse:
    async with session(running, who) as asking:
        request = check_pb.CheckLedgerRequest(tenant_id=tenant_id, held_checkpoints=held)
        return await asking.ask(request, check_pb.CheckLedgerResponse)


def checkpoint_of(sealing: Sealing, tenant_id: str) -> bytes:
    data = sealing.log_of(TenantId(tenant_id)).checkpoint()
    assert data is not None
    return data


def as_superuser(platform: Platform, tenant_id: str, statement: str) -> None:
    with psycopg.connect(platform.server.dsn(LEDGER_DATABASE)) as connection:
        connection.execute(statement.replace("{t}", schema_of(TenantId(tenant_id))).encode())


async def broken_ledger(running: Running, platform: Platform, sealing: Sealing) -> str:
    """Of ten entries three were cut off; the sealer has closed it."""
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=10)
    await sealed(sealing, tenant_id, 10)
    statement = "DELETE FROM {t}.openings WHERE event_id IN (SELECT event_id FROM {t}.events WHERE position >= 7)"
    as_superuser(platform, tenant_id, statement)
    as_superuser(platform, tenant_id, "DELETE FROM {t}.events WHERE position >= 7")
    await closed(running, TenantId(tenant_id))
    return tenant_id


async def closed(running: Running, tenant_id: TenantId) -> None:
    """Waits until the sealer has closed it."""
    placements = running.ledger.ledger.placements
    async with asyncio.timeout(20):
        while not (await placements.find(tenant_id)).read_only:
            placements.forget(tenant_id)
            await asyncio.sleep(0.05)


async def events_of(running: Running, event: type[Any]) -> list[Any]:
    feed, position, found = running.ledger.ledger.feed, 0, []
    while recorded := await feed.read(PROVIDER, position):
        found += [each.event for each in recorded if isinstance(each.event, event)]
        position = recorded[-1].position + 1
    return found


async def test_a_check_finds_what_a_superuser_did_and_only_those_who_may_export_may_ask(
    running: Running, platform: Platform, sealing: Sealing
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=5)
    await sealed(sealing, tenant_id, 5)
    whole = await check(running, tenant_id)
    assert (whole.finding_count, whole.entries, whole.openings, whole.signed_size) == (0, 5, 5, 5)
    as_superuser(platform, tenant_id, "UPDATE {t}.events SET topic = 'tenet.cases.Other' WHERE position = 3")
    found = await check(running, tenant_id)
    assert [(each.kind, each.position) for each in found.findings] == [("column_altered", 3)]
    assert found.first_position == 3
    principal_id, viewer = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.Value("ROLE_CUSTOMER_VIEWER"), tenant_id)
    with pytest.raises(RemoteError) as refusal:
        await check(running, tenant_id, who=viewer)
    assert refusal.value.reason == "ROLE_MISSING"


async def test_a_head_in_the_providers_ledger_or_in_the_callers_hand_tells_that_ledger_and_log_were_rolled_back(
    running: Running, platform: Platform, sealing: Sealing
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=9)
    await sealed(sealing, tenant_id, 9)
    held = checkpoint_of(sealing, tenant_id)
    foundation = running.ledger
    first_keys = FirstKeys(sealing, foundation.keys, foundation.ledger.handler, foundation.clock)
    await LogDigests(sealing, foundation.objects, foundation.ledger.handler, foundation.clock, first_keys).take()
    log = sealing.log_of(TenantId(tenant_id))
    await running.note(tenant_id, "and then", count=1)
    await sealed(sealing, tenant_id, 10)
    assert (await check(running, tenant_id, held)).finding_count == 0
    other = await running.onboard()
    await running.note(other, "of another customer")
    await sealed(sealing, other, 1)
    with pytest.raises(RemoteError) as refusal:
        await check(running, tenant_id, checkpoint_of(sealing, other))
    assert refusal.value.reason == "NOTE_UNVERIFIED"
    # Ledger and log as an older backup of both would bring them back.
    log.checkpoint_path.unlink()
    for table in ("openings", "events"):
        where = "TRUE" if table == "openings" else "position >= 4"
        as_superuser(platform, tenant_id, f"DELETE FROM {{t}}.{table} WHERE {where}")
    sealer = wiring.sealing_of(foundation)
    await sealer.seal(TenantId(tenant_id), 4)
    found = await check(running, tenant_id, held)
    contradicted = {each.place.partition(" ")[0]: each for each in found.findings if each.kind == "head_contradicted"}
    assert set(contradicted) == {"digest", "held"}
    assert contradicted["held"].position == 4


async def test_two_administrators_reopen_a_closed_ledger_under_a_new_origin(
    running: Running, platform: Platform, sealing: Sealing, tmp_path: Path
) -> None:
    tenant_id = await broken_ledger(running, platform, sealing)
    before = checkpoint_of(sealing, tenant_id)
    found = await check(running, tenant_id)
    assert ("entry_missing", 7) in [(each.kind, each.position) for each in found.findings]
    second = await second_admin(running)
    async with session(running, "admin") as one, session(running, second) as two:
        with pytest.raises(RemoteError) as refusal:
            await two.ask(pb.ApproveReopeningRequest(tenant_id=tenant_id), pb.ApproveReopeningResponse)
        assert refusal.value.reason == "REOPENING_UNKNOWN"
        proposed = await one.ask(
            pb.ProposeReopeningRequest(tenant_id=tenant_id, reason="A failover lost three entries"),
            pb.ProposeReopeningResponse,
        )
        assert (proposed.signed_size, proposed.entries) == (10, 7)
        with pytest.raises(RemoteError) as refusal:
            await one.ask(pb.ApproveReopeningRequest(tenant_id=tenant_id), pb.ApproveReopeningResponse)
        assert refusal.value.reason == "SECOND_PERSON_NEEDED"
        with pytest.raises(LedgerReadOnly):
            await running.note(tenant_id, "too early")
        request = pb.ApproveReopeningRequest(tenant_id=tenant_id, request_id="approve-this-once")
        approved = await two.ask(request, pb.ApproveReopeningResponse)
        assert await two.ask(request, pb.ApproveReopeningResponse) == approved
    assert approved.origin == f"{proposed.origin}/2"
    running.cases.placements.forget(TenantId(tenant_id))
    await running.note(tenant_id, "again")
    await sealed(sealing, tenant_id, 8)
    note, _ = open_note(checkpoint_of(sealing, tenant_id), [Verifier.parse(approved.verifier_key)])
    assert Checkpoint.parse(note.text).origin == approved.origin
    earlier = sealing.storage.numbered(TenantId(tenant_id), 1)
    assert earlier.checkpoint() == before, "what was signed under the earlier origin stays as it was"
    assert (await check(running, tenant_id)).finding_count == 0
    with pytest.raises(RemoteError) as refusal:
        async with session(running, "admin") as one:
            await one.ask(
                pb.ProposeReopeningRequest(tenant_id=tenant_id, reason="once more"), pb.ProposeReopeningResponse
            )
    assert refusal.value.reason == "LEDGER_NOT_CLOSED"
    (event,) = [each for each in await events_of(running, LedgerReopened) if each.log_tenant_id == tenant_id]
    assert (event.origin_number, event.signed_size, event.entries) == (2, 10, 7)
    assert any(each.log_tenant_id == tenant_id for each in await events_of(running, ReopeningProposed))
    await take(running, "admin", tmp_path / "bundle", wanted(tenant_id))
    result = verify(tmp_path / "bundle")
    assert result.problems == []
    assert any("reopened" in note and approved.origin in note for note in result.notes)
    witness = Witness(tmp_path, "witness.example", [Verifier.parse(approved.verifier_key)])
    signed = checkpoint_of(sealing, tenant_id)
    assert (await witness.add_checkpoint(AddCheckpoint(0, (), signed).encode())).status == 200
    assert (await witness.add_checkpoint(AddCheckpoint(0, (), before).encode())).status == 404


async def test_the_providers_own_ledger_is_opened_once_it_was_restored_and_not_before(
    running: Running, platform: Platform, sealing: Sealing
) -> None:
    ledger, opening = running.ledger.ledger, wiring.opening_restored(running.ledger)
    size = await ledger.feed.head(PROVIDER)
    await sealed(sealing, PROVIDER, size)
    origin, held = sealing.origin(PROVIDER), checkpoint_of(sealing, PROVIDER)
    with pytest.raises(LedgerNotClosed):
        await opening.open_restored(PROVIDER, [held])
    for table in ("openings", "events"):
        as_superuser(platform, PROVIDER, f"CREATE TABLE {table}_backup AS SELECT * FROM {{t}}.{table}")
    last = "event_id = (SELECT event_id FROM {t}.events ORDER BY position DESC LIMIT 1)"
    as_superuser(platform, PROVIDER, f"DELETE FROM {{t}}.openings WHERE {last}")
    as_superuser(platform, PROVIDER, f"DELETE FROM {{t}}.events WHERE {last}")
    try:
        await closed(running, PROVIDER)
        with pytest.raises(LedgerNotRestored) as refusal:
            await opening.open_restored(PROVIDER, [held])
        assert refusal.value.metadata["first_position"] == str(size - 1)
        with pytest.raises(RemoteError, match="LEDGER_READ_ONLY"):
            await running.register(PROVIDER)
    finally:
        for table in ("events", "openings"):
            statement = f"INSERT INTO {{t}}.{table} SELECT * FROM {table}_backup ON CONFLICT DO NOTHING"
            as_superuser(platform, PROVIDER, statement)
            as_superuser(platform, PROVIDER, f"DROP TABLE {table}_backup")
    assert (await opening.open_restored(PROVIDER, [held])).findings.count == 0
    running.tenancy.ledger.placements.forget(PROVIDER)
    await running.register(PROVIDER)
    await sealed(sealing, PROVIDER, await ledger.feed.head(PROVIDER))
    assert sealing.origin(PROVIDER) == origin, "the log goes on, under the same origin"
    assert (await check(running, PROVIDER, held)).finding_count == 0


async def test_the_key_that_a_log_was_born_with_is_recorded_once(running: Running, sealing: Sealing) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen")
    await sealed(sealing, tenant_id, 1)
    foundation = running.ledger
    for _ in range(2):
        await FirstKeys(sealing, foundation.keys, foundation.ledger.handler, foundation.clock).record()
    (event,) = [each for each in await events_of(running, LogKeyIntroduced) if each.log_tenant_id == tenant_id]
    verifier = Verifier.parse(event.verifier_key)
    assert event.generation == 1
    assert event.fingerprint == hashlib.sha256(verifier.public_key).hexdigest()
    open_note(checkpoint_of(sealing, tenant_id), [verifier])


async def test_the_command_line_checks_a_ledger_and_takes_receipts_and_proofs_that_are_verified_without_a_server(
    running: Running, platform: Platform, sealing: Sealing, tmp_path: Path
) -> None:
    tenant_id = await running.onboard()
    await running.note(tenant_id, "seen", count=6)
    await sealed(sealing, tenant_id, 6)
    name = await auditor(running, tenant_id)
    log = sealing.log_of(TenantId(tenant_id))
    keys = await log_verifiers(running.ledger.keys, TenantId(tenant_id), sealing.origin(TenantId(tenant_id)), log)
    environment = {
        "TENET_ENDPOINTS": f"127.0.0.1:{running.ledger_port}",
        "TENET_TOKEN": running.issuer.token(name),
        "TENET_STATE": str(tmp_path / "state"),
    }

    async def tenet(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)

    whole = await tenet("audit", "check", "--tenant", tenant_id)
    assert whole.exit_code == 0, whole.output
    assert "WHOLE" in whole.output
    commands = {
        "receipt": ("receipt", "-p", "3"),
        "inclusion": ("proof", "inclusion", "-p", "3"),
        "consistency": ("proof", "consistency", "--from", "2"),
        "range": ("proof", "range", "--from", "1", "--to", "5"),
    }
    for kind, words in commands.items():
        file = tmp_path / f"{kind}.txt"
        taken = await tenet(*words, "--tenant", tenant_id, "-o", str(file))
        assert taken.exit_code == 0, taken.output
        checked = CliRunner().invoke(app, ["verify", str(file), "--key", keys[0].encode()])
        assert checked.exit_code == 0, checked.output
        unnamed = CliRunner().invoke(app, ["verify", str(file)])
        assert unnamed.exit_code == EXIT_NOT_CHECKED
        assert "name the log by its verifier key" in unnamed.output
    assert "PROVIDERS_LEDGER_CLOSED" in (await tenet("audit", "keys", "--tenant", tenant_id)).output
    as_superuser(platform, tenant_id, "UPDATE {t}.events SET topic = 'tenet.cases.Other' WHERE position = 3")
    found = await tenet("audit", "check", "--tenant", tenant_id)
    assert found.exit_code == 1
    assert "The first entry that is wrong is 3." in found.output
