"""The small language that rules compile to: atoms that look at one field, joined by and, or, not.

An atom's answer for a value depends on nothing but the value, so it can be remembered; only `FieldReference` compares
two fields of the same record.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from services.detections.config import MAX_REGULAR_EXPRESSION_INPUT
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.sigma.linear import Search, Wildcards

KEYWORDS = ""
"""The name under which a rule looks for keywords: all of the record's values."""


class Kind(Enum):
    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    PATTERN = "pattern"
    EXPRESSION = "expression"
    NETWORK = "network"
    COMPARISON = "comparison"
    TIME_PART = "time_part"
    NULL = "null"
    EXISTS = "exists"
    FIELD_REFERENCE = "field_reference"


@dataclass(frozen=True, slots=True)
class Atom:
    """One test of one field. `operand` is lower case unless `cased`; `detail`: which comparison, flags, time part."""

    field: str
    kind: Kind
    operand: str = ""
    cased: bool = False
    detail: str = ""

    @property
    def weak(self) -> bool:
        """Whether so many records pass the test that looking at it first saves nothing."""
        return (
            self.kind in (Kind.NULL, Kind.EXISTS, Kind.FIELD_REFERENCE, Kind.COMPARISON, Kind.TIME_PART)
            or self.field in ("EventID", "Channel", "Provider_Name", "eventSource", "EventType", "Initiated")
            or not self.operand
        )


@dataclass(frozen=True, slots=True)
class And:
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: "Expression"


Expression = Atom | And | Or | Not
Predicate = Callable[[str], bool]
_MAX_DIGITS = 64
_WHOLE = re.compile(rf"\s*[+-]?[0-9]{{1,{_MAX_DIGITS}}}\s*")
_DAY = re.compile(r"\s*\d{4}-\d\d-\d\d\s*")
_NAMED_CLASS = re.compile(r"\[:\^?[a-z]{3,8}:\]")


@lru_cache(maxsize=200_000)
def predicate_of(atom: Atom) -> Predicate:
    """The test of a value as text. NULL, EXISTS and FIELD_REFERENCE have none: the engine answers them per record."""
    operand = atom.operand
    match atom.kind:
        case Kind.EXACT:
            return _cased(atom, lambda value: value == operand)
        case Kind.PREFIX:
            return _cased(atom, lambda value: value.startswith(operand))
        case Kind.SUFFIX:
            return _cased(atom, lambda value: value.endswith(operand))
        case Kind.CONTAINS:
            return _cased(atom, lambda value: operand in value)
        case Kind.PATTERN:
            return Wildcards(operand, re.DOTALL if atom.cased else re.DOTALL | re.IGNORECASE)
        case Kind.EXPRESSION:
            search = search_of(operand, atom.detail)
            return lambda value: search(value[:MAX_REGULAR_EXPRESSION_INPUT])
        case Kind.NETWORK:
            return _in_network(operand)
        case Kind.COMPARISON:
            return _comparison(atom.detail, number_of(operand))
        case Kind.TIME_PART:
            return _time_part(atom.detail, int(operand))
        case Kind.NULL | Kind.EXISTS | Kind.FIELD_REFERENCE:
            raise ValueError(f"{atom.kind} is answered per record, not per value")


def search_of(text: str, flags: str) -> Search:
    """A rule's regular expression; flags are `i`, `m`, `s`. Raises re.error, also for one that might never end.

    Flags given for the whole expression in its middle are legal in PCRE; Python wants them in front.
    """
    if _NAMED_CLASS.search(text):
        # Python would read it as letters and colons, and the rule would silently mean something else.
        raise re.error("it uses a POSIX class such as [:alpha:], which the specification leaves out")
    inline = re.findall(r"\(\?([ims]+)\)", text)
    for group in inline:
        text = text.replace(f"(?{group})", "")
    value = 0
    for flag in flags + "".join(inline):
        value |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[flag]
    return Search(text, value)


def _cased(atom: Atom, test: Predicate) -> Predicate:
    return test if atom.cased else lambda value: test(value.lower())


def _in_network(operand: str) -> Predicate:
    network = ipaddress.ip_network(operand, strict=False)

    def test(value: str) -> bool:
        try:
            return ipaddress.ip_address(value.strip()) in network
        except ValueError:
            return False

    return test


def number_of(value: str) -> int | float | None:
    """A value as a number, decimal or `0x` hexadecimal; None when it is none. Whole numbers stay exact."""
    try:
        if _WHOLE.fullmatch(value):
            return int(value)
        return int(value, 16) if value[:2].lower() == "0x" else float(value)
    except (ValueError, OverflowError):
        return None


def _comparison(operator: str, limit: float | None) -> Predicate:
    def test(value: str) -> bool:
        number = number_of(value)
        if number is None or limit is None:
            return False
        return {
            "lt": number < limit,
            "lte": number <= limit,
            "gt": number > limit,
            "gte": number >= limit,
            "neq": number != limit,
        }[operator]

    return test


def _time_part(part: str, number: int) -> Predicate:
    def test(value: str) -> bool:
        moment = read_clock(f"{value.strip()} 00:00:00" if _DAY.fullmatch(value) else value)
        if moment is None:
            return False
        return (moment.isocalendar().week if part == "week" else getattr(moment, part)) == number

    return test
