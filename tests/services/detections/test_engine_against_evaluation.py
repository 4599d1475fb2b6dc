"""The engine against the plain evaluation of the same rules, on recorded telemetry by others.

The short form takes every n-th event of the recordings; `TENET_LONG_TESTS=1` takes all of them.
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import pytest

from services.detections.domain.formats.recognition import parsed_of
from services.detections.domain.formats.records import Unreadable
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.evaluation import Fields, holds
from services.detections.domain.sigma.lines import read_line
from services.detections.domain.sigma.logsources import Route, route_of
from services.detections.domain.sigma.packs import compile_pack

EVERY = 1 if os.environ.get("TENET_LONG_TESTS") else 150


class Kept(dict[str, bytes]):
    """Pattern databases, made once for all engines of these tests; that loading one changes nothing is tested by it."""

    def put(self, key: str, data: bytes) -> None:
        self[key] = data


KEPT = Kept()
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)
Event = tuple[Route, Fields, bytes | None]


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Sequence[CompiledRule]:
    return compile_pack((shared_data / "sigma" / "rules.zip").read_bytes()).rules


@pytest.fixture(scope="module")
def lines(shared_data: Path) -> list[bytes]:
    """Every n-th line of the recorded attacks, and all the recordings that rules were published with."""
    recorded = list(_recorded(shared_data))[::EVERY]
    with ZipFile(shared_data / "sigma" / "regression.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                recorded += _values(archive.read(name))
    return recorded


def _recorded(shared_data: Path) -> Iterator[bytes]:
    archives = [*sorted((shared_data / "security-datasets").glob("*.zip")), shared_data / "cloudtrail-stratus.zip"]
    for path in archives:
        with ZipFile(path) as archive:
            for name in archive.namelist():
                yield from (line for line in archive.read(name).splitlines() if line.strip())


def _values(content: bytes) -> list[bytes]:
    """The JSON values that stand one after the other in a file, each as one line."""
    found, text, at = [], content.decode("utf-8-sig"), 0
    decoder = json.JSONDecoder()
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        found += [orjson.dumps(each) for each in (value if isinstance(value, list) else [value])]
    return found


@pytest.fixture(scope="module")
def events(lines: list[bytes]) -> list[Event]:
    found: list[Event] = []
    for line in lines:
        try:
            found += read_line(line)
        except Unreadable:
            continue
    assert len(found) > 200
    return found


def names(rules: Sequence[CompiledRule]) -> list[str]:
    return [rule.rule_id for rule in rules]


def run(engine: Engine, events: Sequence[Event]) -> list[list[str]]:
    return [names(engine.match(route, fields, line)) for route, fields, line in events]


@pytest.fixture(scope="module")
def matched(published: Sequence[CompiledRule], events: list[Event]) -> list[list[str]]:
    return run(Engine(published, keeper=KEPT), events)


def test_the_engine_matches_what_a_plain_evaluation_matches(
    published: Sequence[CompiledRule], events: list[Event], matched: list[list[str]]
) -> None:
    @cache
    def admitted(route: Route) -> list[CompiledRule]:
        return [rule for rule in published if route.admits(rule.product, rule.category, rule.service)]

    wanted = [
        [rule.rule_id for rule in admitted(route) if holds(rule.expression, fields)] for route, fields, _ in events
    ]
    assert matched == wanted
    assert sum(map(len, matched)) > 200


def test_what_an_event_was_read_from_changes_no_match(
    published: Sequence[CompiledRule], lines: list[bytes], matched: list[list[str]]
) -> None:
    """The short way to the fields of a flat record, and the parsers of all shapes."""
    found: list[Event] = []
    for line in lines:
        try:
            records = list(parsed_of(line))
        except Unreadable:
            continue
        for record in records:
            route = route_of(record.source, record.fields, record.logsource)
            if route is not None:
                found.append((route, record.fields, None))
    assert run(Engine(published, keeper=KEPT), found) == matched


def test_memory_changes_no_match(
    published: Sequence[CompiledRule], events: list[Event], matched: list[list[str]]
) -> None:
    assert run(Engine(published, keeper=KEPT, memory=0), events) == matched
    small = Engine(published, keeper=KEPT, memory=20_000)
    assert run(small, events) == matched
    assert run(small, events[::-1]) == matched[::-1]


def _shouted(value: Any) -> Any:
    return value.upper() if isinstance(value, str) and value.isascii() else value


@pytest.mark.parametrize("change", ["order", "irrelevant", "numbers", "shards", "tenants", "case"])
def test_what_must_not_matter_changes_no_match(
    published: Sequence[CompiledRule], events: list[Event], matched: list[list[str]], change: str
) -> None:
    """The order of fields, fields that no rule names, numbers for texts, shards, tenants in between, letters' case."""
    engine = Engine(published, keeper=KEPT)
    if change == "shards":
        parts = [run(Engine(published, keeper=KEPT), events[shard::3]) for shard in range(3)]
        assert [parts[place % 3][place // 3] for place in range(len(events))] == matched
    elif change == "tenants":
        fired = sorted({rule_id for each in matched for rule_id in each})
        own = [set(fired[tenant::7]) for tenant in range(7)]
        tenants = [Excepted(dict.fromkeys(each, "exception")) for each in own]
        for place, (route, fields, line) in enumerate(events):
            found = names(engine.match(route, fields, line))
            left = [rule_id for rule_id in found if not tenants[place % 7].takes(rule_id, MOMENT)]
            assert left == [rule_id for rule_id in matched[place] if rule_id not in own[place % 7]]
    elif change == "case":
        sensitive = {rule.rule_id for rule in published if "cased=True" in repr(rule.expression)}
        changed = [
            (route, {name: value if name == "EventType" else _shouted(value) for name, value in fields.items()}, None)
            for route, fields, _ in events
        ]
        for before, after in zip(matched, run(engine, changed), strict=True):
            assert set(before) - sensitive == set(after) - sensitive
    else:
        for place, (route, fields, _) in enumerate(events):
            assert names(engine.match(route, _changed(dict(fields), change))) == matched[place]


def _changed(fields: dict[str, Any], change: str) -> dict[str, Any]:
    if change == "order":
        return dict(reversed(fields.items()))
    if change == "irrelevant":
        return {"ZZ first": "x", **fields, "ZZ number": 7, "ZZ truth": True, "ZZ list": ["a"], "ZZ none": None}
    return {name: int(value) if _is_number(value) else value for name, value in fields.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and str(int(value)) == value
