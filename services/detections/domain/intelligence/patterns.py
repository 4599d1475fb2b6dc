"""STIX patterns of one observation as clauses of comparisons.

Almost all patterns that are shared are one equation, which is read here; whatever else there is goes through the
grammar of the `stix2` library. AND and OR within an observation and OR between observations are written out; what needs
several observations, their order or their number is refused by name.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from antlr4.error.Errors import RecognitionException
from stix2.exceptions import STIXError
from stix2.pattern_visitor import create_pattern_object
from stix2.patterns import (
    AndBooleanExpression,
    ListConstant,
    ObservationExpression,
    OrBooleanExpression,
    OrObservationExpression,
    ParentheticalExpression,
    StringConstant,
    _ComparisonExpression,
)
from stix2patterns.exceptions import ParseException as PatternError

from services.detections.config import (
    MAX_CLAUSES_PER_INDICATOR,
    MAX_COMPARISONS_PER_CLAUSE,
    MAX_INDICATOR_EXPRESSION_INPUT,
    MAX_PATTERN_CHARACTERS,
)
from services.detections.domain.intelligence.indicators import Clause, Comparison
from services.detections.domain.intelligence.observables import Observable, canonical, network_of
from services.detections.domain.intelligence.refusals import Refusal, Refused

_SIMPLE = re.compile(r"\[\s*([a-zA-Z0-9-]+:[a-zA-Z0-9_.'-]+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*\]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PATHS: Mapping[str, Observable] = {
    "ipv4-addr:value": Observable.ADDRESS,
    "ipv6-addr:value": Observable.ADDRESS,
    "network-traffic:src_ref.value": Observable.ADDRESS,
    "network-traffic:dst_ref.value": Observable.ADDRESS,
    "domain-name:value": Observable.DOMAIN,
    "url:value": Observable.URL,
    "email-addr:value": Observable.EMAIL,
    "email-message:from_ref.value": Observable.EMAIL,
    "email-message:sender_ref.value": Observable.EMAIL,
    "file:name": Observable.FILE_NAME,
    "process:name": Observable.FILE_NAME,
    "process:image_ref.name": Observable.FILE_NAME,
    "process:command_line": Observable.COMMAND_LINE,
    "user-account:user_id": Observable.ACCOUNT,
    "user-account:account_login": Observable.ACCOUNT,
    "mutex:name": Observable.MUTEX,
    "windows-registry-key:key": Observable.REGISTRY_KEY,
}
_HASHES = "file:hashes."
_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What stands for one character whatever signs it is made of: an escape, a class."""
_GROUP_OPENING = re.compile(r"\(\?[a-zA-Z-]*[:)]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_OPEN_ENDS = re.compile(r"[*+]\??|\{\d*,\d*\}\??")
_CHOICES = re.compile(r"[?|]")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=|\(\?[=!<]")
_UNREADABLE = (
    STIXError,
    PatternError,
    RecognitionException,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
)
"""What the grammar raises for texts that are no patterns; not all of it is meant as an error of its own."""
_UNBOUNDED = 2
"""Open ends that an expression may have: with more, the time it takes grows too fast with the length of a text."""
_MOST_DOUBLINGS = 31
"""How often all that may double the ways to try a text may do so. An open end and the place where a match begins count
for as much as the longest text that is tried has of places."""


def clauses_of(pattern: str) -> tuple[Clause, ...]:
    """Alternatives, each a list of comparisons that one record has to pass all of. Raises Refused."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise Refused(Refusal.PATTERN_TOO_LARGE)
    simple = _SIMPLE.fullmatch(pattern.strip())
    if simple is not None:
        path, value = simple.groups()
        return ((_comparison(path, "=", _ESCAPED.sub(r"\1", value)),),)
    clauses = _alternatives(_parsed(pattern))
    return tuple(dict.fromkeys(clauses))


def comparison_of(observable: Observable, text: str) -> Comparison:
    """An equation; an address with a length of prefix is a network. Raises Refused."""
    if observable is Observable.ADDRESS and "/" in text:
        return Comparison(observable, "in", _network(text))
    value = canonical(observable, text)
    if value is None:
        raise Refused(Refusal.VALUE_INVALID)
    return Comparison(observable, "=", value)


def _parsed(pattern: str) -> Any:
    try:
        return create_pattern_object(pattern, version="2.1")
    except RecursionError as error:
        raise Refused(Refusal.PATTERN_TOO_LARGE) from error
    except _UNREADABLE as error:
        raise Refused(Refusal.PATTERN_UNREADABLE) from error


def _alternatives(node: Any) -> list[Clause]:
    match node:
        case ParentheticalExpression():
            return _alternatives(node.expression)
        case ObservationExpression():
            return _alternatives(node.operand)
        case OrObservationExpression() | OrBooleanExpression():
            return _bounded([clause for each in node.operands for clause in _alternatives(each)])
        case AndBooleanExpression():
            parts = [_alternatives(each) for each in node.operands]
            count = 1
            for part in parts:
                count *= len(part)
                if count > MAX_CLAUSES_PER_INDICATOR:
                    raise Refused(Refusal.PATTERN_TOO_LARGE)
            return [_joined(choice) for choice in product(*parts)]
        case _ComparisonExpression():
            return _bounded([(each,) for each in _compared(node)])
        case _:
            raise Refused(Refusal.PATTERN_NOT_SIMPLE)


def _joined(choice: Sequence[Clause]) -> Clause:
    clause = tuple(dict.fromkeys(each for part in choice for each in part))
    if len(clause) > MAX_COMPARISONS_PER_CLAUSE:
        raise Refused(Refusal.PATTERN_TOO_LARGE)
    return clause


def _bounded(clauses: list[Clause]) -> list[Clause]:
    if len(clauses) > MAX_CLAUSES_PER_INDICATOR:
        raise Refused(Refusal.PATTERN_TOO_LARGE)
    return clauses


def _compared(node: Any) -> list[Comparison]:
    if node.negated:
        raise Refused(Refusal.OPERATOR_UNSUPPORTED)
    constants = node.rhs.value if isinstance(node.rhs, ListConstant) else [node.rhs]
    if not constants or not all(isinstance(each, StringConstant) for each in constants):
        raise Refused(Refusal.VALUE_INVALID)
    operator = {"=": "=", "IN": "=", "LIKE": "like", "MATCHES": "matches", "ISSUBSET": "in"}.get(node.operator)
    if operator is None:
        raise Refused(Refusal.OPERATOR_UNSUPPORTED)
    path = f"{node.lhs.object_type_name}:{'.'.join(_step(each) for each in node.lhs.property_path)}"
    # The library leaves what is escaped as it is written.
    return [_comparison(path, operator, _ESCAPED.sub(r"\1", str(each.value))) for each in constants]


def _step(component: Any) -> str:
    """A property's name; a list's index makes the path one that is not known."""
    name = str(getattr(component, "property_name", ""))
    return name if not hasattr(component, "index") else f"{name}[{component.index}]"


def _comparison(path: str, operator: str, value: str) -> Comparison:
    observable = Observable.HASH if path.startswith(_HASHES) else _PATHS.get(path)
    if observable is None:
        raise Refused(Refusal.OBSERVABLE_UNSUPPORTED)
    if operator == "=":
        return comparison_of(observable, value)
    if operator == "in":
        if observable is not Observable.ADDRESS:
            raise Refused(Refusal.OPERATOR_UNSUPPORTED)
        return Comparison(observable, "in", _network(value))
    _check_expression(operator, value)
    return Comparison(observable, operator, value)


def _check_expression(operator: str, value: str) -> None:
    """Patterns come from outside: what could take long on a text that an attacker chooses is refused."""
    if not value.strip("%_.*^$"):
        raise Refused(Refusal.VALUE_INVALID)  # It would match everything.
    if operator == "like":
        if value.strip("%").count("%") > _UNBOUNDED:
            raise Refused(Refusal.EXPRESSION_TOO_COSTLY)
        return
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise Refused(Refusal.PATTERN_UNREADABLE) from error
    if _BACK_REFERENCE.search(value) or _too_costly(_GROUP_OPENING.sub("(", _ONE_CHARACTER.sub("x", value))):
        raise Refused(Refusal.EXPRESSION_TOO_COSTLY)


def _too_costly(plain: str) -> bool:
    """Of an expression whose characters are all letters or signs with a meaning."""
    closed, open_ends = _OPEN_ENDS.subn("", plain)
    anywhere = not plain.startswith(("^", "(^"))
    places = (MAX_INDICATOR_EXPRESSION_INPUT - 1).bit_length()
    doublings = (open_ends + anywhere) * places + len(_CHOICES.findall(closed))
    return _REPEATED_GROUP.search(plain) is not None or open_ends > _UNBOUNDED or doublings > _MOST_DOUBLINGS


def _network(text: str) -> str:
    network = network_of(text)
    if network is None or network.prefixlen == 0:
        raise Refused(Refusal.VALUE_INVALID)
    return network.compressed
