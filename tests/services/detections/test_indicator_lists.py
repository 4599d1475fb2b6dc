"""Lists of indicators as people write them: each line is understood for what it is, or named as not understood."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.detections import RuleKind, RuleRef
from services.detections.domain.errors import IndicatorListUnreadable
from services.detections.domain.formats.records import Record, Source
from services.detections.domain.grouping import Fired
from services.detections.domain.intelligence import lists
from services.detections.domain.intelligence.lists import ListMatcher, read_list


def said(text: str) -> list[tuple[str, str, str]]:
    return [(each.observable.value, each.operator, each.value) for each in read_list(text)]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("203.0.113.9", ("address", "=", "203.0.113.9")),
        ("203[.]0[.]113[.]9", ("address", "=", "203.0.113.9")),
        ("::ffff:203.0.113.9", ("address", "=", "203.0.113.9")),
        ("2001:DB8::1", ("address", "=", "2001:db8::1")),
        ("198.51.100.7/24", ("address", "in", "198.51.100.0/24")),
        ("2001:db8::/32", ("address", "in", "2001:db8::/32")),
        ("Evil.Example.", ("domain", "=", "evil.example")),
        ("evil[.]example", ("domain", "=", "evil.example")),
        ("bücher.example", ("domain", "=", "xn--bcher-kva.example")),
        ("hxxps://Evil.example/A?b", ("url", "=", "https://evil.example/A?b")),
        ("D41D8CD98F00B204E9800998ECF8427E", ("hash", "=", "d41d8cd98f00b204e9800998ecf8427e")),
        ("Someone[@]evil.example", ("email", "=", "someone@evil.example")),
        ("Mimikatz.EXE", ("file_name", "=", "mimikatz.exe")),
        ("domain,setup.exe", ("domain", "=", "setup.exe")),
        ('file_name,"a,b.txt"', ("file_name", "=", "a,b.txt")),
        ("file, notes", ("file_name", "=", "notes")),
        ("cidr,::FFFF:203.0.113.9/120", ("address", "in", "203.0.113.0/24")),
        ("2001:DB8:0:0::/48", ("address", "in", "2001:db8::/48")),
        ("sha1,da39a3ee5e6b4b0d3255bfef95601890afd80709", ("hash", "=", "da39a3ee5e6b4b0d3255bfef95601890afd80709")),
    ],
)
def test_a_line_is_understood_for_what_it_is(line: str, meant: tuple[str, str, str]) -> None:
    assert said(line) == [meant]


def test_comments_blanks_a_header_and_repeats_say_nothing_more() -> None:
    assert said("\ufeff# ours\n\nkind,value\nip,203.0.113.9\n203.0.113.9\r\n  evil.example  \n") == [
        ("address", "=", "203.0.113.9"),
        ("domain", "=", "evil.example"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("203.0.113.9\nnothing at all\n", "line 2"),
        ("203.0.113.999", "line 1"),
        ("mimikatz", "line 1"),
        ("ip,evil.example", "this is no address"),
        ("cidr,203.0.113.9/99", "CIDR"),
        ("md5,abc", "this is no hash"),
        ("file_name,C:\\a\\b.exe", "this is no file name"),
        ("md5,a,b", "kind,value"),
        ("domain,", "a value has"),
        ('file,"unclosed', "line 1"),
        ("x" * 3_000, "a value has"),
        ("", "no indicator"),
        ("\n".join(["?"] * 15), "and 5 more"),
    ],
)
def test_a_line_that_is_not_understood_is_named(text: str, told: str) -> None:
    with pytest.raises(IndicatorListUnreadable) as refusal:
        read_list(text)
    assert told in refusal.value.message


def test_a_list_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_INDICATORS_PER_LIST", 2)
    with pytest.raises(IndicatorListUnreadable):
        read_list("10.0.0.1\n10.0.0.2\n10.0.0.3")
    monkeypatch.setattr(lists, "MAX_INDICATOR_LIST_BYTES", 10)
    with pytest.raises(IndicatorListUnreadable):
        read_list("10.0.0.1\n10.0.0.2")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(IndicatorListUnreadable):
        assert read_list(text)


def test_a_matcher_says_which_indicator_it_was_and_what_it_found() -> None:
    comparisons = read_list("10.9.0.0/16\nevil.example")
    fired = [
        Fired(RuleRef(rule_id=str(n), title="t", sha256="", pack_sha256="", level=""), 0, (), RuleKind.INDICATOR)
        for n in range(2)
    ]
    ask = ListMatcher(tuple(zip(comparisons, fired, strict=True))).opened()
    record = Record(0, Source.WINDOWS, None, "h", "", b"", {"DestinationIp": "10.9.8.7", "QueryName": "EVIL.example"})
    assert [(each.fired.rule.rule_id, each.observed) for each in ask(record)] == [
        ("0", "indicator: address 10.9.8.7"),
        ("1", "indicator: domain evil.example"),
    ]
    assert not ask(Record(0, Source.WINDOWS, None, "h", "", b"", {"DestinationIp": "10.8.8.7"}))
