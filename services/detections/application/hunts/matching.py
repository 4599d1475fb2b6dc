"""Asks a matcher about archived records, in a process of its own; what is found comes as it is found."""

import pickle
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from contracts.events.detections import IndicatorRef, RuleKind, RuleRef
from services.detections.application.archive.rows import record_of
from services.detections.application.hunts.processes import child, lines
from services.detections.config import (
    HUNT_ADDRESS_SPACE,
    HUNT_MEMORY,
    MATCH_HUNT_SECONDS,
    MAX_HUNT_HIT_BYTES,
    MAX_HUNT_HITS,
    MAX_RECORD_BYTES,
)
from services.detections.domain.errors import HuntFailed, HuntTooSlow
from services.detections.domain.grouping import Fired
from services.detections.domain.matching import Match, Matcher
from services.detections.domain.retrospection import Hit

PROGRAM = "services.detections.application.hunts.match_process"
MAX_LINE_BYTES = 16 * MAX_RECORD_BYTES
"""A row's JSON within JSON."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a look through some files has come; `truncated` where a limit ended it. `hidden` matches fed nothing."""

    files: int
    records: int
    found: int
    truncated: bool = False
    hidden: int = 0


async def looked_through(matcher: Matcher, paths: Sequence[Path]) -> AsyncGenerator[Looked | Hit, None]:
    """Every record that the matcher says something of. Ended like any generator: by closing or cancelling it.

    Raises HuntTooSlow, HuntFailed.
    """
    question = {
        "files": [str(path) for path in paths],
        "matcher": matcher,
        "memory_limit": HUNT_MEMORY,
        "address_space": HUNT_ADDRESS_SPACE,
        "max_hits": MAX_HUNT_HITS,
        "max_bytes": MAX_HUNT_HIT_BYTES,
    }
    fired: list[Fired] = []
    async with aclosing(said_by(PROGRAM, question, MAX_LINE_BYTES)) as answer:
        async for said in answer:
            if "fired" in said:
                fired.append(_fired(said["fired"]))
            else:
                yield _hit(said, fired) if "hit" in said else looked_of(said)


async def said_by(
    program: str, question: Mapping[str, Any], max_line_bytes: int
) -> AsyncGenerator[dict[str, Any], None]:
    """What a program says to a question, line by line; the last one has `truncated`. Raises HuntTooSlow, HuntFailed."""
    said: dict[str, Any] = {}
    async with child(program, max_line_bytes) as process:
        assert process.stdin is not None  # It is a pipe.
        try:
            process.stdin.write(pickle.dumps(question))
            await process.stdin.drain()
            process.stdin.close()
            async for line in lines(process, MATCH_HUNT_SECONDS):
                said = orjson.loads(line)
                yield said
        except TimeoutError:
            limit = str(MATCH_HUNT_SECONDS)
            raise HuntTooSlow("The hunt took too long; take a shorter period.", metadata={"seconds": limit}) from None
        except (BrokenPipeError, ConnectionResetError):
            pass  # The process ended before it had read its question: it has not said that it came to an end.
    if "truncated" not in said:
        raise HuntFailed("The hunt ended its process; it may want more memory than there is.")


def _fired(said: dict[str, Any]) -> Fired:
    return Fired(
        RuleRef.model_validate(said["rule"]),
        said["severity_id"],
        tuple(said["techniques"]),
        RuleKind(said["kind"]),
        IndicatorRef.model_validate(said["indicator"]) if said["indicator"] else None,
    )


def _hit(said: dict[str, Any], fired: Sequence[Fired]) -> Hit:
    row = said["hit"]
    row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
    record = record_of(row)
    assert record.occurred_at is not None  # The archive gives every record a time.
    matches = [Match(fired[number], observed) for number, observed in said["matches"]]
    return Hit(record, matches, record.occurred_at, row["sensor_id"], row["batch_sha256"])


def looked_of(said: dict[str, Any]) -> Looked:
    return Looked(said["files"], said["records"], said["found"], said.get("truncated", False), said.get("hidden", 0))
