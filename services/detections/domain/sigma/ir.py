"""Compiled rules as JSON, so that a rule that was compiled once need not be parsed again.

An atom is the list of its parts; `["&", …]`, `["|", …]` and `["!", x]` are the connectives.
"""

from importlib.metadata import version
from typing import Any

import orjson

from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.expressions import And, Atom, Expression, Kind, Not, Or

_VERSION = 2
"""Goes up when the same rule text would compile to something else, or is written in another way."""
_COMPILED_BY = f"rule-{_VERSION}-{version('pysigma')}"
_KINDS = {kind.value: kind for kind in Kind}


class NotARule(ValueError):
    """These bytes are not what `encode` writes."""


def key_of(sha256: str) -> str:
    """Under which a rule's compiled form is kept: by its text and by what compiles it."""
    return f"{_COMPILED_BY}-{sha256}"


def encode(rule: CompiledRule) -> bytes:
    return orjson.dumps(
        [
            rule.rule_id,
            rule.title,
            rule.sha256,
            rule.level,
            rule.severity_id,
            rule.techniques,
            rule.product,
            rule.category,
            rule.service,
            _written(rule.expression),
        ]
    )


def decode(data: bytes) -> CompiledRule:
    """Raises NotARule."""
    try:
        *plain, expression = orjson.loads(data)
        rule_id, title, sha256, level, severity_id, techniques, product, category, service = plain
        return CompiledRule(
            rule_id,
            title,
            sha256,
            level,
            severity_id,
            tuple(techniques),
            product,
            category,
            service,
            _read(expression),
        )
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise NotARule(str(error)) from error


def _written(expression: Expression) -> list[Any]:
    match expression:
        case Atom(field, kind, operand, cased, detail):
            return [kind.value, field, operand, cased, detail]
        case And(items):
            return ["&", *(_written(item) for item in items)]
        case Or(items):
            return ["|", *(_written(item) for item in items)]
        case Not(item):
            return ["!", _written(item)]


def _read(value: list[Any]) -> Expression:
    kind = value[0]
    if kind == "&":
        return And(tuple([_read(item) for item in value[1:]]))
    if kind == "|":
        return Or(tuple([_read(item) for item in value[1:]]))
    if kind == "!":
        return Not(_read(value[1]))
    _, field, operand, cased, detail = value
    return Atom(field, _KINDS[kind], operand, cased, detail)
