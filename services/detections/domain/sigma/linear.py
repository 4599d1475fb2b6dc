"""Tests of a text whose time grows with the text alone, where a backtracking search might try for ever.

A group that repeats, and that can itself be read in more than one way, makes a backtracking search try every way of
dividing a text, and every open end multiplies by the text's length: one crafted value would hold the process. Such
expressions are searched by Hyperscan, which tries nothing twice. Wildcards need no search at all.
"""

import re
import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from re import _constants, _parser  # type: ignore[attr-defined]  # What `re` itself reads expressions with.
from typing import Any

import hyperscan

_FEW_TIMES = 8
"""A group that repeats so often at most is divided in few enough ways."""
_MAX_OPEN_ENDS = 3
"""So many open ends in one another's reach are borne where Hyperscan does not know an expression."""
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_WILDCARD = re.compile(r"((?:[^\\.]|\\.|\.(?!\*))*)\.\*", re.DOTALL)
"""Up to the next `.*` that is no escaped point."""


class Search:
    """Whether a text holds what an expression describes. `flags` are those of `re`.

    Raises re.error for what is no expression, and where neither way is safe.
    """

    def __init__(self, expression: str, flags: int) -> None:
        self._expression, self._flags = expression, flags
        self._tried = re.compile(expression, flags)
        parsed = list(_parser.parse(expression, flags))
        open_ends = _open_ends(parsed)
        self._risky = open_ends > 0 or _divides(parsed)
        if (open_ends > _MAX_OPEN_ENDS or _divides(parsed)) and self._linear is None:
            raise re.error("it may take for ever, and cannot be searched in another way")

    def __call__(self, text: str) -> bool:
        if self._risky and self._linear is not None:
            return self._linear(text)
        return self._tried.search(text) is not None

    @cached_property
    def _linear(self) -> Callable[[str], bool] | None:
        """Made when it is first needed, since that takes some milliseconds; None where Hyperscan does not know it."""
        try:
            return linear_search(self._expression, self._flags)
        except re.error:
            return None


class Wildcards:
    """Whether a text is of a pattern's form from end to end. `pattern` is an expression of escaped text, `.` and `.*`.

    What stands between two `.*` has one length, and so its first place is as good as any.
    """

    def __init__(self, pattern: str, flags: int) -> None:
        parts, end = [], 0
        for found in _WILDCARD.finditer(pattern):
            parts.append(found[1])
            end = found.end()
        first, *middle = [*parts, pattern[end:]]
        self._whole = re.compile(first, flags) if not middle else None
        self._first = re.compile(first, flags)
        self._middle = [re.compile(each, flags) for each in middle[:-1]]
        self._last = re.compile(rf"(?:{middle[-1]})\Z" if middle else "", flags)
        self._last_length = _length(middle[-1]) if middle else 0

    def __call__(self, text: str) -> bool:
        if self._whole is not None:
            return self._whole.fullmatch(text) is not None
        found = self._first.match(text)
        for part in self._middle:
            if found is None:
                return False
            found = part.search(text, found.end())
        if found is None:
            return False
        start = len(text) - self._last_length
        return start >= found.end() and self._last.match(text, start) is not None


def _length(pattern: str) -> int:
    """How many characters an expression of escaped text and `.` takes."""
    return int(_parser.parse(pattern).getwidth()[0])


def linear_search(expression: str, flags: int) -> Callable[[str], bool]:
    """Whether a text holds what the expression describes. Raises re.error where Hyperscan does not know it."""
    wanted = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
    wanted |= hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP
    for given, flag in (
        (re.IGNORECASE, hyperscan.HS_FLAG_CASELESS),
        (re.MULTILINE, hyperscan.HS_FLAG_MULTILINE),
        (re.DOTALL, hyperscan.HS_FLAG_DOTALL),
    ):
        wanted |= flag if flags & given else 0
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(expressions=[expression.encode()], ids=[0], flags=[wanted])
    except (hyperscan.error, UnicodeEncodeError) as error:
        raise re.error("it may take for ever, and cannot be searched in another way") from error
    turn = threading.Lock()  # A database has one scratch space.

    def found_in(text: str) -> bool:
        found: list[int] = []
        with turn:
            database.scan(text.encode(errors="replace"), match_event_handler=_take, context=found)
        return bool(found)

    return found_in


def _take(place: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(place)


def _divides(items: Iterable[Any]) -> bool:
    """Whether something that can be read in several ways repeats."""
    for operator, argument in items:
        if operator in _REPEATS and argument[1] > _FEW_TIMES and _varies(argument[2]):
            return True
        if any(_divides(body) for body in _bodies(operator, argument)):
            return True
    return False


def _varies(items: Iterable[Any]) -> bool:
    for operator, argument in items:
        if operator is _constants.BRANCH or (operator in _REPEATS and argument[0] != argument[1]):
            return True
        if any(_varies(body) for body in _bodies(operator, argument)):
            return True
    return False


def _open_ends(items: Iterable[Any]) -> int:
    ends = 0
    for operator, argument in items:
        ends += operator in _REPEATS and argument[1] is _constants.MAXREPEAT
        bodies = [_open_ends(body) for body in _bodies(operator, argument)]
        ends += max(bodies, default=0) if operator is _constants.BRANCH else sum(bodies)
    return ends


def _bodies(operator: Any, argument: Any) -> list[Any]:
    """The expressions within one."""
    if operator in _REPEATS:
        return [argument[2]]
    if operator is _constants.SUBPATTERN:
        return [argument[3]]
    if operator is _constants.BRANCH:
        return list(argument[1])
    if operator in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [argument[1]]
    if operator is _constants.GROUPREF_EXISTS:
        return [each for each in argument[1:] if each is not None]
    return []
