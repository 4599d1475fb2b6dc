"""One plan: the rules for one kind of record, as bits that each field of a record leaves standing or takes away.

Each rule is written out as clauses (`clauses.py`), each clause is a bit. A value of a field allows the clauses whose
test of that field it passes and all those that do not ask about the field. A record fulfils the clauses that all of its
fields allow: a few memory look-ups and as many `and`s of integers, which end as soon as nothing is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.detections.config import MAX_REPLACED_SETS_REMEMBERED
from services.detections.domain.sigma.clauses import Clause
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.evaluation import Fields, holds
from services.detections.domain.sigma.expressions import KEYWORDS, Expression
from services.detections.domain.sigma.field_tests import ABSENT, FieldTests, KeywordTests, Memory
from services.detections.domain.sigma.scanning import Keeper

NONE: Sequence[CompiledRule] = ()
Lowered = tuple[CompiledRule, Sequence[Clause]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a clause stands for: a rule, and whether fulfilling the clause is fulfilling the rule."""

    rule: CompiledRule
    order: int
    exact: bool


class Plan:
    """`known`: fields whose value every record of this plan has, so that they need not be looked at again.

    Not safe for use by several threads at once, since it remembers what it has seen.
    """

    def __init__(self, rules: Sequence[Lowered], known: Mapping[str, str], memory: Memory, keeper: Keeper) -> None:
        self._outcomes: list[_Outcome] = []
        tests: dict[str, list[tuple[int, Expression]]] = {}
        for order, (rule, clauses) in enumerate(rules):
            for clause in clauses:
                if not all(holds(clause.tests[name], known) for name in known if name in clause.tests):
                    continue
                bit = 1 << len(self._outcomes)
                self._outcomes.append(_Outcome(rule, order, clause.exact))
                for field, test in clause.tests.items():
                    if field not in known:
                        tests.setdefault(field, []).append((bit, test))
        self._all = (1 << len(self._outcomes)) - 1
        keywords = tests.pop(KEYWORDS, None)
        self._keywords = KeywordTests(keywords, self._all, keeper) if keywords else None
        fields = {name: FieldTests(each, self._all, memory, keeper) for name, each in tests.items()}
        self._steps = [(name, fields[name].memory, fields[name]) for name in _ordered(fields, self._all)]
        self._masks: dict[frozenset[str], int] = {}

    def match(self, fields: Fields, gone: frozenset[str], line: bytes | None) -> Sequence[CompiledRule]:
        """The rules that match a record, in their order, without those that are gone, by identifier."""
        left = self._without(gone) if gone else self._all
        if self._keywords is not None:
            # First, because the rules that look for keywords ask for little else, and would leave the search no end.
            left &= self._keywords.allowed(fields, line)
            if not left:
                return NONE
        get = fields.get
        for name, memory, tests in self._steps:
            value = get(name, ABSENT)
            try:
                left &= memory[value]
            except (KeyError, TypeError):
                # Not seen before, no text, or a list, which cannot be looked up as it is.
                left &= tests.allowed(value)
            if not left:
                return NONE
        return self._matched(left, fields) if left else NONE

    def _without(self, gone: frozenset[str]) -> int:
        known = self._masks.get(gone)
        if known is None:
            known = self._all
            for place, outcome in enumerate(self._outcomes):
                if outcome.rule.rule_id in gone:
                    known &= ~(1 << place)
            if len(self._masks) >= MAX_REPLACED_SETS_REMEMBERED:
                self._masks.clear()
            self._masks[gone] = known
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


def _ordered(fields: Mapping[str, FieldTests], everything: int) -> list[str]:
    """Next is always the field that takes away the most of what those before it leave of an unremarkable record."""
    order: list[str] = []
    left, waiting = everything, dict(fields)
    while waiting:
        name = min(waiting, key=lambda name: ((left & waiting[name].unremarkable).bit_count(), name))
        left &= waiting.pop(name).unremarkable
        order.append(name)
    return order
