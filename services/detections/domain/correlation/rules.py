"""A correlation rule as it runs: parsed by pySigma, with its references resolved to the identifiers of rules."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError

from services.detections.config import (
    MAX_CORRELATION_FIELDS,
    MAX_CORRELATION_REFERENCES,
    MAX_CORRELATION_TIMESPAN,
    MAX_HITS_PER_CORRELATION_GROUP,
)
from services.detections.domain.errors import RuleUncompilable
from services.detections.domain.sigma.compiler import SEVERITY_OF_LEVEL

MICROSECONDS = 1_000_000
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)


class Kind(StrEnum):
    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


TEMPORAL = frozenset({Kind.TEMPORAL, Kind.TEMPORAL_ORDERED})
NUMERIC = frozenset({Kind.VALUE_SUM, Kind.VALUE_AVG, Kind.VALUE_PERCENTILE, Kind.VALUE_MEDIAN})


class Operator(StrEnum):
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NEQ = "neq"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number of the window against a threshold."""

    operator: Operator
    threshold: int | float


@dataclass(frozen=True, slots=True)
class Present:
    """A referenced rule, by its place among the references."""

    index: int


@dataclass(frozen=True, slots=True)
class AllOf:
    items: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    items: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    item: "Formula"


Formula = Present | AllOf | AnyOf | NoneOf


@dataclass(frozen=True, slots=True)
class CompiledCorrelation:
    """A correlation that can run. `span` is in microseconds.

    `references` are rule ids in the rule's order, `group_fields` for each of them the fields that name the group, and
    `value_fields` those whose values are counted or computed with. `deferred` tells that a later record may make the
    condition untrue, so that a window is judged only once no record can join it any more.
    """

    rule_id: str
    title: str
    sha256: str
    level: str
    severity_id: int
    techniques: tuple[str, ...]
    kind: Kind
    references: tuple[str, ...]
    generate: bool
    group_by: tuple[str, ...]
    group_fields: tuple[tuple[str, ...], ...]
    value_fields: tuple[tuple[str, ...], ...]
    span: int
    condition: Comparison | Formula
    percentile: int | None = None

    @property
    def deferred(self) -> bool:
        if isinstance(self.condition, Comparison):
            return self.condition.operator not in (Operator.GT, Operator.GTE)
        return negated(self.condition)

    def fields_of(self, rule_id: str) -> frozenset[str]:
        """The fields of a base rule's records that this correlation looks at."""
        indexes = [index for index, reference in enumerate(self.references) if reference == rule_id]
        return frozenset(name for index in indexes for name in (*self.group_fields[index], *self.value_fields[index]))


def negated(formula: Formula) -> bool:
    match formula:
        case Present():
            return False
        case NoneOf():
            return True
        case AllOf(items) | AnyOf(items):
            return any(negated(item) for item in items)


def holds(formula: Formula, present: Callable[[int], bool]) -> bool:
    match formula:
        case Present(index):
            return present(index)
        case NoneOf(item):
            return not holds(item, present)
        case AllOf(items):
            return all(holds(item, present) for item in items)
        case AnyOf(items):
            return any(holds(item, present) for item in items)


def compile_correlation(
    document: Mapping[str, Any], text: bytes, resolve: Callable[[str], str | None]
) -> CompiledCorrelation:
    """`resolve` gives the rule id of a reference (an id or a name), None if the pack has no such rule that runs.

    Raises RuleUncompilable with what is wrong.
    """
    try:
        parsed = SigmaCorrelationRule.from_dict(dict(document))
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RuleUncompilable(f"{type(error).__name__}: {str(error)[:300]}") from error
    names = _referenced(parsed)
    references = tuple(_resolved(name, resolve) for name in names)
    _require_within_limits(parsed, references)
    sha256 = hashlib.sha256(text).hexdigest()
    kind, value_names = Kind(parsed.type.name.lower()), _value_names(parsed)
    level = parsed.level.name.lower() if parsed.level else ""
    group_by = tuple(parsed.group_by or ())
    return CompiledCorrelation(
        rule_id=str(parsed.id) if parsed.id else sha256[:32],
        title=parsed.title,
        sha256=sha256,
        level=level,
        severity_id=SEVERITY_OF_LEVEL.get(level, 0),
        techniques=_techniques(parsed),
        kind=kind,
        references=references,
        generate=bool(parsed.generate),
        group_by=group_by,
        group_fields=tuple(tuple(_field(parsed, name, field) for field in group_by) for name in names),
        value_fields=tuple(tuple(_field(parsed, name, field) for field in value_names) for name in names),
        span=parsed.timespan.seconds * MICROSECONDS,
        condition=_condition(parsed, names),
        percentile=_percentile(parsed, kind),
    )


