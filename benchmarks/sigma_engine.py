"""Events a second through the rule engine, one core, with the published rules: `python -m benchmarks.sigma_engine`.

Rules and telemetry are recorded data by others (`TENET_SHARED_DATA`); without them nothing is measured. Events go the
way that `tenet rules match` takes: from a line of JSON to the rules that match. Each measurement runs in a process of
its own; rates are those of a second of its processor time. Peers are run over the same rules and lines where they are
named (see `sigma_peers`).
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import sigma_peers
from benchmarks.load import Figure
from benchmarks.sigma_events import attacks, keywords, recorded, unique
from infra.runtime.settings import Settings
from services.detections.application.rule_cache import RuleCache
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.lines import read_line
from services.detections.domain.sigma.packs import compile_pack, pack_of, rule_texts

ROUNDS = 4
TENANTS = 1_000
EXCEPTIONS_PER_TENANT = 5
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)
TITLE = b"title: "
Spawned = Callable[..., Any]


def figures(shared: Path) -> list[Figure]:
    with tempfile.TemporaryDirectory() as room:
        cache = Path(room) / "rules"
        _apart(load, shared, cache)  # Fills the cache.
        loaded = _apart(load, shared, cache)
        warm = _apart(telemetry, shared, cache)
        alone = _apart(telemetry, shared, cache)
        two = _at_once(telemetry, shared, cache)
        dense, fresh, words = (_apart(kind, shared, cache) for kind in (attack_dense, every_value_unique, by_keywords))
        own = _apart(with_tenants, shared, cache)
        changed = _apart(one_rule_changed, shared, cache)
        zircolite, rsigma = (sigma_peers.rate(name, shared, Path(room)) for name in ("Zircolite", "rsigma"))
    best, wall = (max(warm[kind], alone[kind]) for kind in ("rate", "wall"))
    return [
        Figure("recorded telemetry, parse included", best, 100_000, warm["detail"], unit="/s"),
        *_against("Zircolite", best, zircolite, 100),
        *_against("rsigma", best, rsigma, 1),
        Figure("two processes : one", sum(each["wall"] for each in two) / wall, 1.8, "at once, each over all lines"),
        Figure("every value unique", fresh["rate"], 24_000, fresh["detail"], unit="/s"),
        Figure("attack-dense process creation", dense["rate"], 40_000, dense["detail"], unit="/s"),
        Figure("keywords in lines of a log", words["rate"], 200_000, words["detail"], unit="/s"),
        Figure("rules loaded from the cache", loaded["seconds"], 3.0, loaded["detail"], at_most=True, unit=" s"),
        Figure("one changed rule live", changed["seconds"] * 1000, 250, changed["detail"], at_most=True, unit=" ms"),
        Figure("memory of the process", warm["memory"], 600, "resident, highest", at_most=True, unit=" MiB"),
        Figure("1,000 tenants : one, rate", own["rate"] / own["alone"], 0.9, own["detail"]),
        Figure("1,000 tenants : one, memory", own["memory"], 1.1, at_most=True),
    ]


def _against(name: str, ours: float, theirs: float | None, wanted: float) -> list[Figure]:
    if theirs is None:
        print(f"{name} is not here, so nothing is compared with it.", flush=True)
        return []
    return [Figure(f"recorded telemetry : {name}", ours / theirs, wanted, f"{theirs:,.0f}/s in the same run")]


def engine_of(shared: Path, directory: Path) -> Engine:
    cache = RuleCache(directory)
    pack = compile_pack((shared / "sigma" / "rules.zip").read_bytes(), cache.rule)
    cache.keep_rules(pack.rules)
    engine = Engine(pack.rules, keeper=cache)
    sigma_peers.quieten_the_collector()
    return engine


def over(engine: Engine, lines: Sequence[bytes], tenants: Sequence[Excepted] = ()) -> int:
    """Matches of all lines; the line's place chooses the tenant, whose exceptions are asked as the intake asks them."""
    found, match, several = 0, engine.match, len(tenants)
    for place, line in enumerate(lines):
        for route, fields, alone in read_line(line):
            matched = match(route, fields, alone)
            if not several:
                found += len(matched)
                continue
            excepted = tenants[place % several]
            for rule in matched:
                found += not excepted.takes(rule.rule_id, MOMENT)
    return found


def rate(
    engine: Engine,
    lines: Sequence[bytes],
    tenants: Sequence[Excepted] = (),
    clock: Callable[[], float] = time.process_time,
) -> float:
    """The best of some rounds after one that is not counted, for a second of processor time."""
    over(engine, lines, tenants)
    seconds = []
    for _ in range(ROUNDS):
        started = clock()
        over(engine, lines, tenants)
        seconds.append(clock() - started)
    return len(lines) / min(seconds)


