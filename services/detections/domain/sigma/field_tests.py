"""What a plan asks of one field: the clauses that each value allows, remembered, since telemetry repeats itself."""

import functools
import hashlib
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.detections.config import MATCH_MEMORY_CHARACTERS
from services.detections.domain.sigma.evaluation import as_text, text_of_record
from services.detections.domain.sigma.expressions import And, Atom, Expression, Kind, Not, Or
from services.detections.domain.sigma.scanning import Keeper, Probe, TextTests

Test = Callable[[int], bool]
ABSENT: Final = object()
"""Stands for the value of a field that a record does not have."""
_ENTRY_BYTES = 200
"""What an entry of the memory takes beside its text."""


class Memory:
    """How much all fields of an engine may remember together, in bytes (about).

    What was not asked for since half of that was learnt, is forgotten. A limit of 0 remembers nothing.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit // 2
        self._spent = 0
        self._fields: list[FieldTests] = []

    def shared_with(self, tests: "FieldTests") -> None:
        self._fields.append(tests)

    def spend(self, size: int) -> bool:
        """Whether something of this size may be remembered."""
        if size > self._limit:
            return False
        self._spent += size
        if self._spent > self._limit:
            self._spent = size
            for tests in self._fields:
                tests.age()
        return True


@dataclass(slots=True)
class _Effect:
    """What it means that an atom is true: clauses that are allowed or forbidden by it, and tests to ask."""

    allowed: int = 0
    forbidden: int = 0
    asked: list[tuple[int, Test]] = field(default_factory=list)


class FieldTests:
    """`memory` answers for the values that it knows; `allowed` for all."""

    def __init__(
        self, tests: Sequence[tuple[int, Expression]], everything: int, memory: Memory, keeper: Keeper
    ) -> None:
        self._bits: dict[Atom, int] = {}
        clauses: dict[Expression, int] = {}
        for clause, expression in tests:
            clauses[expression] = clauses.get(expression, 0) | clause
        self._tests = [(clause, self._compile(expression)) for expression, clause in clauses.items()]
        self._effects = {bit: _Effect() for bit in self._bits.values()}
        for (clause, test), expression in zip(self._tests, clauses, strict=True):
            self._effect(clause, test, expression)
        self._not_asked = everything & ~functools.reduce(operator.or_, clauses.values(), 0)
        self._exists = self._null = 0
        for atom, bit in self._bits.items():
            if atom.kind is Kind.NULL:
                self._null = bit
            elif atom.kind is Kind.EXISTS:
                self._exists = bit
        self._text = TextTests(
            [(atom, bit) for atom, bit in self._bits.items() if bit not in (self._null, self._exists)], keeper
        )
        self._of_absent = self._all_of(self._null)
        self._of_null = self._all_of(self._null | self._exists)
        self.unremarkable = self._all_of(self._exists)
        """What is allowed by a text in which nothing is found."""
        self._shared = memory
        self._same: dict[int, int] = {}
        self._older: dict[Any, int] = {}
        self.memory: dict[Any, int] = {}
        self._pin()
        memory.shared_with(self)

    def allowed(self, value: Any) -> int:
        """The clauses that a field's value allows; `ABSENT` for a record without the field."""
        if value is None or value is ABSENT:
            return self.memory[value]
        key = _key(value)
        known = self.memory.get(key)
        if known is not None:
            return known
        known = self._older.get(key)
        return self._learnt(key, self.answer(value) if known is None else known)

    def answer(self, value: Any) -> int:
        """The same for a value that is not null, without looking into the memory or adding to it."""
        if isinstance(value, list | tuple):
            found = 0
            for member in value:
                if member is not None:
                    found |= self._text.mask(as_text(member))
        else:
            found = self._text.mask(as_text(value))
        return self._with(found) if found else self.unremarkable

    def age(self) -> None:
        """Makes what was learnt up to now the older half of the memory; the older half is forgotten."""
        self._older = dict(self.memory)
        self.memory.clear()
        self._same.clear()
        self._pin()

    def _pin(self) -> None:
        self.memory[ABSENT], self.memory[None] = self._of_absent, self._of_null

    def _learnt(self, key: Any, answer: int) -> int:
        # Most values allow what most others allow, so equal answers are one integer.
        answer = self._same.setdefault(answer, answer)
        if self._shared.spend(_ENTRY_BYTES + 2 * len(key)):
            self.memory[key] = answer
        return answer

    def _effect(self, clause: int, test: Test, expression: Expression) -> None:
        """Notes what finding an atom means for a test: allowing, forbidding, or a reason to ask it."""
        if isinstance(expression, Not) and (plain := _alternatives(expression.item)):
            for atom in plain:
                self._effects[self._bits[atom]].forbidden |= clause
        elif plain := _alternatives(expression):
            for atom in plain:
                self._effects[self._bits[atom]].allowed |= clause
        else:
            needed = _needed(expression)
            for atom in set(_atoms(expression)) if needed is None else needed:
                self._effects[self._bits[atom]].asked.append((clause, test))

    def _with(self, found: int) -> int:
        """The clauses allowed when these atoms are true: only tests that one of them has a say in can have changed."""
        atoms = found | self._exists
        allowed, allowing, forbidding = self.unremarkable, 0, 0
        while found:
            lowest = found & -found
            found ^= lowest
            effect = self._effects[lowest]
            allowing |= effect.allowed
            forbidding |= effect.forbidden
            for clause, test in effect.asked:
                allowed = allowed | clause if test(atoms) else allowed & ~clause
        return (allowed | allowing) & ~forbidding

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
                return self._conjunction(items)
            case Or(items):
                bits, tests = self._split(items)
                if not tests:
                    return lambda atoms: atoms & bits != 0
                return lambda atoms: atoms & bits != 0 or any(test(atoms) for test in tests)

    def _conjunction(self, items: tuple[Expression, ...]) -> Test:
        bits, others = 0, []
        some, none = [], []
        for item in items:
            if isinstance(item, Atom):
                bits |= self._bit(item)
            elif isinstance(item, Not) and (atoms := _alternatives(item.item)):
                none.append(self._bits_of(atoms))
            elif atoms := _alternatives(item):
                some.append(self._bits_of(atoms))
            else:
                others.append(self._compile(item))
        if not some and not none and not others:
            return lambda atoms: atoms & bits == bits
        forbidden = functools.reduce(operator.or_, none, 0)

        def test(atoms: int) -> bool:
            if atoms & bits != bits or atoms & forbidden:
                return False
            for any_of in some:
                if not atoms & any_of:
                    return False
            return all(other(atoms) for other in others) if others else True

        return test

    def _bits_of(self, atoms: Iterable[Atom]) -> int:
        return functools.reduce(operator.or_, map(self._bit, atoms), 0)

    def _split(self, items: tuple[Expression, ...]) -> tuple[int, tuple[Test, ...]]:
        bits = 0
        for item in items:
            if isinstance(item, Atom):
                bits |= self._bit(item)
        return bits, tuple(self._compile(item) for item in items if not isinstance(item, Atom))


