"""What runs, as the supervisor writes it to `<state>/run/status.json`, and as anyone may read it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from infra.runtime.state_directory import make_state_directory

_STATUS = "status.json"
_LOCK = "supervisor.lock"


class AlreadyRunning(Exception):
    """Another supervisor runs on the same state directory."""


class ProcessStatus(BaseModel):
    """One process. `state` is one of `child.State`'s; addresses are `host:port`, empty where there is none."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    pid: int | None
    address: str
    metrics_address: str
    web_address: str = ""
    restarts: int
    since: datetime
    message: str
    log_file: Path


class SystemStatus(BaseModel):
    """The supervisor's account of itself. `state`: starting, ready, degraded, stopping or stopped."""

    model_config = ConfigDict(frozen=True)

    state: str
    supervisor_pid: int
    started_at: datetime
    state_dir: Path
    processes: tuple[ProcessStatus, ...]

    def address_of(self, name: str) -> str | None:
        """Where a process of that name answers, if one runs."""
        return next((each.address for each in self.processes if each.name == name and each.address), None)


def write_status(run_dir: Path, status: SystemStatus) -> None:
    """Replaces the status at once, so that a reader never sees half of it."""
    making = run_dir / f".{_STATUS}-{os.getpid()}"
    making.write_text(status.model_dump_json(indent=2), encoding="utf-8")
    making.replace(run_dir / _STATUS)


def read_status(run_dir: Path) -> SystemStatus | None:
    """The status of the running system; None when nothing runs, whatever an earlier supervisor may have left behind."""
    if not _is_held(run_dir / _LOCK):
        return None
    try:
        return SystemStatus.model_validate_json((run_dir / _STATUS).read_bytes())
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def supervising(run_dir: Path) -> Iterator[None]:
    """Holds the state directory for one supervisor. Raises AlreadyRunning. The lock ends with the process, however."""
    make_state_directory(run_dir.parent)
    run_dir.mkdir(mode=0o700, exist_ok=True)
    with (run_dir / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(
                f"Tenet already runs on {run_dir.parent} (process {_owner(lock)}). See ./tenet status, stop it with "
                "./tenet down, or name another state directory in TENET_STATE."
            ) from error
        (run_dir / _STATUS).unlink(missing_ok=True)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def supervisor_pid(run_dir: Path) -> int | None:
    """The process that holds the state directory, if one does."""
    path = run_dir / _LOCK
    if not _is_held(path):
        return None
    text = path.read_text(encoding="utf-8")
    return int(text) if text.isdigit() else None


def _is_held(path: Path) -> bool:
    try:
        with path.open("r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _owner(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read().strip() or "unknown"
