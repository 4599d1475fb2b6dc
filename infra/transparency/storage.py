"""A tenant's log as files: tiles, entry bundles and the signed checkpoint, laid out as C2SP tlog-tiles serves them.

    <log>/<tenant>/checkpoint               the newest signed checkpoint, with the log's own signatures
    <log>/<tenant>/checkpoint.cosigned      the newest one that outside witnesses have cosigned, with all signatures
    <log>/<tenant>/tile/<level>/<index>     hashes; `tile/entries/<index>`: leaf data
    <log>/<tenant>/keys/<generation>.note   the log's keys, see `log_keys`
    <log>/<tenant>/stamps/<size>.tsr        RFC 3161 time stamps, each beside the checkpoint that it covers
    <log>/<tenant>.<number>/                the same under a later origin, once a closed ledger was reopened

Only what a checkpoint covers counts. Tiles are written first and made durable together, before the checkpoint that
covers them takes the place of the last one; what a crash leaves beyond the checkpoint is removed at the next start.
Of each partial tile the newest is kept: a narrower one is the beginning of it, and is cut from it when it is asked for.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from contracts.errors import DataLoss, NotFound, ResourceExhausted
from contracts.ids import TenantId
from infra.transparency.merkle import HASH_SIZE
from infra.transparency.notes import MAX_NOTE_BYTES, Checkpoint, Note, parse_note
from infra.transparency.tiles import HEIGHT, WIDTH, Tile, TileMalformed, split_hashes

SYNC_THREADS = 8
"""Files that are synchronised at once; the medium joins what comes together."""
LEVELS = 64 // HEIGHT
"""Levels of tiles that a log can have at most: sizes are 63-bit numbers."""
_ATTEMPTS = 4
"""How often a partial tile may be replaced by a wider one while it is looked for."""


class TileMissing(NotFound):
    """The log holds no such tile, or none that a checkpoint covers."""

    reason = "TILE_MISSING"


class LogCorrupt(DataLoss):
    """The log's files do not lead to the root that its own checkpoint states."""

    reason = "LOG_CORRUPT"


class LogFull(ResourceExhausted):
    """There is no room for the log's files. Nothing was signed."""

    reason = "LOG_FULL"


