"""From a Sigma rule's text to something that runs. pySigma parses; what it cannot, and what we cannot run, is named."""

import re
from dataclasses import dataclass
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.exceptions import SigmaError
from sigma.modifiers import SigmaWideModifier, modifier_mapping
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from services.detections.config import MAX_RULE_BYTES
from services.detections.domain.errors import RuleUncompilable
from services.detections.domain.sigma.companions import Companions
from services.detections.domain.sigma.documents import documents_of
from services.detections.domain.sigma.expressions import (
    KEYWORDS,
    And,
    Atom,
    Expression,
    Kind,
    Not,
    Or,
    search_of,
)

SEVERITY_OF_LEVEL = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
"""OCSF severity_id of Sigma's levels."""
# The specification's name for `wide`, which pySigma does not know yet.
modifier_mapping.setdefault("utf16le", SigmaWideModifier)
TECHNIQUE = re.compile(r"^attack\.(t\d{4}(?:\.\d{3})?)$", re.IGNORECASE)
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule that can run: who it is, which records it is for, and what it asks of them."""

    rule_id: str
    title: str
    sha256: str
    level: str
    severity_id: int
    techniques: tuple[str, ...]
    product: str | None
    category: str | None
    service: str | None
    expression: Expression


def compile_rule(text: bytes, companions: Companions | None = None) -> CompiledRule:
    """Raises RuleUncompilable with a message that says what is wrong."""
    companions = companions or Companions()
    if len(text) > MAX_RULE_BYTES:
        raise RuleUncompilable(f"The rule has {len(text)} bytes; the limit is {MAX_RULE_BYTES}.")
    documents = documents_of(text)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise RuleUncompilable(_not_one(documents))
    document = documents[0]
    if "correlation" in document or "filter" in document:
        raise RuleUncompilable("Correlations and filters are no rules by themselves.")
    try:
        rule = SigmaRule.from_dict(document)
        filters = companions.apply(rule)
        expressions = [_expression(condition.parsed) for condition in rule.detection.parsed_condition]
    except (SigmaError, re.error, ValueError, TypeError, RecursionError, AttributeError) as error:
        raise RuleUncompilable(f"{type(error).__name__}: {str(error)[:300]}") from error
    return _compiled(rule, _or(expressions), companions.hash_of(text, filters))


def _not_one(documents: list[Any]) -> str:
    if len(documents) == 1:
        return "A rule is a mapping."
    return f"One rule a file is expected; this one has {len(documents)} documents."


def _compiled(rule: SigmaRule, expression: Expression, sha256: str) -> CompiledRule:
    level = rule.level.name.lower() if rule.level else ""
    matches = (TECHNIQUE.match(f"{tag.namespace}.{tag.name}") for tag in rule.tags)
    return CompiledRule(
        str(rule.id) if rule.id else sha256[:32],
        rule.title,
        sha256,
        level,
        SEVERITY_OF_LEVEL.get(level, 0),
        tuple(sorted({match[1].upper() for match in matches if match})),
        rule.logsource.product,
        rule.logsource.category,
        rule.logsource.service,
        expression,
    )


def _expression(item: Any) -> Expression:
    if isinstance(item, ConditionAND):
        return And(tuple(_expression(argument) for argument in item.args))
    if isinstance(item, ConditionOR):
        return _or([_expression(argument) for argument in item.args])
    if isinstance(item, ConditionNOT):
        return Not(_expression(item.args[0]))
    if isinstance(item, ConditionFieldEqualsValueExpression):
        return _value(item.field, item.value)
    if isinstance(item, ConditionValueExpression):
        return _keyword(item.value)
    raise RuleUncompilable(f"A condition of type {type(item).__name__} cannot be run.")


def _or(items: list[Expression]) -> Expression:
    return items[0] if len(items) == 1 else Or(tuple(items))


def _value(field: str, value: Any) -> Expression:
    """One field's test. The order matters: pySigma's special strings and numbers are subclasses of the plain ones."""
    if isinstance(value, SigmaExpansion):
        return _or([_value(field, item) for item in value.values])
    if isinstance(value, SigmaString):
        return _string(field, value)
    if isinstance(value, SigmaTimestampPart):
        return Atom(field, Kind.TIME_PART, str(value.number), detail=value.timestamp_part.name.lower())
    if isinstance(value, SigmaNumber):
        return Atom(field, Kind.EXACT, str(value.number))
    if isinstance(value, SigmaBool):
        return Atom(field, Kind.EXACT, str(value.boolean).lower())
    if isinstance(value, SigmaRegularExpression):
        return _regular_expression(field, value)
    if isinstance(value, SigmaCIDRExpression):
        return Atom(field, Kind.NETWORK, str(value.network))
    if isinstance(value, SigmaCompareExpression):
        return Atom(field, Kind.COMPARISON, str(value.number.number), detail=value.op.name.lower())
    if isinstance(value, SigmaNull):
        return Atom(field, Kind.NULL)
    if isinstance(value, SigmaExists):
        exists = Atom(field, Kind.EXISTS)
        return exists if value else Not(exists)
    if isinstance(value, SigmaFieldReference):
        return Atom(field, Kind.FIELD_REFERENCE, value.field, cased=True, detail=_place(value))
    raise RuleUncompilable(f"A value of type {type(value).__name__} cannot be run.")


def _place(value: SigmaFieldReference) -> str:
    """Where the other field's value has to stand; pySigma says `contains` as an open start and an open end."""
    if value.starts_with and value.ends_with:
        return "contains"
    return "starts" if value.starts_with else "ends" if value.ends_with else ""


