"""Correlates archived records, in a process of its own; what fires comes once all records are looked through."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from services.detections.application.hunts.matching import Looked, looked_of, said_by
from services.detections.config import (
    HUNT_ADDRESS_SPACE,
    HUNT_MEMORY,
    MAX_HUNT_CORRELATED_HITS,
    MAX_HUNT_HIT_BYTES,
    MAX_HUNT_HITS,
)
from services.detections.domain.correlation.batches import microseconds_of, read
from services.detections.domain.correlation.hits import Firing
from services.detections.domain.correlation.hunted import Correlated, CorrelationMatcher, Standing

PROGRAM = "services.detections.application.hunts.correlation_process"
MAX_LINE_BYTES = 2 * MAX_HUNT_HIT_BYTES


async def correlated(
    matcher: CorrelationMatcher, standing: Standing, paths: Sequence[Path], start: datetime, now: datetime
) -> AsyncGenerator[Looked | Correlated, None]:
    """What fires of windows that end at `start` or after it. Raises HuntTooSlow, HuntFailed."""
    question = {
        "files": [str(path) for path in paths],
        "matcher": matcher,
        "standing": standing,
        "start": microseconds_of(start),
        "now": microseconds_of(now),
        "memory_limit": HUNT_MEMORY,
        "address_space": HUNT_ADDRESS_SPACE,
        "max_held": MAX_HUNT_CORRELATED_HITS,
        "max_hits": MAX_HUNT_HITS,
        "max_bytes": MAX_HUNT_HIT_BYTES,
    }
    async with aclosing(said_by(PROGRAM, question, MAX_LINE_BYTES)) as lines:
        async for said in lines:
            yield _correlated(matcher, said) if "firing" in said else looked_of(said)


def _correlated(matcher: CorrelationMatcher, said: dict[str, Any]) -> Correlated:
    rule_id, group, at, begins = said["firing"]
    correlation = next(each for each in matcher.correlations.rules if each.rule_id == rule_id)
    hits = tuple(read(said["hits"].encode()))
    firing = Firing(correlation, tuple(group), at, hits, begins)
    return Correlated(firing, matcher.fired[rule_id], said["sensor"], matcher.correlations.titles)
