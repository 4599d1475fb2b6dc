"""Which indicators a record holds: equal values by look-up, networks by prefix, expressions by the rules' scan.

A value is taken apart once and remembered, so that a record costs one look-up for each of its fields. Where an
indicator asks for several values, the first of them finds it and the others are confirmed.
"""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.detections.config import (
    INDICATOR_MEMORY_VALUES,
    MATCH_MEMORY_CHARACTERS,
    MAX_INDICATOR_EXPRESSION_INPUT,
    MAX_INDICATOR_EXPRESSIONS,
)
from services.detections.domain.intelligence.indicators import Clause, Comparison, Indicator
from services.detections.domain.intelligence.observables import Observable, address_of, forms, last_part, network_of
from services.detections.domain.sigma.expressions import Atom, Kind, predicate_of
from services.detections.domain.sigma.scanning import FORGETFUL, Keeper, TextTests


@dataclass(frozen=True, slots=True)
class Match:
    """An indicator that is live and was found; `value` is what of the record it was found by."""

    indicator: Indicator
    observable: Observable
    value: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A clause of an indicator whose first comparison a value passes."""

    indicator: Indicator
    clause: Clause
    observable: Observable
    value: str


NOTHING: Sequence[Match] = ()
_NOT_FOUND: tuple[_Found, ...] = ()
Forms = Sequence[tuple[Observable, str]]


class Matcher:
    """Not safe for use by several threads at once, since it remembers what it has seen.

    `unmatched` are indicators that are left out because there are more expressions than MAX_INDICATOR_EXPRESSIONS.
    """

    def __init__(self, indicators: Iterable[Indicator], *, keeper: Keeper = FORGETFUL) -> None:
        self._exact: dict[tuple[Observable, str], list[tuple[Indicator, Clause]]] = defaultdict(list)
        self._networks: dict[tuple[int, int], dict[int, list[tuple[Indicator, Clause]]]] = {}
        self._expressions: dict[Observable, list[tuple[Comparison, Indicator, Clause]]] = defaultdict(list)
        self.unmatched: list[Indicator] = []
        self.size = 0
        expressions = 0
        for indicator in indicators:
            needed = sum(_first(clause).operator not in ("=", "in") for clause in indicator.clauses)
            if expressions + needed > MAX_INDICATOR_EXPRESSIONS:
                self.unmatched.append(indicator)
                continue
            expressions += needed
            self.size += 1
            for clause in indicator.clauses:
                self._add(indicator, clause)
        self._exact.default_factory = None
        self._scans = {
            observable: TextTests(
                [(_atom(comparison), 1 << bit) for bit, (comparison, _, _) in enumerate(each)], keeper
            )
            for observable, each in self._expressions.items()
        }
        self._fields: dict[str, _Field] = {}
        self._remembered = 0

    def __bool__(self) -> bool:
        return self.size > 0

    def match(self, fields: Mapping[str, Any], at: float) -> Sequence[Match]:
        """The indicators that are live at a time, in seconds since 1970, and found in a record: of each value that is
        found, the most certain one."""
        if not self.size:
            return NOTHING
        found: list[_Found] | None = None
        known = self._fields
        for name, value in fields.items():
            if type(value) is str:
                field = known.get(name)
                hits = (field or self._field(name))[value]
            elif type(value) is list:
                field = known.get(name) or self._field(name)
                hits = tuple(hit for each in value if type(each) is str for hit in field[each])
            else:
                continue
            if hits:
                found = [*found, *hits] if found else list(hits)
        return NOTHING if found is None else self._judged(found, fields, at)

    def look_up(self, field: str, text: str) -> tuple[_Found, ...]:
        """What a field's text finds. `field` is as `last_part` gives it."""
        found: list[_Found] = []
        for observable, value in dict.fromkeys(forms(field, text)):
            found += [_Found(*each, observable, value) for each in self._exact.get((observable, value), ())]
            if observable is Observable.ADDRESS and self._networks:
                found += self._within(value)
            if observable in self._scans:
                found += self._scanned(observable, value)
        return tuple(found) if found else _NOT_FOUND

    def _add(self, indicator: Indicator, clause: Clause) -> None:
        first = _first(clause)
        if first.operator == "=":
            self._exact[first.observable, first.value].append((indicator, clause))
        elif first.operator == "in":
            network = _network(first)
            prefix = self._networks.setdefault((network.version, network.prefixlen), {})
            prefix.setdefault(int(network.network_address), []).append((indicator, clause))
        else:
            self._expressions[first.observable].append((first, indicator, clause))

    def _within(self, value: str) -> list[_Found]:
        address = address_of(value)
        if address is None:
            return []
        number, version, found = int(address), address.version, []
        for (family, length), networks in self._networks.items():
            if family == version:
                shift = address.max_prefixlen - length
                hits = networks.get(number >> shift << shift, ())
                found += [_Found(*each, Observable.ADDRESS, value) for each in hits]
        return found

    def _scanned(self, observable: Observable, value: str) -> list[_Found]:
        entries, found = self._expressions[observable], []
        mask = self._scans[observable].mask(value[:MAX_INDICATOR_EXPRESSION_INPUT])
        while mask:
            lowest = mask & -mask
            mask ^= lowest
            _, indicator, clause = entries[lowest.bit_length() - 1]
            found.append(_Found(indicator, clause, observable, value))
        return found

    def _judged(self, found: list[_Found], fields: Mapping[str, Any], at: float) -> Sequence[Match]:
        best: dict[tuple[Observable, str], Match] = {}
        held: Forms | None = None
        for each in found:
            if not each.indicator.live(at):
                continue
            if len(each.clause) > 1:
                held = _held(fields) if held is None else held
                if not all(any(_passes(other, form) for form in held) for other in each.clause):
                    continue
            key = (each.observable, each.value)
            known = best.get(key)
            if known is None or _rank(each.indicator, at) > _rank(known.indicator, at):
                best[key] = Match(each.indicator, each.observable, each.value)
        # One indicator that several values find is one match.
        return list({match.indicator.indicator_id: match for match in best.values()}.values())

    def _field(self, name: str) -> "_Field":
        if len(self._fields) >= INDICATOR_MEMORY_VALUES:
            self._fields.clear()
        field = self._fields[name] = _Field(self, last_part(name))
        return field

    def remembers_one_more(self) -> None:
        """When there are too many, all are forgotten."""
        self._remembered += 1
        if self._remembered > INDICATOR_MEMORY_VALUES:
            self._remembered = 0
            for field in self._fields.values():
                field.clear()


