"""A disk that is full under everything: ledger, objects, keys and logs. What is refused says so; nothing is lost."""

import asyncio
import itertools
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tenet.detections.v1 import detections_write_pb2, detections_write_pb2_grpc

from infra.grpc import RemoteError
from tests.badinput.work import detection, entries, report, send
from tests.fixtures.customers import Customer, Provider, refusal, request_id
from tests.fixtures.running_system import RunningSystem
from tests.services.detections.records import harmless, lines

DISK = "448m"
RECOVERY_LIMIT_SECONDS = 60.0
FILLING_LIMIT_SECONDS = 30.0
ENOUGH_REFUSALS = 5
LONG_TEXT = 30_000
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
REASONS = {"STORE_UNAVAILABLE", "STORE_FULL", "OBJECT_STORE_FULL", "KEY_STORE_FULL", "KEY_STORE_UNAVAILABLE"}


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own with little room."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own can only be mounted as root")
    with tempfile.TemporaryDirectory(prefix="tenet-tests-") as directory:
        # PostgreSQL's account must reach its data here, or they would lie on another disk.
        Path(directory).chmod(0o711)
        state = Path(directory) / "disk"
        state.mkdir()
        options = f"size={DISK},mode=0711"
        mounting = ["mount", "-t", "tmpfs", "-o", options, "tenet-tests", str(state)]
        done = subprocess.run(mounting, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        try:
            yield state
        finally:
            subprocess.run(["umount", "-l", str(state)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the room that is left, and answers the file to be deleted."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            while True:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    break
    return filler


@pytest.mark.timeout(300)
async def test_a_full_disk_is_answered_with_a_stable_reason_and_is_only_a_pause(small_disk: Path) -> None:
    (small_disk / "postgres").mkdir()
    (small_disk / "postgres").chmod(0o711)
    system = RunningSystem(small_disk)
    try:
        system.start()
        assert (small_disk / "postgres" / "data").is_dir(), "the database does not lie on the small disk"
        async with Provider(system) as provider:
            await _before_while_and_after(small_disk, provider)
    finally:
        system.stop()


async def _before_while_and_after(disk: Path, provider: Provider) -> None:
    await provider.deploy_rules()
    customer = await provider.onboard("cramped")
    client = provider.client("detections", customer.approver)
    acknowledged = [(await report(client, customer, f"Before {number}")).customer_report_id for number in range(5)]
    detection_id = await detection(provider, customer, "host-cramped")
    filler = fill(disk)
    full = await refusal(send(provider, customer, lines(harmless("office", 1)), "batch-full"))
    assert (full.code.name, full.reason) == ("RESOURCE_EXHAUSTED", "OBJECT_STORE_FULL")
    refused: Counter[tuple[str, str]] = Counter()
    deadline = time.monotonic() + FILLING_LIMIT_SECONDS
    while sum(refused.values()) < ENOUGH_REFUSALS and time.monotonic() < deadline:
        try:
            acknowledged.append((await report(client, customer, "x" * LONG_TEXT)).customer_report_id)
        except RemoteError as error:
            refused[error.code.name, error.reason] += 1
    assert refused, "the disk was not full"
    taken, reason = await _claim_until_refused(provider, customer, detection_id)
    assert reason == "STORE_UNAVAILABLE"
    assert {reason for _, reason in refused} <= REASONS, refused
    assert {code for code, _ in refused} <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}, refused
    filler.unlink()
    acknowledged.append(await _once_there_is_room(provider, customer))
    receipt = (await send(provider, customer, lines(harmless("office", 1)), "batch-full")).receipt
    assert receipt.accepted == 1
    filed = await entries(provider, customer, "tenet.detections.CustomerReportFiled")
    identifiers = Counter(entry["data"]["customer_report_id"] for entry in filed)
    assert [identifiers[each] for each in acknowledged] == [1] * len(acknowledged)
    topics = ("tenet.detections.DetectionClaimed", "tenet.detections.DetectionReleased")
    # The outcome of the one that was refused is unknown to its caller; the same request id would tell.
    assert taken <= len(await entries(provider, customer, *topics)) <= taken + 1


async def _claim_until_refused(provider: Provider, customer: Customer, detection_id: str) -> tuple[int, str]:
    """Claims and releases, which need room in the database alone: how many were taken, and why the next was not."""
    client = provider.client("detections", customer.analyst)
    stub = client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub)
    deadline = time.monotonic() + FILLING_LIMIT_SECONDS
    for taken in itertools.count():
        method, make = (
            (stub.ClaimDetection, detections_write_pb2.ClaimDetectionRequest)
            if taken % 2 == 0
            else (stub.ReleaseDetection, detections_write_pb2.ReleaseDetectionRequest)
        )
        request = make(tenant_id=customer.tenant_id, request_id=request_id(), detection_id=detection_id)
        try:
            await client.call(method, request)
        except RemoteError as error:
            return taken, error.reason
        assert time.monotonic() < deadline, "the database always found room"
    raise AssertionError("unreachable")


async def _once_there_is_room(provider: Provider, customer: Customer) -> str:
    """Asks until it is taken; programs that the full disk ended are started again meanwhile."""
    client = provider.client("detections", customer.approver)
    async with asyncio.timeout(RECOVERY_LIMIT_SECONDS):
        while True:
            try:
                return str((await report(client, customer, "After")).customer_report_id)
            except RemoteError as error:
                if error.code not in PASSING:
                    raise
                await asyncio.sleep(0.5)
