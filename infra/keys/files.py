"""Files that appear whole or not at all, and are on the medium before anyone relies on them."""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

SETTLED_SECONDS = 30.0
"""A file older than this was made durable by its maker; a younger one is made durable by whoever meets it."""

MAX_REMEMBERED_FILES = 10_000
"""Young files that a reader knows to be durable; when there are more it starts anew."""

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def make_directory(path: Path) -> None:
    """Makes a private directory with its parents, each entry durable."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=DIRECTORY_MODE)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Holds an advisory lock on that file, against other processes and other threads of this one."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def create(path: Path, data: bytes) -> bool:
    """Creates a file with this content, durable. Returns False, leaving the file, when another process was first."""
    temporary = _write_temporary(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Puts a file with this content in the place of whatever is there, durable."""
    temporary = _write_temporary(path, data)
    temporary.replace(path)
    sync_directory(path.parent)


class KnownFiles:
    """Reads and creates files, and remembers which of the young ones it has made durable already."""

    def __init__(self) -> None:
        self._durable: set[tuple[Path, int]] = set()

    def read(self, path: Path) -> bytes | None:
        """The file's content, or None when it is not there.

        A file that another process made a moment ago may not be durable yet, so its directory is synchronised first:
        what is sealed under a key must never outlive the key by a power cut.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read()
            status = os.fstat(file.fileno())
            if time.time() - status.st_mtime < SETTLED_SECONDS:
                self._make_durable(path, status.st_mtime_ns)
        return data

    def create(self, path: Path, data: bytes) -> bool:
        """As the function `create`."""
        created = create(path, data)
        if created:
            with contextlib.suppress(FileNotFoundError):
                self._remember(path, path.stat().st_mtime_ns)
        return created

    def _make_durable(self, path: Path, modified_at: int) -> None:
        if (path, modified_at) in self._durable:
            return
        with contextlib.suppress(FileNotFoundError):
            sync_directory(path.parent)
        self._remember(path, modified_at)

    def _remember(self, path: Path, modified_at: int) -> None:
        if len(self._durable) >= MAX_REMEMBERED_FILES:
            self._durable.clear()
        self._durable.add((path, modified_at))


def scrub(path: Path) -> None:
    """Destroys a file: out of sight first, then overwritten, then removed; each step durable. Absent is fine.

    Overwriting is the best that a file can do; a medium that keeps old blocks is outside of this program's reach.
    """
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(8)}.scrub")
    try:
        path.rename(hidden)
    except FileNotFoundError:
        return
    sync_directory(path.parent)
    scrub_hidden(hidden)


def scrub_hidden(hidden: Path) -> None:
    """Finishes `scrub` for a file that is out of sight already, as after a crash."""
    try:
        descriptor = os.open(hidden, os.O_WRONLY)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    hidden.unlink(missing_ok=True)
    sync_directory(hidden.parent)


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
