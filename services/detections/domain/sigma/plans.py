"""One plan: the rules for one kind of record, as bits that each field of a record leaves standing or takes away.

Each rule is written out as clauses (`clauses.py`), each clause is a bit. A value of a field allows the clauses whose
test of that field it passes and all those that do not ask about the field. A record fulfils the clauses that all of its
fields allow: a few memory look-ups and as many `and`s of integers, which end as soon as nothing is left.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.detections.config import (
    MATCH_MEMORY_CHARACTERS,
    MATCH_MEMORY_VALUES,
    MAX_EXCEPTIONS_REMEMBERED,
    MAX_RECORD_SHAPES,
)
from services.detections.domain.sigma.clauses import clauses_of
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.evaluation import Fields, as_text, holds, text_of_record
from services.detections.domain.sigma.expressions import KEYWORDS, And, Atom, Expression, Kind, Not, Or
from services.detections.domain.sigma.scanning import TextTests

NONE: Sequence[CompiledRule] = ()
Test = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a clause stands for: a rule, and whether fulfilling the clause is fulfilling the rule."""

    rule: CompiledRule
    order: int
    exact: bool


class Plan:
    """Not safe for use by several threads at once, since it remembers what it has seen."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self.rules = rules
        self._outcomes: list[_Outcome] = []
        tests: dict[str, list[tuple[int, Expression]]] = {}
        for order, rule in enumerate(rules):
            for clause in clauses_of(rule.expression):
                bit = 1 << len(self._outcomes)
                self._outcomes.append(_Outcome(rule, order, clause.exact))
                for field, test in clause.tests.items():
                    tests.setdefault(field, []).append((bit, test))
        self._all = (1 << len(self._outcomes)) - 1
        keywords = tests.pop(KEYWORDS, None)
        self._keywords = FieldTests(keywords, self._all) if keywords else None
        # The field that most clauses ask about leaves the least standing, so it comes first.
        order_of = sorted(tests, key=lambda name: -len(tests[name]))
        self._fields = {name: FieldTests(tests[name], self._all) for name in order_of}
        self._shapes: dict[tuple[str, ...], tuple[int, tuple[tuple[str, FieldTests], ...]]] = {}
        self._exceptions: dict[frozenset[str], int] = {}

    def match(self, fields: Fields, excepted: frozenset[str] = frozenset()) -> Sequence[CompiledRule]:
        """The rules that match a record, in their order, without those excepted by identifier."""
        left, present = self._shape(tuple(fields))
        if excepted:
            left &= self._without(excepted)
        for name, tests in present:
            left &= tests.allowed(fields[name])
            if not left:
                return NONE
        if self._keywords is not None:
            left &= self._keywords.allowed_once(text_of_record(fields))
        return self._matched(left, fields) if left else NONE

    def _shape(self, names: tuple[str, ...]) -> tuple[int, tuple[tuple[str, "FieldTests"], ...]]:
        """For records with exactly these fields: what the absence of all others allows, and the fields to look at."""
        known = self._shapes.get(names)
        if known is None:
            there = frozenset(names)
            allowed = self._all
            for name, tests in self._fields.items():
                if name not in there:
                    allowed &= tests.absent
            known = (allowed, tuple((name, tests) for name, tests in self._fields.items() if name in there))
            if len(self._shapes) >= MAX_RECORD_SHAPES:
                self._shapes.clear()
            self._shapes[names] = known
        return known

    def _without(self, excepted: frozenset[str]) -> int:
        known = self._exceptions.get(excepted)
        if known is None:
            known = self._all
            for place, outcome in enumerate(self._outcomes):
                if outcome.rule.rule_id in excepted:
                    known &= ~(1 << place)
            if len(self._exceptions) >= MAX_EXCEPTIONS_REMEMBERED:
                self._exceptions.clear()
            self._exceptions[excepted] = known
        return known

    def _matched(self, left: int, fields: Fields) -> Sequence[CompiledRule]:
        matched: dict[int, CompiledRule] = {}
        doubtful: dict[int, CompiledRule] = {}
        while left:
            lowest = left & -left
            left ^= lowest
            outcome = self._outcomes[lowest.bit_length() - 1]
            (matched if outcome.exact else doubtful)[outcome.order] = outcome.rule
        for order, rule in doubtful.items():
            if order not in matched and holds(rule.expression, fields):
                matched[order] = rule
        return [matched[order] for order in sorted(matched)]


class FieldTests:
    """What a plan asks of one field: for each value the clauses that it allows."""

    def __init__(self, tests: Sequence[tuple[int, Expression]], everything: int) -> None:
        self._bits: dict[Atom, int] = {}
        self._tests: list[tuple[int, Test]] = []
        self._asking: dict[int, list[tuple[int, Test]]] = {}
        self._exists = self._null = asked = 0
        for clause, expression in tests:
            asked |= clause
            pair = (clause, self._compile(expression))
            self._tests.append(pair)
            for atom in set(_atoms(expression)):
                self._asking.setdefault(self._bits[atom], []).append(pair)
        self._not_asked = everything & ~asked
        for atom, bit in self._bits.items():
            if atom.kind is Kind.NULL:
                self._null = bit
            elif atom.kind is Kind.EXISTS:
                self._exists = bit
        values = [(atom, bit) for atom, bit in self._bits.items() if bit not in (self._null, self._exists)]
        self._text = TextTests(values)
        self.absent = self._all_of(self._null)
        self._of_null = self._all_of(self._null | self._exists)
        self._of_nothing_found = self._all_of(self._exists)
        self._memory: dict[str | bytes | tuple[str, ...], int] = {}
        self._same: dict[int, int] = {}
        """Equal answers are one integer: most values allow what most others allow."""

    def allowed(self, value: Any) -> int:
        """The clauses that a field's value allows."""
        key = value if type(value) is str else _key(value)
        if key is None:
            return self._of_null
        if type(key) is str and len(key) > MATCH_MEMORY_CHARACTERS:
            known = self._memory.get(digest := _digest(key))
            return self._learnt(digest, self._of(key)) if known is None else known
        known = self._memory.get(key)
        return self._learnt(key, self._of(key)) if known is None else known

    def allowed_once(self, text: str) -> int:
        """The same for a text that will hardly come again, so that nothing is remembered."""
        return self._of(text)

    def _learnt(self, key: str | bytes | tuple[str, ...], answer: int) -> int:
        if len(self._memory) >= MATCH_MEMORY_VALUES:
            # Forgetting everything is simpler than a queue, and costs little at this size.
            self._memory.clear()
            self._same.clear()
        return self._memory.setdefault(key, self._same.setdefault(answer, answer))

    def _of(self, key: str | tuple[str, ...]) -> int:
        found = 0
        for text in (key,) if isinstance(key, str) else key:
            found |= self._text.mask(text)
        return self._with(found) if found else self._of_nothing_found

    def _with(self, found: int) -> int:
        """The clauses allowed when these atoms are true: only tests that ask about one of them can have changed."""
        allowed = self._of_nothing_found
        atoms = found | self._exists
        while found:
            lowest = found & -found
            found ^= lowest
            for clause, test in self._asking[lowest]:
                allowed = allowed | clause if test(atoms) else allowed & ~clause
        return allowed

    def _all_of(self, atoms: int) -> int:
        allowed = self._not_asked
        for clause, test in self._tests:
            if test(atoms):
                allowed |= clause
        return allowed

    def _bit(self, atom: Atom) -> int:
        return self._bits.setdefault(atom, 1 << len(self._bits))

    def _compile(self, expression: Expression) -> Test:
        """A test of the atoms that are true. Alternatives and conjunctions of plain atoms are one comparison each."""
        match expression:
            case Atom():
                bit = self._bit(expression)
                return lambda atoms: atoms & bit != 0
            case Not(item):
                test = self._compile(item)
                return lambda atoms: not test(atoms)
            case And(items):
                bits, tests = self._split(items)
                return lambda atoms: atoms & bits == bits and all(test(atoms) for test in tests)
            case Or(items):
                bits, tests = self._split(items)
                return lambda atoms: atoms & bits != 0 or any(test(atoms) for test in tests)

    def _split(self, items: tuple[Expression, ...]) -> tuple[int, tuple[Test, ...]]:
        bits = 0
        for item in items:
            if isinstance(item, Atom):
                bits |= self._bit(item)
        return bits, tuple(self._compile(item) for item in items if not isinstance(item, Atom))


def _atoms(expression: Expression) -> Iterable[Atom]:
    match expression:
        case Atom():
            yield expression
        case Not(item):
            yield from _atoms(item)
        case And(items) | Or(items):
            for item in items:
                yield from _atoms(item)


def _key(value: Any) -> str | tuple[str, ...] | None:
    """A value as it is remembered: by its text, because `True == 1` would be one key; lists by the texts of all."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return tuple(as_text(member) for member in value if member is not None)
    return as_text(value)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