class LogStorage:
    """All tenants' logs below one directory. One process at a time may write: whoever holds `sealing`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, tenant_id: TenantId) -> "LogDirectory":
        """The log under its present origin, the one with the highest number."""
        return self.numbered(tenant_id, self.number_of(tenant_id))

    def number_of(self, tenant_id: TenantId) -> int:
        """How many origins the log has had: 1, and one more for each time that a closed ledger was reopened."""
        prefix = f"{tenant_id}."
        try:
            names = [each.name.removeprefix(prefix) for each in self.root.iterdir() if each.name.startswith(prefix)]
        except FileNotFoundError:
            return 1
        return max([int(name) for name in names if name.isdecimal()], default=1)

    def numbered(self, tenant_id: TenantId, number: int) -> "LogDirectory":
        """No tenant's identifier has a dot, so the directories of later origins are nobody else's."""
        return LogDirectory(self.root / (tenant_id if number == 1 else f"{tenant_id}.{number}"))

    @contextlib.contextmanager
    def sealing(self) -> Iterator[bool]:
        """Whether this process is the one that may write, until the block ends or the process does, however."""
        _make_directory(self.root)
        with (self.root / ".sealing").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


class LogDirectory:
    """One tenant's log. Everything blocks. Reading is safe at any time; only the sealing process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsettled: list[Path] = []
        self._directories: set[Path] = set()

    @property
    def checkpoint_path(self) -> Path:
        return self.path / "checkpoint"

    @property
    def cosigned_path(self) -> Path:
        return self.path / "checkpoint.cosigned"

    def own_checkpoint(self) -> bytes | None:
        """The newest signed checkpoint as the log itself signed it; None before the first."""
        return read_file(self.checkpoint_path)

    def checkpoint(self) -> bytes | None:
        """The newest signed checkpoint, with the cosignatures that it has got so far; None before the first."""
        signed, cosigned = self.own_checkpoint(), self.cosigned()
        if signed is None or cosigned is None or parse_note(signed).text != parse_note(cosigned).text:
            return signed
        return cosigned

    def cosigned(self) -> bytes | None:
        """The newest checkpoint that witnesses have cosigned."""
        return read_file(self.cosigned_path)

    def keep_cosigned(self, checkpoint: bytes) -> None:
        replace_file(self.cosigned_path, checkpoint)

    def keep_stamp(self, signed: "SignedCheckpoint", stamp: bytes) -> None:
        """Keeps a time stamp and the checkpoint that it is for."""
        name = f"{signed.checkpoint.size:020d}"
        replace_file(self.path / "stamps" / f"{name}.checkpoint", signed.note.encode())
        replace_file(self.path / "stamps" / f"{name}.tsr", stamp)

    def stamps(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Each time stamp's name, the checkpoint that it is for, and the stamp, the oldest first."""
        for path in sorted((self.path / "stamps").glob("*.tsr")):
            yield f"stamps/{path.name}", path.with_suffix(".checkpoint").read_bytes(), path.read_bytes()

    def newest_stamp(self) -> tuple[bytes, bytes] | None:
        """The newest time stamp and its checkpoint."""
        try:
            newest = max((self.path / "stamps").glob("*.tsr"), default=None)
            return None if newest is None else (newest.read_bytes(), newest.with_suffix(".checkpoint").read_bytes())
        except FileNotFoundError:
            return None

    def read(self, tile: Tile) -> bytes:
        """The bytes of a tile or entry bundle of just that width, wherever they stand. Raises TileMissing."""
        path = self.path / tile.path
        data = read_file(path)
        if data is None and tile.width != WIDTH:
            data = self._read_wider(tile)
        if data is None:
            raise TileMissing("The log holds no such tile.", metadata={"tile": tile.path})
        return data

    def hashes(self, tile: Tile) -> list[bytes]:
        """Raises TileMissing, and LogCorrupt when the file has not the size of such a tile."""
        try:
            return split_hashes(self.read(tile), tile.width)
        except TileMalformed as error:
            raise LogCorrupt(error.message, metadata={"tile": tile.path}) from error

    def _read_wider(self, tile: Tile) -> bytes | None:
        full = self.path / Tile(tile.level, tile.index).path
        partial = full.with_name(f"{full.name}.p")
        for _ in range(_ATTEMPTS):
            widths = sorted(width for width in _widths(partial) if width >= tile.width)
            for path in (*(partial / str(width) for width in widths), full):
                data = read_file(path)
                if data is not None:
                    return beginning(data, tile)
        return None

    def write(self, tile: Tile, data: bytes) -> None:
        """Puts a tile where no checkpoint has it yet; durable only after `publish`. Raises LogFull."""
        path = self.path / tile.path
        if path.parent not in self._directories:
            self._directories.update(_make_directory(path.parent, settled=False))
        with _room():
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_bytes(data)
            temporary.replace(path)
        self._unsettled.append(path)

    def publish(self, checkpoint: bytes) -> None:
        """Makes everything written durable, then puts the checkpoint that covers it in the place of the last one."""
        with _room():
            if len(self._unsettled) > SYNC_THREADS:
                with ThreadPoolExecutor(SYNC_THREADS) as threads:
                    list(threads.map(_sync, self._unsettled))
            else:
                for path in self._unsettled:
                    _sync(path)
            for directory in self._directories:
                _sync(directory)
        self._unsettled.clear()
        self._directories.clear()
        replace_file(self.checkpoint_path, checkpoint)

    def drop_outgrown(self, old_size: int, size: int) -> None:
        """Removes the partial tiles of a checkpoint that a newer one has replaced, where wider ones have come."""
        for level, row_size, new_size in _rows(old_size, size):
            width = row_size % WIDTH
            if width and row_size != new_size:
                tile = Tile(level, row_size // WIDTH, width)
                self._unlink(tile)

    def trim(self, size: int) -> None:
        """Removes what lies beyond the checkpoint of `size` entries, as a crash between two checkpoints leaves it."""
        levels: list[int | None] = [None, *range(LEVELS)]
        for level in levels:
            row_size = size >> HEIGHT * (level or 0)
            index = row_size // WIDTH
            self._drop_partials(Tile(level, index), keep=row_size % WIDTH)
            while (full := self.path / Tile(level, index).path).exists():
                full.unlink()
                index += 1
                self._drop_partials(Tile(level, index), keep=0)

    def _drop_partials(self, tile: Tile, *, keep: int) -> None:
        full = self.path / tile.path
        for width in _widths(full.with_name(f"{full.name}.p")):
            if width != keep:
                self._unlink(Tile(tile.level, tile.index, width))

    def _unlink(self, tile: Tile) -> None:
        path = self.path / tile.path
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


class SignedCheckpoint:
    """A checkpoint with the note that it came in; `note` holds the log's signatures and the cosignatures."""

    def __init__(self, note: Note, checkpoint: Checkpoint) -> None:
        self.note, self.checkpoint = note, checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises NoteMalformed, CheckpointMalformed."""
        note = parse_note(data)
        return cls(note, Checkpoint.parse(note.text))


def beginning(data: bytes, tile: Tile) -> bytes:
    """The narrower tile that a wider one, or a full one, begins with. Raises LogCorrupt when it is too short."""
    if tile.level is not None:
        end = tile.width * HASH_SIZE
    else:
        end = 0
        for _ in range(tile.width):
            end += 2 + int.from_bytes(data[end : end + 2], "big")
    if end > len(data):
        raise LogCorrupt("A tile is cut off.", metadata={"tile": tile.path})
    return data[:end]


def read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def replace_file(path: Path, data: bytes) -> None:
    """Puts a whole file in the place of whatever is there, durably. Raises LogFull."""
    if len(data) > MAX_NOTE_BYTES:
        raise LogFull("A note of this size is not kept.")
    _make_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        with _room():
            temporary.write_bytes(data)
            _sync(temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def create_file(path: Path, data: bytes) -> bool:
    """Creates a whole file, durably; False, leaving what is there, when another process was first."""
    _make_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        with _room():
            temporary.write_bytes(data)
            _sync(temporary)
            os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)
    return True


def _rows(old_size: int, size: int) -> Iterator[tuple[int | None, int, int]]:
    """(level, number of hashes in the old tree, and in the new one) of the bundles and of each level of tiles."""
    yield None, old_size, size
    level = 0
    while old_size:
        yield level, old_size, size
        old_size, size, level = old_size // WIDTH, size // WIDTH, level + 1


def _widths(partial: Path) -> list[int]:
    try:
        return [int(each.name) for each in partial.iterdir() if each.name.isdigit()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _make_directory(path: Path, *, settled: bool = True) -> list[Path]:
    """Makes a private directory with its parents; the directories whose own entries changed, this one among them."""
    if path.is_dir():
        return [path]
    changed = _make_directory(path.parent, settled=settled)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if settled:
        _sync(path.parent)
    return [*changed, path]


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise LogFull(f"The log's medium refuses: {error.strerror}.") from error
