"""Runs compiled rules over records. For each kind of record there is one plan, made when the first of them comes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.detections.config import MATCH_MEMORY_BYTES, MAX_CHANGED_RULES, MAX_PLANS
from services.detections.domain.sigma.clauses import Clause, clauses_of
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.evaluation import Fields
from services.detections.domain.sigma.expressions import Atom, Expression, Kind, Not
from services.detections.domain.sigma.field_tests import Memory
from services.detections.domain.sigma.logsources import Route
from services.detections.domain.sigma.plans import Lowered, Plan
from services.detections.domain.sigma.scanning import FORGETFUL, Keeper

EVENT_ID = "EventID"
NOTHING: frozenset[str] = frozenset()


class Engine:
    """Not safe for use by several threads at once, since plans remember what they have seen.

    `keeper` keeps what is slow to make from one start to the next; `memory` is what may be remembered, in bytes.
    """

    def __init__(
        self, rules: Iterable[CompiledRule], *, keeper: Keeper = FORGETFUL, memory: int = MATCH_MEMORY_BYTES
    ) -> None:
        self.rules = tuple(rules)
        self._keeper, self._memory = keeper, memory
        self._base = _Layer(self.rules, keeper, memory)
        self._changed: _Layer | None = None
        self._gone = NOTHING
        self._order: Mapping[str, int] = {}

    def match(self, route: Route, fields: Fields, line: bytes | None = None) -> Sequence[CompiledRule]:
        """The rules that match a record, in the order of loading.

        `line`: the JSON text that the fields were read from, where the caller has it; it changes no answer.
        """
        plan = self._base.plan(route, fields)
        if self._changed is None:
            return plan.match(fields, NOTHING, line)
        found = plan.match(fields, self._gone, line)
        more = self._changed.plan(route, fields).match(fields, NOTHING, line)
        return sorted([*found, *more], key=lambda rule: self._order[rule.rule_id]) if more else found

    def replaced(self, rules: Iterable[CompiledRule]) -> "Engine":
        """An engine of other rules that goes on with all that this one has made and learnt.

        A few new rules get plans of their own beside the old ones, in which those that are gone are passed over; once
        too many have changed, everything is made anew.
        """
        engine = Engine(rules, keeper=self._keeper, memory=self._memory)
        before = {(rule.rule_id, rule.sha256) for rule in self._base.rules}
        after = {(rule.rule_id, rule.sha256) for rule in engine.rules}
        changed = [rule for rule in engine.rules if (rule.rule_id, rule.sha256) not in before]
        gone = before - after
        if len(changed) + len(gone) > MAX_CHANGED_RULES or not self._base.rules:
            return engine
        engine._base = self._base
        if changed or gone:
            engine._changed = _Layer(changed, self._keeper, self._memory // 8)
            engine._gone = frozenset(rule_id for rule_id, _ in gone)
        engine._order = {rule.rule_id: place for place, rule in enumerate(engine.rules)}
        return engine


@dataclass(slots=True)
class _Routed:
    """What is known of one kind of record. `numbers` are the event ids that its rules name: each has its own plan."""

    route: Route
    rules: Sequence[Lowered]
    numbers: frozenset[str]
    plans: dict[str | None, Plan] = field(default_factory=dict)


class _Layer:
    """Rules with the plans that were made of them."""

    def __init__(self, rules: Sequence[CompiledRule], keeper: Keeper, memory: int) -> None:
        self.rules = rules
        self._keeper, self._memory = keeper, Memory(memory)
        self._clauses: dict[int, Sequence[Clause]] = {}
        self._routed: dict[Route, _Routed] = {}
        self._at_hand: dict[int, tuple[Route, _Routed]] = {}

    def plan(self, route: Route, fields: Fields) -> Plan:
        # Routes come from a table, so that the identity of one is a cheaper key than its content; holding it keeps the
        # identity from being given to another.
        known = self._at_hand.get(id(route))
        routed = known[1] if known is not None else self._find(route)
        number = fields.get(EVENT_ID) if routed.numbers else None
        if type(number) is not str or number not in routed.numbers:
            number = None
        plan = routed.plans.get(number)
        if plan is None:
            plan = self._made(routed, number)
        return plan

    def _find(self, route: Route) -> _Routed:
        routed = self._routed.get(route)
        if routed is None:
            routed = self._routed_of(route)
            if len(self._routed) >= MAX_PLANS:
                self._routed.clear()
                self._at_hand.clear()
            self._routed[route] = routed
        if len(self._at_hand) < MAX_PLANS:
            self._at_hand[id(route)] = (route, routed)
        return routed

    def _routed_of(self, route: Route) -> _Routed:
        rules: list[Lowered] = []
        numbers: set[str] = set()
        for place, rule in enumerate(self.rules):
            if route.admits(rule.product, rule.category, rule.service):
                clauses = self._clauses.get(place)
                if clauses is None:
                    clauses = self._clauses[place] = clauses_of(rule.expression)
                rules.append((rule, clauses))
                for clause in clauses:
                    numbers |= _constants(clause.tests.get(EVENT_ID))
        return _Routed(route, rules, frozenset(numbers))

    def _made(self, routed: _Routed, number: str | None) -> Plan:
        known = {} if number is None else {EVENT_ID: number}
        plan = routed.plans[number] = Plan(routed.rules, known, self._memory, self._keeper)
        return plan


def _constants(test: Expression | None) -> set[str]:
    """The values that a test compares a field with."""
    match test:
        case None:
            return set()
        case Atom(kind=Kind.EXACT):
            return {test.operand}
        case Atom():
            return set()
        case Not(item):
            return _constants(item)
        case _:
            return set().union(*(_constants(item) for item in test.items))
