"""A question in SQL over the files of a hunt, answered by a process of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.detections.application.hunts.processes import child, lines
from services.detections.config import (
    HUNT_ADDRESS_SPACE,
    HUNT_MEMORY,
    HUNT_SECONDS,
    MAX_HUNT_ANSWER_BYTES,
    MAX_HUNT_ROWS,
)
from services.detections.domain.errors import HuntFailed, HuntRefused, HuntTooSlow

PROGRAM = "services.detections.application.hunts.query_process"
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
        "address_space": HUNT_ADDRESS_SPACE,
        "max_rows": MAX_HUNT_ROWS,
        "max_bytes": MAX_HUNT_ANSWER_BYTES,
    }
    async with child(PROGRAM, MAX_LINE_BYTES) as process:
        assert process.stdin is not None  # It is a pipe.
        try:
            process.stdin.write(json.dumps(question).encode())
            process.stdin.close()
            said = [json.loads(line) async for line in lines(process, HUNT_SECONDS)]
        except TimeoutError:
            raise HuntTooSlow("The question took too long.", metadata={"limit_seconds": str(HUNT_SECONDS)}) from None
    if said and isinstance(said[-1], dict) and "refused" in said[-1]:
        raise HuntRefused(said[-1]["refused"])
    if len(said) < 2 or not isinstance(said[-1], dict):
        raise HuntFailed("The question ended its process; it may want more memory than there is.")
    return Answer(tuple(said[0]), tuple(tuple(row) for row in said[1:-1]), said[-1]["truncated"])
