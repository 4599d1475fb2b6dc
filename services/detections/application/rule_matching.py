"""Which rules match which lines of a file: without a server, a ledger or a tenant."""

import gc
import gzip
import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import zstandard

from services.detections.config import MAX_RECORD_BYTES
from services.detections.domain.formats.records import Unreadable
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.databases import Keeper
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.lines import read_line

STANDARD_INPUT = "-"


def matches(
    rules: Iterable[CompiledRule], path: Path, unreadable: list[tuple[int, str]], keeper: Keeper
) -> Iterator[tuple[int, str]]:
    """Number of the line, from 0, and the rule's identifier, for each match; line by line, in the order of the rules.

    A line may wrap several records; a rule that matches any of them is named once. `unreadable` is given the number and
    the reason of each line that is no record of a known format. Blank lines count as lines.
    """
    engine = Engine(rules, keeper=keeper)
    # The rules stay as long as the program: no collection of garbage has to look through them.
    gc.freeze()
    for number, line in enumerate(_lines(path)):
        if not line.strip():
            continue
        try:
            records = read_line(line)
        except Unreadable as error:
            unreadable.append((number, error.reason.value))
            continue
        named: set[str] = set()
        for route, fields, alone in records:
            for rule in engine.match(route, fields, alone):
                if rule.rule_id not in named:
                    named.add(rule.rule_id)
                    yield number, rule.rule_id


def _lines(path: Path) -> Iterator[bytes]:
    """Lines without their ends. One that exceeds the limit comes cut, and is then unreadable as what it is."""
    with _opened(path) as file:
        while line := file.readline(MAX_RECORD_BYTES + 1):
            whole = line
            while not whole.endswith(b"\n") and (whole := file.readline(MAX_RECORD_BYTES)):
                pass  # The rest of an overlong line is passed over.
            yield line.rstrip(b"\r\n")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if str(path) == STANDARD_INPUT:
        yield sys.stdin.buffer
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if not name.endswith("/")]
            yield io.BufferedReader(_Joined([archive.open(name) for name in members]))
    elif path.suffix == ".gz":
        with gzip.open(path, "rb") as file:
            yield cast("IO[bytes]", file)  # It reads like any other; its class is only not registered as such.
    elif path.suffix == ".zst":
        with path.open("rb") as packed:
            yield io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed))
    else:
        with path.open("rb") as plain:
            yield plain


class _Joined(io.RawIOBase):
    """Files one after the other as one stream."""

    def __init__(self, files: list[IO[bytes]]) -> None:
        self._files = files

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than any buffer
        while self._files:
            data = self._files[0].read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._files.pop(0).close()
        return 0
