"""The whole system under its supervisor: it comes up, mends itself, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.runtime.settings import CHECKOUT, SERVICES
from infra.runtime.status import SystemStatus, read_status

START_LIMIT_SECONDS = 90.0
LIMIT_SECONDS = 40.0


@dataclass
class Running:
    """`tenet up` as a person starts it, on a state directory and ports of its own."""

    state: Path
    process: subprocess.Popen[bytes]

    def status(self) -> SystemStatus | None:
        return read_status(self.state / "run")

    def pids(self) -> dict[str, int]:
        status = self.status()
        return {each.name: each.pid for each in status.processes if each.pid} if status else {}

    def tenet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _tenet(self.state, *arguments)


def _environment(state: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TENET_")}
    return {**own, "TENET_STATE": str(state), "TENET_BASE_PORT": "0", "COLUMNS": "200"}


def _tenet(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        env=_environment(state),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=START_LIMIT_SECONDS,
        check=False,
    )


def _up(state: Path) -> subprocess.Popen[bytes]:
    with (state / "up.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.cli", "up"], env=_environment(state), cwd=CHECKOUT, stdout=log, stderr=log
        )


def _until(condition: Callable[[], bool], limit: float, running: Running) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        words = (running.state / "up.log").read_text()
        assert time.monotonic() < deadline, words
        time.sleep(0.1)


def _is_ready(running: Running) -> bool:
    status = running.status()
    return status is not None and status.state == "ready"


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="tenet-tests-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        made = Running(state, _up(state))
        try:
            _until(lambda: _is_ready(made) or made.process.poll() is not None, START_LIMIT_SECONDS, made)
            assert made.process.poll() is None, (state / "up.log").read_text()
            yield made
        finally:
            made.process.terminate()
            made.process.wait(LIMIT_SECONDS)


def test_every_service_answers_and_the_status_says_where(running: Running) -> None:
    answer = running.tenet("status", "--json")
    status: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert status["state"] == "ready"
    by_name = {each["name"]: each for each in status["processes"]}
    assert {"postgres", "issuer", *SERVICES} <= set(by_name)
    assert all(by_name[service]["address"] and by_name[service]["metrics_address"] for service in SERVICES)


def test_no_service_knows_the_administrator_of_the_databases_or_the_password_of_another(running: Running) -> None:
    pids = running.pids()
    for service in SERVICES:
        environment = psutil.Process(pids[service]).environ()
        assert "postgres:" not in str(environment.get("TENET_CELLS"))
        assert not environment.get("TENET_DATABASE_URL")
        for other in set(SERVICES) - {service}:
            secret = (running.state / "secrets" / f"tenet_{other}").read_text()
            assert not any(secret in value for value in environment.values())


def test_everything_together_stays_below_its_limit_of_memory(running: Running) -> None:
    family = psutil.Process(running.process.pid)
    # Pages that processes share, PostgreSQL's buffers above all, count once: the proportional share adds up.
    total = sum(process.memory_full_info().pss for process in (family, *family.children(recursive=True)))
    assert total < 1536 * 1024 * 1024


def test_a_second_system_on_the_same_state_is_refused(running: Running) -> None:
    refused = running.tenet("up")
    assert refused.returncode == 1
    assert str(running.process.pid) in refused.stderr


@pytest.mark.parametrize("victim", ["cases", "issuer", "postgres"])
def test_what_is_killed_comes_back(running: Running, victim: str) -> None:
    before = running.pids()[victim]
    os.kill(before, signal.SIGKILL)
    _until(lambda: running.pids().get(victim, before) != before and _is_ready(running), LIMIT_SECONDS, running)


def test_when_the_supervisor_is_killed_nothing_is_left_and_the_next_start_finds_the_data(running: Running) -> None:
    pids = running.pids()
    before = running.status()
    assert before is not None
    running.process.kill()
    running.process.wait(LIMIT_SECONDS)
    _until(lambda: all(_is_gone(pid) for pid in pids.values()), LIMIT_SECONDS, running)
    assert running.tenet("status").returncode == 3
    running.process = _up(running.state)
    _until(lambda: _is_ready(running), START_LIMIT_SECONDS, running)
    # Tokens name their issuer by its address; what a port of 0 found the first time is kept.
    after = running.status()
    assert after is not None
    assert after.address_of("issuer") == before.address_of("issuer")


def test_down_stops_everything(running: Running) -> None:
    pids = running.pids()
    answer = running.tenet("down")
    assert (answer.returncode, answer.stdout) == (0, "Stopped.\n")
    assert all(_is_gone(pid) for pid in pids.values())
    assert running.tenet("down").stdout.startswith("Nothing runs")
