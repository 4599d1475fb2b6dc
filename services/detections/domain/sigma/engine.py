"""Runs compiled rules over records.

For each kind of record (a route) there is one plan: the rules that admit it and all atoms that they use, each a bit. A
field's value is looked up once: its mask of true atoms is remembered in a bounded memory, because telemetry repeats
itself. A rule can only match when one of its anchors (atoms of which at least one must be true) is in the record's
mask, so only those rules are evaluated, exactly, on the mask.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.detections.config import MATCH_MEMORY_CHARACTERS, MATCH_MEMORY_VALUES
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.expressions import (
    KEYWORDS,
    And,
    Atom,
    Expression,
    Kind,
    Not,
    Or,
    Predicate,
    predicate_of,
)
from services.detections.domain.sigma.logsources import Route

Fields = Mapping[str, Any]
Test = Callable[[int], bool]
MAX_PLANS = 4_096


class Engine:
    """Not safe for use by several threads at once, since plans remember what they have seen."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = tuple(rules)
        self._plans: dict[Route, _Plan] = {}

    def match(self, route: Route, fields: Fields) -> Sequence[CompiledRule]:
        """The rules that match a record, in the order of loading."""
        plan = self._plans.get(route)
        if plan is None:
            rules = [rule for rule in self.rules if route.admits(rule.product, rule.category, rule.service)]
            plan = _Plan(rules)
            if len(self._plans) < MAX_PLANS:
                self._plans[route] = plan
        return plan.match(fields) if plan.rules else ()


class _Plan:
    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self.rules = rules
        self._bits: dict[Atom, int] = {}
        self._tests: list[Test] = []
        self._by_anchor: dict[int, list[int]] = {}
        self._always: list[int] = []
        for index, rule in enumerate(rules):
            self._tests.append(self._compile(rule.expression))
            self._anchor(index, anchors(rule.expression))
        self._anchored = sum(self._by_anchor)
        self._fields = self._by_field()
        self._missing = [(name, field.null) for name, field in self._fields.items() if field.null and name]
        self._keywords = self._fields.pop(KEYWORDS, None)
        self._references = [(atom, bit) for atom, bit in self._bits.items() if atom.kind is Kind.FIELD_REFERENCE]

    def match(self, fields: Fields) -> Sequence[CompiledRule]:
        mask = self._mask(fields)
        candidates = set(self._always)
        anchored = mask & self._anchored
        while anchored:
            lowest = anchored & -anchored
            candidates.update(self._by_anchor[lowest])
            anchored ^= lowest
        return [self.rules[index] for index in sorted(candidates) if self._tests[index](mask)]

    def _mask(self, fields: Fields) -> int:
        mask = 0
        for name, value in fields.items():
            tests = self._fields.get(name)
            if tests is not None:
                mask |= tests.mask(value)
        for name, null in self._missing:
            if fields.get(name) is None:
                mask |= null
        if self._keywords is not None:
            mask |= self._keywords.evaluate("\n".join(as_texts(fields.values())))
        for atom, bit in self._references:
            if _refers(atom, fields):
                mask |= bit
        return mask

    def _compile(self, expression: Expression) -> Test:
        """A test on the mask. Alternatives and conjunctions of plain atoms are one comparison each."""
        match expression:
            case Atom():
                bit = self._bit(expression)
                return lambda mask: mask & bit != 0
            case Not(item):
                test = self._compile(item)
                return lambda mask: not test(mask)
            case And(items):
                return self._conjunction(items)
            case Or(items):
                return self._alternative(items)

    def _conjunction(self, items: tuple[Expression, ...]) -> Test:
        bits, tests = self._split(items)
        if not tests:
            return lambda mask: mask & bits == bits
        return lambda mask: mask & bits == bits and all(test(mask) for test in tests)

    def _alternative(self, items: tuple[Expression, ...]) -> Test:
        bits, tests = self._split(items)
        if not tests:
            return lambda mask: mask & bits != 0
        return lambda mask: mask & bits != 0 or any(test(mask) for test in tests)

    def _split(self, items: tuple[Expression, ...]) -> tuple[int, tuple[Test, ...]]:
        bits = 0
        for item in items:
            if isinstance(item, Atom):
                bits |= self._bit(item)
        return bits, tuple(self._compile(item) for item in items if not isinstance(item, Atom))

    def _bit(self, atom: Atom) -> int:
        return self._bits.setdefault(atom, 1 << len(self._bits))

    def _anchor(self, index: int, atoms: frozenset[Atom] | None) -> None:
        if atoms is None:
            self._always.append(index)
            return
        for atom in atoms:
            self._by_anchor.setdefault(self._bits[atom], []).append(index)

    def _by_field(self) -> dict[str, "_FieldTests"]:
        fields: dict[str, _FieldTests] = {}
        for atom, bit in self._bits.items():
            if atom.kind is not Kind.FIELD_REFERENCE:
                fields.setdefault(atom.field, _FieldTests()).add(atom, bit)
        return fields


