"""Tests that stand within a rule's own text, run by the engine that would run the rule.

    inline_tests:
        - name: the copies are deleted
          match: true
          event: {Channel: Microsoft-Windows-Sysmon/Operational, EventID: 1, …}

`event` is one record as its source writes it: a mapping, or a text for a log of lines; `events` are several of them, in
order, which is what a correlation needs. `match` is whether the rule fires. Sigma leaves the names of further fields to
the writer, so the rule stays a Sigma rule everywhere else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from services.detections.config import (
    MAX_EVENTS_PER_INLINE_TEST,
    MAX_INLINE_TESTS_PER_RULE,
    MAX_RECORD_BYTES,
    MAX_RECORDS_TRIED_PER_PACK,
)
from services.detections.domain.analysis import hit_of
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.formats.recognition import parsed_of
from services.detections.domain.formats.records import Record, Unreadable
from services.detections.domain.sigma.about import document_of, name_of
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of

FIELD = "inline_tests"
_WITHOUT_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
"""When a record without a clock of its own happened, as far as a correlation asks."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one rule's tests: how many held, and name and reason of those that did not."""

    rule_id: str
    sha256: str
    passed: int
    failed: tuple[tuple[str, str], ...]


class NotATest(Exception):
    """What does not say what a test has to; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class _Test:
    match: bool
    lines: tuple[bytes, ...]


def try_rules(
    rules: Sequence[CompiledRule], correlations: Sequence[CompiledCorrelation], texts: Mapping[str, bytes]
) -> list[Trial]:
    """Runs the tests of those rules whose texts are given by rule id; `rules` and `correlations` are all of the pack.

    Only the rules that are tried, and those that a tried correlation refers to, are compiled into the engine.
    """
    if not texts:
        return []
    above = {correlation.rule_id: correlation for correlation in correlations}
    wanted = set(texts)
    for _ in above:
        wanted |= {reference for rule_id in wanted & above.keys() for reference in above[rule_id].references}
    bench = _Bench(
        [rule for rule in rules if rule.rule_id in wanted],
        [correlation for correlation in correlations if correlation.rule_id in wanted],
    )
    hashes = {rule.rule_id: rule.sha256 for rule in rules} | {each.rule_id: each.sha256 for each in correlations}
    return [_trial(bench, rule_id, hashes[rule_id], text) for rule_id, text in texts.items()]


def _trial(bench: "_Bench", rule_id: str, sha256: str, text: bytes) -> Trial:
    failed: list[tuple[str, str]] = []
    passed = 0
    for number, said in enumerate(_said(text), 1):
        name = name_of(said, number)
        try:
            test = _read(said)
            fires = bench.fires(rule_id, test.lines)
        except (NotATest, Unreadable) as error:
            failed.append((name, str(error)))
            continue
        if fires is test.match:
            passed += 1
        else:
            failed.append((name, "It matches and must not." if fires else "It does not match."))
    return Trial(rule_id, sha256, passed, tuple(failed))


def _said(text: bytes) -> list[Any]:
    said = document_of(text)[FIELD]
    if not isinstance(said, list) or not said:
        return [said]
    return said[:MAX_INLINE_TESTS_PER_RULE] + [None] * (len(said) > MAX_INLINE_TESTS_PER_RULE)


def _read(said: Any) -> _Test:
    """Raises NotATest."""
    if said is None:
        raise NotATest(f"No test, or more than {MAX_INLINE_TESTS_PER_RULE}.")
    if not isinstance(said, dict) or not isinstance(said.get("match"), bool):
        raise NotATest("A test says `match: true` or `match: false`.")
    events = said["events"] if "events" in said else [said.get("event")]
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS_PER_INLINE_TEST:
        raise NotATest(f"A test has 1 to {MAX_EVENTS_PER_INLINE_TEST} events.")
    return _Test(said["match"], tuple(_line(event) for event in events))


def _line(event: Any) -> bytes:
    if isinstance(event, str) and event.strip():
        return event.strip().encode()
    if isinstance(event, dict) and event:
        if _size(event, MAX_RECORD_BYTES) > MAX_RECORD_BYTES:
            raise NotATest(f"An event is longer than {MAX_RECORD_BYTES} bytes.")
        try:
            return orjson.dumps(event)
        except TypeError as error:
            raise NotATest(f"An event is not JSON: {error}") from error
    raise NotATest("An event is a mapping, or a line of text.")


def _size(value: Any, limit: int) -> int:
    """About how long a value is as JSON, counted no further than the limit: YAML's aliases make much of little."""
    size, waiting = 0, [value]
    while waiting and size <= limit:
        item = waiting.pop()
        size += len(item) + 2 if isinstance(item, str) else 8
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
    return size


class _Bench:
    """The rules under test, with the correlations over them."""

    def __init__(self, rules: Iterable[CompiledRule], correlations: Sequence[CompiledCorrelation]) -> None:
        self._engine = Engine(rules)
        self._correlations = Correlations(tuple(correlations))
        self._left = MAX_RECORDS_TRIED_PER_PACK

    def fires(self, rule_id: str, lines: Sequence[bytes]) -> bool:
        """Raises Unreadable, NotATest."""
        self._left -= len(lines)
        if self._left < 0:
            raise NotATest(f"The tests of the pack have more than {MAX_RECORDS_TRIED_PER_PACK} events.")
        hits = []
        matched: set[str] = set()
        for record in _records(lines):
            route = route_of(record.source, record.fields, record.logsource)
            for rule in self._engine.match(route, record.fields) if route is not None else ():
                matched.add(rule.rule_id)
                wanted = self._correlations.wanted.get(rule.rule_id)
                if wanted is not None:
                    hits.append(hit_of(rule.rule_id, record, record.occurred_at or _WITHOUT_CLOCK, wanted))
        firings = Correlator(self._correlations.rules).take(hits)
        return rule_id in matched | {firing.correlation.rule_id for firing in firings}


def _records(lines: Sequence[bytes]) -> Iterator[Record]:
    """What tells each record from the others is its place, so that two equal ones count twice."""
    for place, parsed in enumerate(each for line in lines for each in parsed_of(line)):
        yield Record(
            offset=place,
            source=parsed.source,
            occurred_at=parsed.occurred_at,
            host=parsed.host,
            address=parsed.address,
            key=str(place).encode(),
            fields=parsed.fields,
            alert=parsed.alert,
            text=parsed.text,
            logsource=parsed.logsource,
        )
