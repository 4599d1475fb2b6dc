"""What matching with indicators costs a record beside the rules: `python -m benchmarks.indicators`.

One core, in processor time. 100,000 indicators (addresses, domains, URLs, hashes) over recorded telemetry, each record
as the rules get it; and the rules alone in the same run. Rules and telemetry are recorded data by others
(`TENET_SHARED_DATA`); without them nothing is measured.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.load import Figure
from benchmarks.sigma_engine import engine_of
from benchmarks.sigma_events import recorded, unique
from contracts.labels import Label
from infra.runtime.settings import Settings
from services.detections.domain.intelligence.indicators import Comparison, Indicator
from services.detections.domain.intelligence.matcher import Matcher
from services.detections.domain.intelligence.observables import Observable
from services.detections.domain.sigma.lines import read_line

INDICATORS = 100_000
ROUNDS = 5
MICROSECONDS = 1_000_000
_KINDS = (Observable.ADDRESS, Observable.DOMAIN, Observable.URL, Observable.HASH)


def indicators(count: int) -> list[Indicator]:
    """The same ones each time."""
    chance = random.Random(0)  # It has to be the same, not secret.
    now = time.time()
    made = []
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        value = {
            Observable.ADDRESS: f"{chance.randrange(1, 224)}.{'.'.join(str(chance.randrange(256)) for _ in range(3))}",
            Observable.DOMAIN: f"x{number}.evil-{number % 977}.example",
            Observable.URL: f"http://h{number % 999}.example/a/{number}.php",
            Observable.HASH: f"{chance.getrandbits(256):064x}",
        }[kind]
        clauses = ((Comparison(kind, "=", value),),)
        identifier = f"indicator--{number}"
        made.append(
            Indicator(identifier, "", clauses, now, now + 10**7, now, 80, Label.AMBER, (), False, f"{number:064x}")
        )
    return made


def figures(shared: Path) -> list[Figure]:
    with tempfile.TemporaryDirectory() as room:
        engine = engine_of(shared, Path(room) / "rules")
        seen = [(route, fields) for line in recorded(shared) for route, fields, _ in read_line(line)]
        fresh = [(route, fields) for line in unique(shared) for route, fields, _ in read_line(line)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        full, none = Matcher(indicators(INDICATORS)), Matcher(())
        made = time.process_time() - began
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        now = time.time()
        alone = _best(lambda: [engine.match(route, fields) for route, fields in seen], len(seen))
        return [
            Figure("rules alone", alone, 100, at_most=True, unit=" µs"),
            Figure("no indicators", _matching(none, seen, now), 0.2, at_most=True, unit=" µs"),
            Figure("100,000 indicators", _matching(full, seen, now), 10, at_most=True, unit=" µs"),
            Figure("every value unique", _once(full, fresh, now), 60, at_most=True, unit=" µs"),
            Figure("made ready", made, 10, at_most=True, unit=" s"),
            Figure("their memory", memory, 200, at_most=True, unit=" MiB"),
        ]


def _matching(matcher: Matcher, records: Sequence[tuple[Any, Mapping[str, Any]]], now: float) -> float:
    return _best(lambda: [matcher.match(fields, now) for _, fields in records], len(records))


def _once(matcher: Matcher, records: Sequence[tuple[Any, Mapping[str, Any]]], now: float) -> float:
    """A second time the values would not be new."""
    return _seconds(lambda: [matcher.match(fields, now) for _, fields in records]) / len(records) * MICROSECONDS


def _best(work: Callable[[], object], records: int) -> float:
    return min(_seconds(work) for _ in range(ROUNDS)) / records * MICROSECONDS


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    data = Settings.from_env().shared_data
    if not data.is_dir():
        sys.exit(f"Recorded data is absent: {data} (set TENET_SHARED_DATA). Nothing was measured.")
    for figure in figures(data):
        print(figure, flush=True)