def load(shared: Path, directory: Path) -> dict[str, Any]:
    started = time.perf_counter()
    engine = engine_of(shared, directory)
    seconds = time.perf_counter() - started
    lines = recorded(shared)
    started = time.perf_counter()
    over(engine, lines)
    first = time.perf_counter() - started
    started = time.perf_counter()
    over(engine, lines)
    plans = first - (time.perf_counter() - started)
    detail = f"{len(engine.rules):,} rules; {plans:.2f} s more for the plans of {len(lines):,} recorded events"
    return {"seconds": seconds, "detail": detail}


def telemetry(shared: Path, directory: Path) -> dict[str, Any]:
    engine, lines = engine_of(shared, directory), recorded(shared)
    started = time.process_time()
    found = over(engine, lines)
    first = len(lines) / (time.process_time() - started)
    bytes_each = sum(map(len, lines)) / len(lines)
    size = f"{len(lines):,} events of {bytes_each:,.0f} bytes, {found:,} matches"
    return {
        "rate": rate(engine, lines),
        "wall": rate(engine, lines, clock=time.perf_counter),
        "memory": sigma_peers.highest_memory(),
        "detail": f"{size}; {first:,.0f}/s the first time, plans made meanwhile",
    }


def attack_dense(shared: Path, directory: Path) -> dict[str, Any]:
    engine, lines = engine_of(shared, directory), attacks(shared)
    found = over(engine, lines) / len(lines)
    return {"rate": rate(engine, lines), "detail": f"{len(lines):,} events, {found:.1f} matches each"}


def every_value_unique(shared: Path, directory: Path) -> dict[str, Any]:
    """Half of the lines make the plans; each line of the other half is new to the memory."""
    engine, lines = engine_of(shared, directory), unique(shared)
    half = len(lines) // 2
    over(engine, lines[:half])
    started = time.process_time()
    over(engine, lines[half:])
    each = (len(lines) - half) / (time.process_time() - started)
    return {"rate": each, "detail": f"{len(lines) - half:,} recorded events, every text of them made another"}


def by_keywords(shared: Path, directory: Path) -> dict[str, Any]:
    engine, (route, records) = engine_of(shared, directory), keywords()
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.process_time()
        for fields in records:
            engine.match(route, fields)
        seconds.append(time.process_time() - started)
    return {"rate": len(records) / min(seconds[1:]), "detail": "matching alone, of short lines of a Linux log"}


def with_tenants(shared: Path, directory: Path) -> dict[str, Any]:
    engine, lines = engine_of(shared, directory), recorded(shared)
    alone, before = rate(engine, lines), sigma_peers.highest_memory()
    names = [rule.rule_id for rule in engine.rules]
    own = [names[tenant::TENANTS][:EXCEPTIONS_PER_TENANT] for tenant in range(TENANTS)]
    excepted = [Excepted(dict.fromkeys(each, f"exception-{tenant}")) for tenant, each in enumerate(own)]
    return {
        "alone": alone,
        "rate": rate(engine, lines, excepted),
        "memory": sigma_peers.highest_memory() / before,
        "detail": f"each with {EXCEPTIONS_PER_TENANT - 1} to {EXCEPTIONS_PER_TENANT} rules excepted, in turns",
    }


def one_rule_changed(shared: Path, directory: Path) -> dict[str, Any]:
    """From the bytes of the new pack to the first event that its rules have judged."""
    archive = (shared / "sigma" / "rules.zip").read_bytes()
    engine, lines = engine_of(shared, directory), attacks(shared)
    over(engine, lines)
    texts = dict(rule_texts(archive))
    path = next(path for path, text in texts.items() if b"category: process_creation" in text)
    texts[path] = texts[path].replace(TITLE, TITLE + b"Changed ", 1)
    known = {rule.sha256: rule for rule in engine.rules}
    changed = pack_of(texts)
    started = time.perf_counter()
    after = engine.replaced(compile_pack(changed, known.get).rules)
    over(after, lines[:1])
    return {"seconds": time.perf_counter() - started, "detail": "from the new pack's bytes to the first event judged"}


def _run(answers: Any, work: Spawned, arguments: tuple[Any, ...]) -> None:
    answers.put(work(*arguments))


def _apart(work: Spawned, *arguments: Any) -> Any:
    (answer,) = _all([(work, arguments)])
    return answer


def _at_once(work: Spawned, *arguments: Any) -> list[Any]:
    return _all([(work, arguments)] * 2)


def _all(jobs: Sequence[tuple[Spawned, tuple[Any, ...]]]) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    processes = [context.Process(target=_run, args=(answers, work, arguments)) for work, arguments in jobs]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return found


if __name__ == "__main__":
    data = Settings.from_env().shared_data
    if not data.is_dir():
        sys.exit(f"Recorded data is absent: {data} (set TENET_SHARED_DATA). Nothing was measured.")
    for figure in figures(data):
        print(f"{figure}   {figure.detail}", flush=True)
