"""Logs are JSON that tells where and in which trace; nothing sealed rests anywhere on the disk in the clear."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.runtime.settings import SERVICES
from tests.fixtures.running_system import RunningSystem
from tests.observability.journey import CANARY, TENANT, Journey

pytestmark = pytest.mark.asyncio(loop_scope="session")


def entries_of(system: RunningSystem, service: str) -> list[dict[str, Any]]:
    path = system.settings.logs_dir / f"{service}.log"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_log_is_json_line_by_line_and_says_whose_and_when(
    system: RunningSystem, journey: Journey, service: str
) -> None:
    entries = entries_of(system, service)
    assert entries
    for entry in entries:
        assert entry["service"] == service
        assert entry["event"]
        assert entry["level"]
        assert entry["timestamp"].endswith("Z")


async def test_a_refusal_is_logged_with_its_reason_tenant_rpc_and_trace(
    system: RunningSystem, journey: Journey
) -> None:
    refused = [entry for entry in entries_of(system, "detections") if entry["event"] == "rpc_refused"]
    (unknown,) = [entry for entry in refused if entry["reason"] == "DETECTION_UNKNOWN"]
    assert unknown["tenant"] == TENANT
    assert unknown["rpc"] == "/tenet.detections.v1.DetectionsWriteService/ValidateDetection"
    assert len(unknown["trace_id"]) == 32


async def test_what_is_sealed_rests_nowhere_in_the_clear(system: RunningSystem, journey: Journey) -> None:
    """Ledger, read models, write-ahead log, objects, logs, status: everything that a running system writes."""
    assert holding(system.state, CANARY) == []
    # The search itself finds what is in the clear: the tenant's identifier is meant to be.
    assert any("postgres" in found for found in holding(system.state, TENANT))


def holding(directory: Path, text: str) -> list[str]:
    """The files below a directory that hold the text, in UTF-8 or UTF-16, in either case of letters."""
    needles = {form for case in (text, text.upper()) for form in (case.encode(), case.encode("utf-16-le"))}
    found = []
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_socket():
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.append(str(path.relative_to(directory)))
    return found
