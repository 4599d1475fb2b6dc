"""What was acknowledged is there after kill -9, for objects and for keys."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.ids import TenantId
from infra.keys import LocalKeyStore
from infra.object_store import DirectoryStore
from infra.runtime.settings import CHECKOUT

CLINIC = TenantId("clinic")
WRITER = """
import asyncio, sys
from pathlib import Path
from infra.keys import LocalKeyStore
from infra.object_store import DirectoryStore

async def write(directory):
    keys = await LocalKeyStore.open(directory / "keys")
    objects = await DirectoryStore.open(directory / "objects", keys)
    for number in range(1_000_000):
        name = f"{sys.argv[2]}-{number}"
        key = await keys.subject_key("clinic", name)
        ref = await objects.put("clinic", name.encode() * 5_000)
        print("ack", name, key.key_id, ref.sha256, flush=True)

asyncio.run(write(Path(sys.argv[1])))
"""


def acknowledged_until_killed(directory: Path, seconds: float) -> list[list[str]]:
    """Two writers share the directory for a while; then both are killed. What they had acknowledged, word by word."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), f"writer{number}"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        for number in range(2)
    ]
    acknowledged = []
    for writer in writers:
        assert writer.stdout is not None
        while not (line := writer.stdout.readline()).startswith("ack"):
            assert line, "the writer ended before it wrote anything"
        acknowledged.append(line.split())
    time.sleep(seconds)
    for writer in writers:
        writer.kill()
        output, _ = writer.communicate(timeout=30)
        whole = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
        acknowledged += [words for words in whole if words[0] == "ack"]
    return acknowledged


@pytest.mark.parametrize("seconds", [0.1, 0.35])
async def test_whatever_was_acknowledged_survives_a_killed_writer(tmp_path: Path, seconds: float) -> None:
    acknowledged = acknowledged_until_killed(tmp_path, seconds)
    keys = await LocalKeyStore.open(tmp_path / "keys")
    objects = await DirectoryStore.open(tmp_path / "objects", keys)
    assert len(acknowledged) > 2
    for _, name, key_id, sha256 in acknowledged:
        assert await keys.find_subject_key(CLINIC, name, key_id) is not None
        assert await objects.get(CLINIC, sha256) == name.encode() * 5_000
