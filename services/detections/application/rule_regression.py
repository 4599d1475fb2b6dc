"""Recorded pairs of a rule and telemetry that it must match, in the layout that SigmaHQ publishes.

A folder with `info.yml` names the rules (`rule_metadata[].id`) and the recordings (`regression_tests_info[].path`). The
last part of such a path lies beside it, or the path starts from one of the folders around it. Where the same recording
lies there as JSON too, both are tried. A folder that names no recording has no pair.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from services.detections.domain.analysis import hit_of
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.errors import RulePackUnreadable
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of
from services.detections.domain.sigma.packs import CompiledPack

INFO = ("info.yml", "info.yaml")
MAX_INFO_BYTES = 1_000_000
MAX_FILES = 50_000
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Of an archive of pairs, which lies on the disk while they are tried."""
_NEGATIVE = "negative"
_WITHOUT_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
"""When a record without a clock of its own happened, as far as a correlation asks."""
Judged = CompiledRule | CompiledCorrelation


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pair. `reason` says why it failed; empty when it holds."""

    recording: str
    rule_id: str
    reason: str

    @property
    def holds(self) -> bool:
        return not self.reason


def outcomes(folder: Path, pack: CompiledPack) -> Iterator[Outcome]:
    """Every pair below a folder, in the order of their paths."""
    rules = {rule.rule_id: rule for rule in pack.all_rules}
    for info in sorted(found for name in INFO for found in folder.rglob(name)):
        yield from _of(info, folder, rules)


def _of(info: Path, folder: Path, rules: Mapping[str, Judged]) -> Iterator[Outcome]:
    try:
        said = yaml.safe_load(info.read_bytes()[:MAX_INFO_BYTES])
        rule_ids = [str(each["id"]) for each in said["rule_metadata"]]
        tests = [dict(each) for each in said.get("regression_tests_info") or ()]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        yield Outcome(str(info), "", f"{info.name} is not understood: {type(error).__name__}")
        return
    for rule_id in rule_ids:
        for test in tests:
            for recording in _recordings(info.parent, folder, str(test.get("path", ""))):
                yield Outcome(str(recording), rule_id, _failure(recording, rule_id, test, rules))


def _recordings(beside: Path, folder: Path, path: str) -> list[Path]:
    written = PurePosixPath(path.replace("\\", "/"))
    named = beside / written.name
    if not named.is_file() and ".." not in written.parts and not written.is_absolute():
        around = [beside, *(each for each in beside.parents if each.is_relative_to(folder))]
        named = next((each / written for each in around if (each / written).is_file()), named)
    as_json = named.with_suffix(".json")
    return [named, as_json] if as_json != named and as_json.is_file() else [named]


def _failure(recording: Path, rule_id: str, test: Mapping[str, Any], rules: Mapping[str, Judged]) -> str:
    rule = rules.get(rule_id)
    if rule is None:
        return "the rule is not among those that compile"
    if not recording.is_file():
        return "the recording is not there"
    hits, records, unreadable = _hits(rule, recording, rules)
    if unreadable:
        return f"{unreadable} record(s) could not be read"
    if _NEGATIVE in f"{test.get('name', '')} {test.get('type', '')}".lower():
        return f"matches {hits} record(s), and must match none" if hits else ""
    # Some recordings that are published hold more matches than they state, so the count is the least that is wanted.
    stated = test.get("match_count")
    wanted = stated if isinstance(stated, int) and stated > 0 else 1
    return "" if hits >= wanted else f"matches {hits} of {records} record(s), and must match {wanted}"


def _hits(rule: Judged, recording: Path, rules: Mapping[str, Judged]) -> tuple[int, int, int]:
    """Matches of the rule (of one that correlates: firings), records that were read, and those that could not be."""
    wanted = _with_references(rule, rules)
    engine = Engine([each for each in wanted if isinstance(each, CompiledRule)])
    correlations = Correlations(tuple(each for each in wanted if isinstance(each, CompiledCorrelation)))
    reading = BatchReading(recording.read_bytes(), Format.AUTOMATIC)
    matched = records = 0
    hits = []
    for record in reading.records():
        records += 1
        route = route_of(record.source, record.fields, record.logsource)
        for found in engine.match(route, record.fields) if route is not None else ():
            matched += found.rule_id == rule.rule_id
            if (fields := correlations.wanted.get(found.rule_id)) is not None:
                hits.append(hit_of(found.rule_id, record, record.occurred_at or _WITHOUT_CLOCK, fields))
    fired = Correlator(correlations.rules).take(hits)
    matched += sum(firing.correlation.rule_id == rule.rule_id for firing in fired)
    return matched, records, sum(reading.put_aside.values())


def _with_references(rule: Judged, rules: Mapping[str, Judged]) -> list[Judged]:
    """The rule, and of one that correlates all that it is about, down to rules that look at single records."""
    found, waiting = {rule.rule_id: rule}, [rule]
    while waiting:
        each = waiting.pop()
        for reference in each.references if isinstance(each, CompiledCorrelation) else ():
            if reference not in found:
                found[reference] = rules[reference]
                waiting.append(rules[reference])
    return list(found.values())


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder itself, or a zip archive unpacked into a temporary one. Raises RulePackUnreadable."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as room:
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
                if len(infos) > MAX_FILES or sum(each.file_size for each in infos) > MAX_UNPACKED_BYTES:
                    raise RulePackUnreadable("The archive holds more than the limit.")
                archive.extractall(room)  # Names that would leave the folder are cut by the library.
        except (zipfile.BadZipFile, OSError) as error:
            raise RulePackUnreadable(f"{path} is neither a folder nor a readable zip archive.") from error
        yield Path(room)