class KeywordTests:
    """What a plan asks of a record's whole text. Nothing is remembered, since no two records have the same."""

    def __init__(self, tests: Sequence[tuple[int, Expression]], everything: int, keeper: Keeper) -> None:
        self._tests = FieldTests(tests, everything, Memory(0), keeper)
        self._probe = Probe.of({atom for _, expression in tests for atom in _atoms(expression)}, keeper)

    def allowed(self, fields: Any, line: bytes | None) -> int:
        """`line`: the JSON text that the fields were read from; they are only looked at if something is found in it."""
        if line is not None and self._probe is not None and self._probe.finds_nothing(line):
            return self._tests.unremarkable
        return self._tests.answer(text_of_record(fields))


def _atoms(expression: Expression) -> Iterable[Atom]:
    match expression:
        case Atom():
            yield expression
        case Not(item):
            yield from _atoms(item)
        case And(items) | Or(items):
            for item in items:
                yield from _atoms(item)


def _alternatives(expression: Expression) -> tuple[Atom, ...]:
    """The atoms of which one is enough, where that is all that an expression says; else none."""
    if isinstance(expression, Or):
        atoms = tuple(item for item in expression.items if isinstance(item, Atom))
        return atoms if len(atoms) == len(expression.items) else ()
    return (expression,) if isinstance(expression, Atom) else ()


def _needed(expression: Expression) -> frozenset[Atom] | None:
    """Atoms of a text of which at least one is true whenever the expression is; None when there is no such set."""
    match expression:
        case Atom(kind=Kind.NULL | Kind.EXISTS) | Not():
            return None
        case Atom():
            return frozenset((expression,))
        case Or(items):
            sets = [_needed(item) for item in items]
            return None if None in sets else frozenset().union(*(each for each in sets if each is not None))
        case And(items):
            found = [atoms for item in items if (atoms := _needed(item)) is not None]
            # The fewer and the longer, the seldomer there is anything to ask.
            return min(found, key=lambda atoms: (len(atoms), -min(len(a.operand) for a in atoms)), default=None)


def _key(value: Any) -> str | bytes | tuple[str, ...]:
    """A value as it is remembered: by its text, because `True == 1` would be one key; lists by the texts of all."""
    if isinstance(value, list | tuple):
        return tuple(as_text(member) for member in value if member is not None)
    text = as_text(value)
    return text if len(text) <= MATCH_MEMORY_CHARACTERS else _digest(text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