def _techniques(parsed: SigmaCorrelationRule) -> tuple[str, ...]:
    matches = (_TECHNIQUE.fullmatch(f"{tag.namespace}.{tag.name}") for tag in parsed.tags)
    return tuple(sorted({match[1].upper() for match in matches if match}))


def _referenced(parsed: SigmaCorrelationRule) -> list[str]:
    """The names in the rule's own order; an extended condition may be the only place that has them."""
    if parsed.rules is not None:
        return [reference.reference for reference in parsed.rules]
    if isinstance(parsed.condition, SigmaExtendedCorrelationCondition):
        return parsed.condition.get_referenced_rules()
    return []


def _resolved(name: str, resolve: Callable[[str], str | None]) -> str:
    rule_id = resolve(name)
    if rule_id is None:
        raise RuleUncompilable(f"It refers to {name[:100]}, and no rule of this pack that runs is called so.")
    return rule_id


def _require_within_limits(parsed: SigmaCorrelationRule, references: tuple[str, ...]) -> None:
    if not 1 <= len(references) <= MAX_CORRELATION_REFERENCES:
        raise RuleUncompilable(f"It refers to {len(references)} rules; the limit is {MAX_CORRELATION_REFERENCES}.")
    if len(set(references)) != len(references):
        raise RuleUncompilable("It refers to the same rule twice.")
    if timedelta(seconds=parsed.timespan.seconds) > MAX_CORRELATION_TIMESPAN:
        raise RuleUncompilable(f"Its timespan is longer than {MAX_CORRELATION_TIMESPAN.days} days.")
    if len(parsed.group_by or ()) > MAX_CORRELATION_FIELDS:
        raise RuleUncompilable(f"It groups by more than {MAX_CORRELATION_FIELDS} fields.")


def _value_names(parsed: SigmaCorrelationRule) -> tuple[str, ...]:
    kind = Kind(parsed.type.name.lower())
    if kind is Kind.EVENT_COUNT or kind in TEMPORAL or not isinstance(parsed.condition, SigmaCorrelationCondition):
        return ()
    field = parsed.condition.fieldref
    names = (field,) if isinstance(field, str) else tuple(field or ())
    if not names or len(names) > MAX_CORRELATION_FIELDS or (kind in NUMERIC and len(names) != 1):
        raise RuleUncompilable(f"A {kind.value} cannot be made over {len(names)} fields.")
    return names


def _field(parsed: SigmaCorrelationRule, name: str, field: str) -> str:
    """What an alias means in the records of one referenced rule; a field that is no alias means itself."""
    alias = parsed.aliases.aliases.get(field)
    if alias is None:
        return field
    for reference, mapped in alias.mapping.items():
        if reference.reference == name:
            return mapped
    raise RuleUncompilable(f"The alias {field[:100]} says nothing about {name[:100]}.")


def _condition(parsed: SigmaCorrelationRule, names: list[str]) -> Comparison | Formula:
    if isinstance(parsed.condition, SigmaExtendedCorrelationCondition):
        return _formula(parsed.condition.parsed, names)
    comparison = Comparison(Operator(parsed.condition.op.name.lower()), parsed.condition.count)
    counted = Kind(parsed.type.name.lower()) not in NUMERIC
    if counted and comparison.threshold > MAX_HITS_PER_CORRELATION_GROUP:
        raise RuleUncompilable(f"It counts beyond {MAX_HITS_PER_CORRELATION_GROUP}.")
    return comparison


def _formula(item: CorrelationConditionItem | SigmaRuleReference, names: list[str]) -> Formula:
    if isinstance(item, SigmaRuleReference):
        return Present(names.index(item.reference))
    items = tuple(_formula(argument, names) for argument in item.args)
    if isinstance(item, CorrelationConditionAND):
        return AllOf(items)
    if isinstance(item, CorrelationConditionOR):
        return AnyOf(items)
    if isinstance(item, CorrelationConditionNOT):
        return NoneOf(items[0])
    raise RuleUncompilable(f"A condition of type {type(item).__name__} cannot be run.")


def _percentile(parsed: SigmaCorrelationRule, kind: Kind) -> int | None:
    if kind is not Kind.VALUE_PERCENTILE:
        return None
    condition = parsed.condition
    percentile = condition.percentile if isinstance(condition, SigmaCorrelationCondition) else None
    if percentile is None or not 1 <= percentile <= 100:
        raise RuleUncompilable("A value_percentile says which percentile, from 1 to 100.")
    return percentile