class _FieldTests:
    """All tests of one field in one plan, and what values seen before answered."""

    def __init__(self) -> None:
        self.null = 0
        self._exists = 0
        self._exact: dict[str, int] = {}
        self._contained: list[tuple[str, int]] = []
        self._prefixes: list[tuple[str, int]] = []
        self._suffixes: list[tuple[str, int]] = []
        self._others: list[tuple[Predicate, int]] = []
        self._memory: dict[str | bytes, int] = {}

    def add(self, atom: Atom, bit: int) -> None:
        if atom.kind is Kind.NULL:
            self.null |= bit
        elif atom.kind is Kind.EXISTS:
            self._exists |= bit
        elif atom.kind is Kind.EXACT and not atom.cased:
            self._exact[atom.operand] = self._exact.get(atom.operand, 0) | bit
        elif atom.kind is Kind.CONTAINS and not atom.cased:
            self._contained.append((atom.operand, bit))
        elif atom.kind is Kind.PREFIX and not atom.cased:
            self._prefixes.append((atom.operand, bit))
        elif atom.kind is Kind.SUFFIX and not atom.cased:
            self._suffixes.append((atom.operand, bit))
        else:
            self._others.append((predicate_of(atom), bit))

    def mask(self, value: Any) -> int:
        """The atoms that are true for a value; for a list, those that are true for any member."""
        if value is None:
            return self._exists
        if isinstance(value, list | tuple):
            mask = self._exists
            for member in value:
                if member is not None:
                    mask |= self._remembered(as_text(member))
            return mask
        return self._exists | self._remembered(as_text(value))

    def _remembered(self, text: str) -> int:
        key = text if len(text) <= MATCH_MEMORY_CHARACTERS else _digest(text)
        known = self._memory.get(key)
        if known is None:
            known = self.evaluate(text)
            if len(self._memory) >= MATCH_MEMORY_VALUES:
                # Forgetting everything is simpler than a queue, and costs little at this size.
                self._memory.clear()
            self._memory[key] = known
        return known

    def evaluate(self, text: str) -> int:
        """The atoms that are true for a text, without looking into the memory or adding to it."""
        folded = text.lower()
        mask = self._exact.get(folded, 0)
        for operand, bit in self._contained:
            if operand in folded:
                mask |= bit
        for operand, bit in self._prefixes:
            if folded.startswith(operand):
                mask |= bit
        for operand, bit in self._suffixes:
            if folded.endswith(operand):
                mask |= bit
        for test, bit in self._others:
            if test(text):
                mask |= bit
        return mask


def anchors(expression: Expression) -> frozenset[Atom] | None:
    """Atoms of which at least one is true whenever the expression is; None when there is no such set."""
    match expression:
        case Atom():
            return frozenset((expression,))
        case Not():
            return None
        case Or(items):
            sets = [anchors(item) for item in items]
            if any(found is None for found in sets):
                return None
            return frozenset().union(*(found for found in sets if found is not None))
        case And(items):
            found = [atoms for item in items if (atoms := anchors(item)) is not None]
            return min(found, key=lambda atoms: (any(atom.weak for atom in atoms), len(atoms)), default=None)


def as_text(value: Any) -> str:
    """A value as rules see it: numbers and their texts are the same, `true` is not `1`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from (as_text(member) for member in value)
        elif value is not None:
            yield as_text(value)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _refers(atom: Atom, fields: Fields) -> bool:
    """Whether a field equals, starts or ends with another field of the same record; an absent field never does."""
    left = [text.lower() for text in as_texts((fields.get(atom.field),))]
    right = [text.lower() for text in as_texts((fields.get(atom.operand),))]
    if atom.detail == "starts":
        return any(one.startswith(other) for one in left for other in right)
    if atom.detail == "ends":
        return any(one.endswith(other) for one in left for other in right)
    return any(one == other for one in left for other in right)
