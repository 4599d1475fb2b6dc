"""Runs compiled rules over records. For each kind of record there is one plan, made when the first of them comes."""

from collections.abc import Iterable, Sequence

from services.detections.config import MAX_PLANS
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.evaluation import Fields
from services.detections.domain.sigma.logsources import Route
from services.detections.domain.sigma.plans import NONE, Plan


class Engine:
    """Not safe for use by several threads at once, since plans remember what they have seen."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = tuple(rules)
        self._plans: dict[Route, Plan] = {}

    def match(self, route: Route, fields: Fields, excepted: frozenset[str] = frozenset()) -> Sequence[CompiledRule]:
        """The rules that match a record, in the order of loading, without those excepted by identifier."""
        plan = self._plans.get(route)
        if plan is None:
            plan = self._plan_of(route)
        return plan.match(fields, excepted) if plan.rules else NONE

    def replaced(self, rules: Iterable[CompiledRule]) -> "Engine":
        """An engine of other rules, which keeps every plan whose rules stay as they are, and what it has learnt."""
        engine = Engine(rules)
        for route, plan in self._plans.items():
            admitted = engine._admitted(route)
            if list(map(id, admitted)) == list(map(id, plan.rules)):
                engine._plans[route] = plan
        return engine

    def _plan_of(self, route: Route) -> Plan:
        plan = Plan(self._admitted(route))
        if len(self._plans) < MAX_PLANS:
            self._plans[route] = plan
        return plan

    def _admitted(self, route: Route) -> list[CompiledRule]:
        return [rule for rule in self.rules if route.admits(rule.product, rule.category, rule.service)]
