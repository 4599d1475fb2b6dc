"""Canonical JSON is RFC 8785 within the domain that Tenet allows, and refuses whatever lies outside."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical, decode, escape_surrogates

KEYS = st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.text()
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@given(DOCUMENTS)
def test_decoding_gives_the_value_back_and_encoding_again_the_same_bytes(value: Any) -> None:
    data = canonical(value)
    assert decode(data) == value
    assert canonical(decode(data)) == data


def test_the_strings_of_rfc_8785_are_written_as_the_rfc_prints_them() -> None:
    # RFC 8785, section 3.2.4: the string member of the example.
    text = '€$\u000f\nA\'B"\\\\"/'
    assert canonical({"string": text}) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    assert canonical({"b": [1, None, True], "a": {"d": 1, "c": -0}}) == b'{"a":{"c":0,"d":1},"b":[1,null,true]}'


@pytest.mark.parametrize(
    "value", [1.5, 2**53, -(2**53), {"é": 1}, {1: 2}, b"bytes", {"a": [0.0]}, "\ud800", float("nan")]
)
def test_what_has_no_canonical_form_is_refused_with_a_stable_reason(value: Any) -> None:
    with pytest.raises(NotCanonical) as refused:
        canonical(value)
    assert refused.value.reason == "NOT_CANONICAL"


def test_a_lone_surrogate_is_written_visibly_and_marked() -> None:
    assert escape_surrogates("a\ud800b") == ("a\\ud800b", True)
    assert escape_surrogates("plain é 😀") == ("plain é 😀", False)