def _regular_expression(field: str, value: SigmaRegularExpression) -> Atom:
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    text = str(value.regexp)
    search_of(text, flags)
    return Atom(field, Kind.EXPRESSION, text, cased=True, detail=flags)


def _string(field: str, value: SigmaString) -> Atom:
    """A string with its wildcards as the simplest test that means the same."""
    cased = isinstance(value, SigmaCasedString)
    parts = _parts(value, cased)
    inner = parts[1 if parts and parts[0] is SpecialChars.WILDCARD_MULTI else 0 :]
    open_end = bool(inner) and inner[-1] is SpecialChars.WILDCARD_MULTI
    inner = inner[:-1] if open_end else inner
    open_start = len(parts) - len(inner) > int(open_end)
    if all(isinstance(part, str) for part in inner):
        kind = {
            (False, False): Kind.EXACT,
            (False, True): Kind.PREFIX,
            (True, False): Kind.SUFFIX,
            (True, True): Kind.CONTAINS,
        }[(open_start, open_end)]
        return Atom(field, kind, "".join(str(part) for part in inner), cased)
    return Atom(field, Kind.PATTERN, _pattern(parts), cased)


def _keyword(value: Any) -> Expression:
    """Text anywhere in the record."""
    if isinstance(value, SigmaExpansion):
        return _or([_keyword(item) for item in value.values])
    if isinstance(value, SigmaRegularExpression):
        return _regular_expression(KEYWORDS, value)
    if isinstance(value, SigmaNumber):
        return Atom(KEYWORDS, Kind.CONTAINS, str(value.number))
    if not isinstance(value, SigmaString):
        raise RuleUncompilable(f"A keyword of type {type(value).__name__} cannot be run.")
    cased = isinstance(value, SigmaCasedString)
    parts = _parts(value, cased)
    plain = [part for part in parts if isinstance(part, str)]
    if len(plain) == 1 and all(part is SpecialChars.WILDCARD_MULTI for part in parts if not isinstance(part, str)):
        return Atom(KEYWORDS, Kind.CONTAINS, plain[0], cased)
    flags = "s" if cased else "is"
    return Atom(KEYWORDS, Kind.EXPRESSION, _pattern(parts), cased=True, detail=flags)


def _parts(value: SigmaString, cased: bool) -> list[str | SpecialChars]:
    parts: list[str | SpecialChars] = []
    for part in value.s:
        if isinstance(part, str):
            parts.append(part if cased else part.lower())
        elif isinstance(part, SpecialChars):
            if not (part is SpecialChars.WILDCARD_MULTI and parts and parts[-1] is part):
                parts.append(part)
        else:
            raise RuleUncompilable(f"The placeholder %{part.name}% has no list of values.")
    return parts


def _pattern(parts: list[str | SpecialChars]) -> str:
    symbols = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(re.escape(part) if isinstance(part, str) else symbols[part] for part in parts)
