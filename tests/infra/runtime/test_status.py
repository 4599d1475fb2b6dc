"""Who supervises a state directory is always clear, also after a supervisor died without a word."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.runtime.settings import Settings
from infra.runtime.status import (
    AlreadyRunning,
    ProcessStatus,
    SystemStatus,
    read_status,
    supervising,
    supervisor_pid,
    write_status,
)
from infra.runtime.supervisor import down

LIMIT_SECONDS = 20.0


def _status(state_dir: Path) -> SystemStatus:
    now = datetime.now(UTC)
    process = ProcessStatus(
        name="cases",
        state="ready",
        pid=1,
        address="127.0.0.1:7403",
        metrics_address="127.0.0.1:7503",
        restarts=0,
        since=now,
        message="",
        log_file=state_dir / "logs" / "cases.log",
    )
    return SystemStatus(
        state="ready", supervisor_pid=os.getpid(), started_at=now, state_dir=state_dir, processes=(process,)
    )


def test_the_status_is_read_as_written_and_finds_addresses(tmp_path: Path) -> None:
    written = _status(tmp_path)
    with supervising(tmp_path / "run"):
        write_status(tmp_path / "run", written)
        assert read_status(tmp_path / "run") == written
    assert written.address_of("cases") == "127.0.0.1:7403"
    assert written.address_of("issuer") is None


def test_nothing_runs_once_the_supervisor_is_gone_whatever_its_file_says(tmp_path: Path) -> None:
    with supervising(tmp_path / "run"):
        write_status(tmp_path / "run", _status(tmp_path))
    assert (tmp_path / "run" / "status.json").exists()
    assert read_status(tmp_path / "run") is None
    assert supervisor_pid(tmp_path / "run") is None


def test_a_second_supervisor_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        supervising(tmp_path / "run"),
        pytest.raises(AlreadyRunning, match=str(os.getpid())),
        supervising(tmp_path / "run"),
    ):
        pytest.fail("two supervisors at once")


def test_a_supervisor_that_was_killed_leaves_the_directory_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from infra.runtime.status import supervising\n"
        "with supervising(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert supervisor_pid(tmp_path / "run") == holder.pid
        holder.kill()
        holder.wait(LIMIT_SECONDS)
    with supervising(tmp_path / "run"):
        assert supervisor_pid(tmp_path / "run") == os.getpid()


async def test_down_says_when_nothing_runs(tmp_path: Path) -> None:
    assert not await down(Settings(state=tmp_path))
