"""A question in SQL over the files of a hunt, answered by a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.detections.application.archive.rows import COLUMNS
from services.detections.config import (
    HUNT_MEMORY,
    HUNT_SECONDS,
    MAX_HUNT_ANSWER_BYTES,
    MAX_HUNT_ROWS,
)
from services.detections.domain.errors import HuntFailed, HuntRefused, HuntTooSlow

PROGRAM = "services.detections.application.hunts.query_process"
ROOT = Path(__file__).parents[4]
MAX_LINE_BYTES = 2 * MAX_HUNT_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows as JSON values: texts, numbers, booleans, null. `truncated`: there would have been more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


async def answer(sql: str, paths: Sequence[Path]) -> Answer:
    """Raises HuntRefused for what is no single question or is wrong, HuntTooSlow, HuntFailed."""
    question = {
        "files": [str(path) for path in paths],
        "sql": sql,
        "memory_limit": HUNT_MEMORY,
        "max_rows": MAX_HUNT_ROWS,
        "max_bytes": MAX_HUNT_ANSWER_BYTES,
        "columns": dict(COLUMNS),
    }
    async with _process() as process:
        assert process.stdin is not None  # It is a pipe.
        try:
            async with asyncio.timeout(HUNT_SECONDS):
                process.stdin.write(json.dumps(question).encode())
                process.stdin.close()
                lines = [json.loads(line) async for line in _lines(process)]
        except TimeoutError:
            raise HuntTooSlow("The question took too long.", metadata={"limit_seconds": str(HUNT_SECONDS)}) from None
    if lines and isinstance(lines[-1], dict) and "refused" in lines[-1]:
        raise HuntRefused(lines[-1]["refused"])
    if len(lines) < 2 or not isinstance(lines[-1], dict):
        raise HuntFailed("The question ended its process; it may want more memory than there is.")
    return Answer(tuple(lines[0]), tuple(tuple(row) for row in lines[1:-1]), lines[-1]["truncated"])


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # It is a pipe.
    while line := await process.stdout.readline():
        yield line


@asynccontextmanager
async def _process() -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, ended with the block; it is given nothing of this one's environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        cwd=ROOT,
        limit=MAX_LINE_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # What it still says is read to the end, so that its pipe is closed when the block is left.
        await process.communicate()
