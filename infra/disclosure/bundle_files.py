"""The files of an audit bundle on their way: a BagIt 1.0 bag (RFC 8493) that takes its name when all is durable."""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from infra.disclosure.export_files import sync_file
from infra.keys.files import make_directory, sync_directory

TAG_MANIFEST = "tagmanifest-sha256.txt"
"""Its SHA-256 stands for the whole bag: it holds the hash of the manifest, which holds those of all other files."""
PIECE_BYTES = 1024 * 1024

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


class BundleFiles:
    """Blocks; made and used in a thread. Within `with`, what was not finished is removed at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
        make_directory(self._hidden / "data")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)

    def add(self, name: str, data: bytes) -> None:
        """Adds to the end of a payload file, which begins with the first call."""
        path = self._hidden / "data" / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(data)

    def finish(self, information: dict[str, str]) -> None:
        """Writes the tag files, with `information` in `bag-info.txt`. From here on the bundle has its name."""
        payload = {name: self._hidden / name for name in files_of(self._hidden)}
        size = sum(path.stat().st_size for path in payload.values())
        facts = {**information, "Payload-Oxum": f"{size}.{len(payload)}"}
        tags = {
            "bagit.txt": _DECLARATION,
            "bag-info.txt": "".join(f"{key}: {value}\n" for key, value in facts.items()).encode(),
            "manifest-sha256.txt": _manifest(payload),
        }
        for name, data in tags.items():
            (self._hidden / name).write_bytes(data)
        (self._hidden / TAG_MANIFEST).write_bytes(_manifest({name: self._hidden / name for name in tags}))
        for directory, _, names in os.walk(self._hidden):
            for name in names:
                sync_file(Path(directory, name))
            sync_directory(Path(directory))
        try:
            self._hidden.rename(self._path)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            # Another process has finished the same bundle; it holds the same entries.
        sync_directory(self._path.parent)


def files_of(directory: Path) -> list[str]:
    """Every file below, by its path from there, in the order of the manifest."""
    found = [Path(path, name) for path, _, names in os.walk(directory) for name in names]
    return sorted(str(path.relative_to(directory)) for path in found)


def pieces_of(directory: Path) -> Iterator[tuple[str, bytes, bool]]:
    """Every file in pieces that fit a message: its path, some bytes, and whether they are its last."""
    for name in files_of(directory):
        with (directory / name).open("rb") as file:
            piece = file.read(PIECE_BYTES)
            while following := file.read(PIECE_BYTES):
                yield name, piece, False
                piece = following
            yield name, piece, True


def _manifest(files: dict[str, Path]) -> bytes:
    lines = []
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()
