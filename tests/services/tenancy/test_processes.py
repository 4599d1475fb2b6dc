"""The services as processes of their own: bootstrap ends, serve answers and stops when told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.runtime.settings import CHECKOUT
from tests.fixtures.platform import Platform

STOP_SECONDS = 20


def environment_of(platform: Platform, service: str) -> dict[str, str]:
    path = os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "contracts" / "gen")))
    return {**os.environ, **platform.settings_of(service).environment(), "PYTHONPATH": path}


def run(platform: Platform, service: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", f"services.{service}", *arguments],
        env=environment_of(platform, service),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_the_bootstrap_command_ends_well_however_often_it_runs(platform: Platform) -> None:
    await platform.prepare()
    for _ in range(2):
        process = run(platform, "tenancy", "bootstrap")
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output


@pytest.mark.parametrize("service", ["tenancy", "ledger"])
async def test_a_service_serves_until_it_is_told_to_stop(platform: Platform, service: str, tmp_path: Path) -> None:
    await platform.prepare()
    process = run(platform, service, "serve")
    assert process.stdout is not None
    try:
        lines: list[str] = []
        deadline = time.monotonic() + 60
        while not any("grpc_serving" in line for line in lines) and time.monotonic() < deadline:
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    finally:
        process.kill()
        process.stdout.close()
