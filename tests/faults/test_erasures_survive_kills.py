"""A process that is killed -9 in the middle of an erasure: it is finished, recorded once, and takes no more along."""

import subprocess
import sys
from pathlib import Path

import pytest
from tenet.ledger.v1 import ledger_erasure_admin_pb2 as pb

from contracts.events.ledger import ErasureCarriedOut
from contracts.ids import TenantId
from services.ledger import wiring
from tests.erasure.test_erasure_and_holds import CANARY, Tenant
from tests.faults.erasure_worker import STAGES
from tests.faults.timers import CHECKOUT
from tests.fixtures.customers import eventually
from tests.fixtures.platform import ROLE, Running, new_platform

LIMIT_SECONDS = 60.0


@pytest.mark.timeout(240)
async def test_an_erasure_that_is_cut_off_anywhere_is_finished_and_spares_what_was_sealed_since(tmp_path: Path) -> None:
    with new_platform() as platform:
        await platform.prepare()
        settings = tmp_path / "settings.json"
        settings.write_text(platform.settings_of("ledger").model_dump_json())
        async with platform.running() as running:
            for stage in STAGES:
                await _cut_off_after(stage, running, settings, tmp_path)


async def _cut_off_after(stage: str, running: Running, settings: Path, directory: Path) -> None:
    tenant = await _tenant(running)
    keys = running.ledger.keys
    key = await keys.subject_key(TenantId(tenant.id), tenant.subject)
    before = await tenant.leaf_hashes(3)
    assert (await tenant.erase(basis=pb.ERASURE_BASIS_DATA_SUBJECT_REQUEST)).erased
    mark = directory / stage
    worker = _start(settings, directory, stage, str(mark))
    try:

        async def in_the_middle() -> bool:
            return mark.exists()

        await eventually(in_the_middle, LIMIT_SECONDS)
    finally:
        worker.kill()
        worker.wait(30)
    (erasure,) = (await tenant.custody()).erasures
    assert not erasure.carried_out

    async def forgotten() -> bool:
        """Other processes seal by the destroyed key for some seconds; what is sealed then is lost with it."""
        return (await keys.subject_key(TenantId(tenant.id), tenant.subject)).key_id != key.key_id

    await eventually(forgotten, LIMIT_SECONDS)
    since = await running.note(tenant.id, "what came after the erasure")
    worker = _start(settings, directory)
    try:

        async def carried_out() -> bool:
            return (await tenant.custody()).erasures[0].carried_out

        await eventually(carried_out, LIMIT_SECONDS)
    finally:
        worker.kill()
        worker.wait(30)
    assert [(await tenant.open(position)).erased for position in range(3)] == [True] * 3
    assert (await tenant.open(since)).value == "what came after the erasure"
    assert await tenant.leaf_hashes(3) == before
    (erasure,) = (await tenant.custody()).erasures
    assert erasure.fields == 3
    assert erasure.openings == (3 if stage == "key" else 0)
    recorded = await running.ledger.ledger.feed.read(TenantId(tenant.id), 0, 1_000)
    assert sum(isinstance(each.event, ErasureCarriedOut) for each in recorded) == 1


async def _tenant(running: Running) -> Tenant:
    tenant_id = await running.onboard()
    position = await running.note(tenant_id, CANARY, count=3)
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
    return Tenant(running, tenant_id, name, name, position, wiring.policies(running.ledger))


def _start(settings: Path, directory: Path, *stage: str) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-m", "tests.faults.erasure_worker", str(settings), *stage]
    with (directory / "worker.log").open("ab") as log:
        return subprocess.Popen(arguments, cwd=CHECKOUT, stdout=log, stderr=log)