class _Field(dict[str, tuple[_Found, ...]]):
    """What the values of one field find, as far as they were seen."""

    __slots__ = ("_matcher", "_name")

    def __init__(self, matcher: Matcher, name: str) -> None:
        super().__init__()
        self._matcher, self._name = matcher, name

    def __missing__(self, text: str) -> tuple[_Found, ...]:
        found = self._matcher.look_up(self._name, text)
        if len(text) <= MATCH_MEMORY_CHARACTERS:
            self._matcher.remembers_one_more()
            self[text] = found
        return found


def _first(clause: Clause) -> Comparison:
    """The comparison that is looked for: an equation where there is one, else a network."""
    return min(clause, key=lambda each: {"=": 0, "in": 1}.get(each.operator, 2))


def _rank(indicator: Indicator, at: float) -> tuple[int, str]:
    return indicator.confidence_at(at), indicator.indicator_id


def _held(fields: Mapping[str, Any]) -> Forms:
    held: list[tuple[Observable, str]] = []
    for name, value in fields.items():
        part = last_part(name)
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                held += forms(part, text)
    return held


def _passes(comparison: Comparison, form: tuple[Observable, str]) -> bool:
    observable, value = form
    if observable is not comparison.observable:
        return False
    if comparison.operator == "=":
        return value == comparison.value
    if comparison.operator == "in":
        address = address_of(value)
        network = _network(comparison)
        return address is not None and address.version == network.version and address in network
    return predicate_of(_atom(comparison))(value[:MAX_INDICATOR_EXPRESSION_INPUT])


def _network(comparison: Comparison) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = network_of(comparison.value)
    if network is None:
        raise ValueError(f"{comparison.value!r} is no network")
    return network


def _expression(comparison: Comparison) -> str:
    if comparison.operator == "matches":
        return comparison.value
    # STIX's LIKE is SQL's: `%` stands for any text, `_` for any character, and all of the value has to match.
    value = comparison.value.strip("%")
    parts = [{"%": ".*", "_": "."}.get(character) or re.escape(character) for character in value]
    start = "" if comparison.value.startswith("%") else r"\A"
    end = "" if comparison.value.endswith("%") else r"\Z"
    return f"{start}{''.join(parts)}{end}"


def _atom(comparison: Comparison) -> Atom:
    """Regular expressions are tried without regard to case, as records' values are held in lower case."""
    return Atom("", Kind.EXPRESSION, _expression(comparison), detail="is")
