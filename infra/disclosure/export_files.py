"""The files of one export on their way: written into a hidden directory that takes its name when all is durable."""

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from contracts.canonical import encode
from contracts.errors import ResourceExhausted, Unavailable
from infra.event_store.reads import StoredEntry
from infra.keys.files import make_directory, sync_directory

ENTRIES_PER_FILE = 10_000
MANIFEST = "manifest.json"
OPENINGS = "openings.jsonl"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

P = ParamSpec("P")
T = TypeVar("T")


class ExportStoreFull(ResourceExhausted):
    """The directory for exports has no room left; nothing of the export was kept."""

    reason = "EXPORT_STORE_FULL"


class ExportStoreUnavailable(Unavailable):
    """The directory for exports cannot be written or read."""

    reason = "EXPORT_STORE_UNAVAILABLE"


class ExportFiles:
    """Make it with `begin`; after `finish`, `abandon` does nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
        make_directory(self._hidden / "entries")
        self._bundle: Path | None = None
        self._in_bundle = 0

    @classmethod
    async def begin(cls, path: Path) -> Self:
        return await in_thread(cls, path)

    async def add(self, entries: Sequence[StoredEntry], opening_lines: Sequence[dict[str, Any]]) -> None:
        """Adds entries in order of position, and the lines about their sealed fields."""
        await in_thread(self._add, entries, opening_lines)

    async def finish(self, facts: dict[str, Any]) -> None:
        """Writes the manifest: `facts` and the list of files. From here on the export has its name."""
        await in_thread(self._finish, facts)

    async def abandon(self) -> None:
        await in_thread(shutil.rmtree, self._hidden, ignore_errors=True)

    def _add(self, entries: Sequence[StoredEntry], opening_lines: Sequence[dict[str, Any]]) -> None:
        bundles: dict[Path, list[bytes]] = {}
        for entry in entries:
            if self._bundle is None or self._in_bundle == ENTRIES_PER_FILE:
                self._bundle, self._in_bundle = self._hidden / "entries" / f"{entry.position:012d}.bundle", 0
            self._in_bundle += 1
            leaf_data = struct.pack(">q", entry.recorded_at_us) + entry.entry
            bundles.setdefault(self._bundle, []).append(struct.pack(">H", len(leaf_data)) + leaf_data)
        for bundle, parts in bundles.items():
            _append(bundle, b"".join(parts))
        _append(self._hidden / OPENINGS, b"".join(encode(line) + b"\n" for line in opening_lines))

    def _finish(self, facts: dict[str, Any]) -> None:
        _append(self._hidden / OPENINGS, b"")
        files = sorted(path for path in self._hidden.rglob("*") if path.is_file())
        listed = [
            {"path": str(path.relative_to(self._hidden)), "sha256": _sha256(path), "bytes": path.stat().st_size}
            for path in files
        ]
        _append(self._hidden / MANIFEST, encode({**facts, "files": listed}))
        for path in (*files, self._hidden / MANIFEST):
            sync_file(path)
        sync_directory(self._hidden / "entries")
        sync_directory(self._hidden)
        try:
            self._hidden.rename(self._path)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            # Another process has finished the same export; it holds the same entries.
        sync_directory(self._path.parent)


async def read_manifest(path: Path) -> tuple[bytes, str] | None:
    """The manifest of a finished export and its SHA-256 in hexadecimal; None when there is no such export."""

    def read() -> tuple[bytes, str] | None:
        try:
            data = (path / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        return data, hashlib.sha256(data).hexdigest()

    return await in_thread(read)


async def exports_of(directory: Path) -> list[str]:
    """The names of the finished exports in a tenant's directory."""

    def names() -> list[str]:
        return sorted(path.parent.name for path in directory.glob(f"[!.]*/{MANIFEST}"))

    return await in_thread(names)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work on an export's files. Raises ExportStoreFull, ExportStoreUnavailable."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise ExportStoreFull("There is no room left for the export; nothing was kept.") from error
        raise ExportStoreUnavailable(f"The directory for exports refuses: {error.strerror}.") from error


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
