"""The supervisor's children are kept running, and never outlive it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.runtime import child as limits
from infra.runtime.child import Child, Program, State
from infra.runtime.leash import leashed

LIMIT_SECONDS = 20.0
ANSWERING = "import sys, pathlib, time; pathlib.Path(sys.argv[1]).touch(); print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + ANSWERING


class FileProbe:
    """Takes a program for working once it has made a file: as real a sign as a port, without one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __call__(self) -> bool:
        return self.path.exists()

    async def close(self) -> None:
        self.path.unlink(missing_ok=True)


Starter = Callable[[str], Child]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Starter]:
    started: list[Child] = []

    def begin(code: str) -> Child:
        sign = tmp_path / "sign"
        program = Program(
            name="program",
            command=[sys.executable, "-c", code, str(sign)],
            environment={},
            log_file=tmp_path / "logs" / "program.log",
            probe=FileProbe(sign),
        )
        child = Child(program, lambda: None)
        started.append(child)
        child.start()
        return child

    yield begin
    for each in started:
        await each.stop()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_program_is_ready_when_it_answers_and_gone_after_stop(start: Starter) -> None:
    child = start(ANSWERING)
    assert await child.ready()
    pid = child.pid
    assert pid is not None
    await child.stop()
    assert child.state is State.STOPPED
    assert not Path(f"/proc/{pid}").exists()


async def test_a_crashed_program_is_started_again_and_its_reason_noted(start: Starter) -> None:
    child = start(ANSWERING)
    assert await child.ready()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await _until(lambda: child.restarts == 1)
    await _until(lambda: child.state is State.READY and child.pid != first)


async def test_a_program_that_never_answers_is_given_up_soon_with_its_last_words(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHORTEST_BACKOFF_SECONDS", 0.01)
    child = start("import sys; sys.exit('no such cell')")
    assert not await child.ready()
    assert child.state is State.FAILED
    assert "exit code 1" in child.message
    assert child.restarts == limits.RESTARTS_BEFORE_READY
    assert "no such cell" in child.last_words()


async def test_a_program_that_keeps_crashing_after_it_had_answered_is_given_up_too(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHORTEST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(limits, "RESTARTS_IN_A_ROW", 4)
    child = start("import sys, pathlib, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(0.3)")
    assert await child.ready()
    await _until(lambda: child.state is State.FAILED)
    assert child.restarts == 4


async def test_a_program_that_stops_answering_is_started_again(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HUNG_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(limits, "_PROBE_PAUSE_RUNNING_SECONDS", 0.05)
    child = start(ANSWERING)
    assert await child.ready()
    first = child.pid
    await child.program.probe.close()
    await _until(lambda: child.restarts >= 1 and child.pid not in (None, first))


async def test_a_program_that_ignores_the_wish_to_stop_is_ended(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STOP_TIMEOUT_SECONDS", 0.2)
    child = start(STUBBORN)
    assert await child.ready()
    pid = child.pid
    await child.stop()
    assert not Path(f"/proc/{pid}").exists()


_PARENT = """
import subprocess, sys, time
from infra.runtime.leash import leashed
child = subprocess.Popen(leashed([sys.executable, "-c", "import time; time.sleep(60)"], signal_number=9))
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_leashed_program_dies_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + LIMIT_SECONDS
    while Path(f"/proc/{pid}").exists() and "(python) Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_leash_whose_parent_is_already_gone_runs_nothing() -> None:
    line = leashed([sys.executable, "-c", "print('ran')"], signal_number=signal.SIGKILL)
    line[line.index(str(os.getpid()))] = "1"
    done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert (done.returncode, done.stdout) == (75, "")
