"""Recorded pairs of a rule and telemetry that it must match, in the layout that SigmaHQ publishes.

A folder with `info.yml` names the rules (`rule_metadata[].id`) and the recordings (`regression_tests_info[].path`, of
which the last part is the file's name beside it). Where the same recording lies there as JSON too, both are tried. A
folder that names no recording has no pair.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.detections.config import MAX_ARCHIVE_MEMBERS, MAX_UNPACKED_BYTES
from services.detections.domain.errors import RulePackUnreadable
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of

INFO = "info.yml"
MAX_INFO_BYTES = 1_000_000
_NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pair. `reason` says why it failed; empty when it holds."""

    recording: str
    rule_id: str
    reason: str

    @property
    def holds(self) -> bool:
        return not self.reason


def outcomes(folder: Path, rules: Mapping[str, CompiledRule]) -> Iterator[Outcome]:
    """Every pair below a folder, in the order of their paths."""
    for info in sorted(folder.rglob(INFO)):
        yield from _of(info, rules)


def _of(info: Path, rules: Mapping[str, CompiledRule]) -> Iterator[Outcome]:
    try:
        said = yaml.safe_load(info.read_bytes()[:MAX_INFO_BYTES])
        rule_ids = [str(each["id"]) for each in said["rule_metadata"]]
        tests = list(said.get("regression_tests_info") or ())
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        yield Outcome(str(info), "", f"{INFO} is not understood: {type(error).__name__}")
        return
    for rule_id in rule_ids:
        for test in tests:
            for recording in _recordings(info.parent, test):
                yield Outcome(str(recording), rule_id, _failure(recording, rule_id, test, rules))


def _recordings(folder: Path, test: Mapping[str, Any]) -> list[Path]:
    named = folder / Path(str(test.get("path", ""))).name
    beside = named.with_suffix(".json")
    return [named, beside] if beside != named and beside.is_file() else [named]


def _failure(recording: Path, rule_id: str, test: Mapping[str, Any], rules: Mapping[str, CompiledRule]) -> str:
    rule = rules.get(rule_id)
    if rule is None:
        return "the rule is not among those that compile"
    if not recording.is_file():
        return "the recording is not there"
    hits, records, unreadable = _hits(rule, recording)
    if unreadable:
        return f"{unreadable} record(s) could not be read"
    if _NEGATIVE in f"{test.get('name', '')} {test.get('type', '')}".lower():
        return f"matches {hits} record(s), and must match none" if hits else ""
    # Some recordings that are published hold more matches than they state, so the count is the least that is wanted.
    stated = test.get("match_count")
    wanted = stated if isinstance(stated, int) and stated > 0 else 1
    return "" if hits >= wanted else f"matches {hits} of {records} record(s), and must match {wanted}"


def _hits(rule: CompiledRule, recording: Path) -> tuple[int, int, int]:
    """Records that the rule matches, those that were read, and those that could not be."""
    engine = Engine([rule])
    reading = BatchReading(recording.read_bytes(), Format.AUTOMATIC)
    hits = records = 0
    for record in reading.records():
        records += 1
        route = route_of(record.source, record.fields, record.logsource)
        hits += bool(route is not None and engine.match(route, record.fields))
    return hits, records, sum(reading.put_aside.values())


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
                if len(infos) > MAX_ARCHIVE_MEMBERS or sum(each.file_size for each in infos) > MAX_UNPACKED_BYTES:
                    raise RulePackUnreadable("The archive holds more than the limit.")
                archive.extractall(room)  # Names that would leave the folder are cut by the library.
        except (zipfile.BadZipFile, OSError) as error:
            raise RulePackUnreadable(f"{path} is neither a folder nor a readable zip archive.") from error
        yield Path(room)
