"""Expressions and wildcards whose time grows with the text alone, and that say what a backtracking search would."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detections.config import MAX_REGULAR_EXPRESSION_INPUT
from services.detections.domain.sigma.linear import Search, Wildcards

SOON_SECONDS = 5.0
"""Far more than a loaded machine takes, and far less than for ever."""
LONG = MAX_REGULAR_EXPRESSION_INPUT
SIGNS = {"*": ".*", "?": "."}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("(a|aa)+b$", "é" + "a" * 60),
        ("(a+)+$", "é" + "a" * 60 + "!"),
        (r"f(?:.*\)){1,}x", "éf" + "))" * (LONG // 2)),
        ("a.*b.*c", "é" + "ab" * (LONG // 2)),
    ],
)
def test_what_a_backtracking_search_would_try_for_ever_is_answered_soon(expression: str, text: str) -> None:
    started = time.monotonic()
    assert not Search(expression, 0)(text)
    assert time.monotonic() - started < SOON_SECONDS


def test_an_expression_that_neither_way_is_safe_for_is_refused() -> None:
    with pytest.raises(re.error, match="for ever"):
        Search(r"(a|aa)+\1b$", 0)
    # A few open ends are tried where only Python knows the expression.
    assert Search(r"(a).*\1", 0)("a and a")


@given(
    st.sampled_from(["a+b", "a.*b", "(?:ab|b)*c", r"\s\d{2,}", "^a.+b$", "[^a]+b", "é.*K"]),
    st.text("abcABé\nkK 12", max_size=12),
    st.sampled_from([0, re.IGNORECASE, re.MULTILINE, re.DOTALL]),
)
def test_both_ways_say_the_same(expression: str, text: str, flags: int) -> None:
    assert Search(expression, flags)(text) == (re.search(expression, text, flags) is not None)


@given(
    st.lists(st.sampled_from(["a", "B", "ab", ".", "\\", "*", "?", "é", "\n"]), max_size=6),
    st.text("abAB.\\é\n", max_size=8),
    st.sampled_from([re.DOTALL, re.DOTALL | re.IGNORECASE]),
)
def test_wildcards_are_met_as_an_expression_would(parts: list[str], text: str, flags: int) -> None:
    pattern = "".join(SIGNS.get(part) or re.escape(part) for part in parts)
    assert Wildcards(pattern, flags)(text) == (re.fullmatch(pattern, text, flags) is not None)


def test_wildcards_on_a_long_text_are_answered_soon() -> None:
    started = time.monotonic()
    assert not Wildcards(".*a.*b.*c.*", re.DOTALL)("ab" * 500_000)
    assert time.monotonic() - started < SOON_SECONDS
