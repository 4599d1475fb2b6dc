"""A rule's expression as alternatives, each of which asks one thing of every field that it names.

`(A and B) or C` over the fields a, b, c becomes two clauses: {a: A, b: B} and {c: C}. A field alone then decides for a
whole plan which clauses are still possible. Where writing the alternatives out would take too many of them, clauses
ask less than the rule does; they are not `exact`, and what fulfils one has to be looked at again in full.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from services.detections.config import MAX_CLAUSES_PER_RULE
from services.detections.domain.sigma.expressions import And, Atom, Expression, Kind, Not, Or


@dataclass(frozen=True, slots=True)
class Clause:
    """What must hold of each field. Whatever fulfils the rule fulfils one clause; the other way only if `exact`."""

    tests: Mapping[str, Expression]
    exact: bool = True


_ANYTHING = Clause({}, exact=False)


def clauses_of(expression: Expression) -> Sequence[Clause]:
    """At least one clause; at most MAX_CLAUSES_PER_RULE."""
    return _lowered(expression, negated=False)


def _lowered(expression: Expression, *, negated: bool) -> Sequence[Clause]:
    field = _only_field(expression)
    if field is not None:
        return (Clause({field: Not(expression) if negated else expression}),)
    match expression:
        case Not(item):
            return _lowered(item, negated=not negated)
        case And(items):
            return _either(items, negated=True) if negated else _both(items, negated=False)
        case Or(items):
            return _both(items, negated=True) if negated else _either(items, negated=False)
        case Atom():
            # It compares two fields of a record, which no value of either decides alone.
            return (_ANYTHING,)


def _both(items: Sequence[Expression], *, negated: bool) -> Sequence[Clause]:
    """All of these together. The factors with few alternatives come first, since a later one may have to be coarse."""
    factors = sorted((_lowered(item, negated=negated) for item in items), key=len)
    return reduce(_product, factors)


def _product(left: Sequence[Clause], right: Sequence[Clause]) -> Sequence[Clause]:
    if len(left) * len(right) > MAX_CLAUSES_PER_RULE:
        right = (_coarse(right),)
    return [Clause(_conjunction(one.tests, other.tests), one.exact and other.exact) for one in left for other in right]


def _conjunction(left: Mapping[str, Expression], right: Mapping[str, Expression]) -> Mapping[str, Expression]:
    tests = dict(left)
    for field, test in right.items():
        tests[field] = _joined(And, (tests[field], test)) if field in tests else test
    return tests


def _either(items: Sequence[Expression], *, negated: bool) -> Sequence[Clause]:
    """Any of these. Clauses about the same single field are one."""
    single: dict[str, list[Expression]] = {}
    clauses: list[Clause] = []
    for item in items:
        for clause in _lowered(item, negated=negated):
            if clause.exact and len(clause.tests) == 1:
                ((field, test),) = clause.tests.items()
                single.setdefault(field, []).append(test)
            else:
                clauses.append(clause)
    clauses += [Clause({field: _joined(Or, tests)}) for field, tests in single.items()]
    return clauses if len(clauses) <= MAX_CLAUSES_PER_RULE else (_coarse(clauses),)


def _coarse(clauses: Sequence[Clause]) -> Clause:
    """One clause that all of these imply: of the fields that every one of them asks about, any of their tests."""
    if len(clauses) == 1:
        return clauses[0]
    common = set(clauses[0].tests).intersection(*(clause.tests for clause in clauses))
    tests = {field: _joined(Or, [clause.tests[field] for clause in clauses]) for field in common}
    return Clause(tests, exact=False)


def _joined(connective: type[And] | type[Or], tests: Iterable[Expression]) -> Expression:
    """These tests in one connective, without nesting it in itself and without saying anything twice."""
    flat: dict[Expression, None] = {}
    for test in tests:
        flat.update(dict.fromkeys(test.items if isinstance(test, connective) else (test,)))
    return connective(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def _only_field(expression: Expression) -> str | None:
    """The one field that an expression is about; None when it is about several."""
    match expression:
        case Atom(kind=Kind.FIELD_REFERENCE):
            return None
        case Atom():
            return expression.field
        case Not(item):
            return _only_field(item)
        case And(items) | Or(items):
            first = _only_field(items[0])
            return first if all(_only_field(item) == first for item in items[1:]) else None
