"""Updates a second of the correlation engine: one hit taken by one correlation, on one core, in processor time.

The hits are made before the clock runs, as the analysis of a batch makes them: a mix of groups of very different sizes,
2 % of them late by up to half of the bound, 1 % of them repeated.
"""

import gc
import random
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.load import Figure, run
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.hits import Hit
from services.detections.domain.correlation.rules import MICROSECONDS, compile_correlation
from services.detections.domain.correlation.windows import LATENESS

HITS = 200_000
ROUNDS = 5
WANTED = 400_000
RULES = ("failed", "succeeded", "created")
MIX: dict[str, dict[str, Any]] = {
    "event_count": {"type": "event_count", "rules": ["failed"], "condition": {"gte": 20}},
    "value_count": {"type": "value_count", "rules": ["failed"], "condition": {"gte": 10, "field": "host"}},
    "temporal": {"type": "temporal", "rules": list(RULES), "timespan": "5m"},
    "temporal_ordered": {"type": "temporal_ordered", "rules": list(RULES), "timespan": "5m"},
}
ASKED = ("event_count", "value_count", "temporal")


def correlator(*names: str) -> Correlator:
    known = {name: name for name in RULES}
    documents = [
        {"title": name, "correlation": {"group-by": ["user"], "timespan": "10m", **MIX[name]}} for name in names
    ]
    return Correlator(
        compile_correlation(document, name.encode(), known.get) for name, document in zip(names, documents, strict=True)
    )


def stream(rules: Sequence[str]) -> list[Hit]:
    chance = random.Random(7)
    hits: list[Hit] = []
    for number in range(HITS):
        if number % 100 == 99:
            hits.append(hits[-1 - chance.randrange(50)])
            continue
        at = number * MICROSECONDS // 20
        if number % 50 == 25:
            at -= chance.randrange(LATENESS // 2)
        # A tenth of the users makes half of the hits.
        user = chance.randrange(200) if chance.randrange(2) else chance.randrange(2_000)
        values = {"user": f"user-{user}", "host": f"host-{chance.randrange(50)}"}
        hits.append(Hit(rules[number % len(rules)], number.to_bytes(16, "big"), at, values))
    return hits


def measured(names: Sequence[str]) -> float:
    """Updates a second of processor time, the best of some rounds, since other work on the machine only slows."""
    rules = RULES if any("temporal" in name for name in names) else RULES[:1]
    hits = stream(rules)
    updates = sum(hit.rule_id in MIX[name]["rules"] for hit in hits for name in names)
    best = 0.0
    gc.collect()
    gc.freeze()  # The stream, which lies in memory all at once only here, is not looked through again and again.
    for _ in range(ROUNDS):
        engine = correlator(*names)
        began = time.process_time()
        engine.take(hits)
        best = max(best, updates / (time.process_time() - began))
    gc.unfreeze()
    return best


async def figures() -> list[Figure]:
    each = {name: measured([name]) for name in MIX}
    detail = ", ".join(f"{name} {rate:,.0f}" for name, rate in each.items())
    mix = len(ASKED) / sum(1 / each[name] for name in ASKED)
    return [Figure("correlation updates, in equal parts", mix, WANTED, detail=detail, unit="/s")]


if __name__ == "__main__":
    run(figures())
