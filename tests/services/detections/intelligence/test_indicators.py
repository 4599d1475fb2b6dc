"""Indicators without a service: patterns, life cycle, the set of a source, and the matcher against a plain reading."""

import ipaddress
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.labels import Label
from services.detections.config import (
    DECAY_SPEED,
    INDICATOR_LIVES,
    MAX_INDICATOR_EXPRESSIONS,
    MIN_LIVE_CONFIDENCE,
    UNKNOWN_CONFIDENCE,
)
from services.detections.domain.intelligence.content import read_content
from services.detections.domain.intelligence.indicators import (
    Clause,
    Comparison,
    Indicator,
    IndicatorSet,
    NotASet,
    decode,
    encode,
)
from services.detections.domain.intelligence.matcher import Matcher
from services.detections.domain.intelligence.observables import Observable, forms
from services.detections.domain.intelligence.patterns import clauses_of
from services.detections.domain.intelligence.refusals import Refusal, Refused
from tests.services.detections.intelligence.bundles import attribute, bundle, indicator, misp_event

NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
DAY = timedelta(days=1).total_seconds()


def made(*clauses: Clause, number: int = 0, **more: object) -> Indicator:
    said: dict[str, object] = {
        "indicator_id": f"indicator--{number}",
        "name": "",
        "clauses": clauses,
        "valid_from": NOW - DAY,
        "valid_until": NOW + 30 * DAY,
        "modified": NOW - DAY,
        "confidence": 90,
        "label": Label.AMBER,
        "techniques": (),
        "revoked": False,
        "sha256": "0" * 64,
        **more,
    }
    return Indicator(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "fields", "matches"),
    [
        ("[ipv4-addr:value = '203.0.113.5']", {"DestinationIp": "203.0.113.5"}, True),
        ("[ipv4-addr:value = '203.0.113.5']", {"x.client": "[::ffff:203.0.113.5]:443"}, True),
        ("[ipv4-addr:value = '203.0.113.5']", {"note": "at 203.0.113.5"}, False),
        ("[ipv4-addr:value = '203.0.113.0/24']", {"src_ip": "203.0.113.77"}, True),
        ("[ipv6-addr:value ISSUBSET '2001:db8::/32']", {"id.resp_h": "2001:DB8:0::1"}, True),
        ("[ipv6-addr:value ISSUBSET '2001:db8::/32']", {"id.resp_h": "2001:db9::1"}, False),
        ("[ipv6-addr:value = '::ffff:203.0.113.5']", {"src_ip": "203.0.113.5"}, True),
        ("[ipv6-addr:value = '::FFFF:CB00:7105']", {"src_ip": "203.0.113.5"}, True),
        ("[ipv4-addr:value = '203.0.113.5']", {"src_ip": "0:0:0:0:0:ffff:cb00:7105"}, True),
        ("[ipv4-addr:value = '203.0.113.5']", {"src_ip": "::ffff:203.0.113.5:443"}, True),
        ("[ipv4-addr:value = '203.0.113.5']", {"src_ip": "[::ffff:203.0.113.5]"}, True),
        ("[ipv6-addr:value = '::203.0.113.5']", {"src_ip": "203.0.113.5"}, False),
        ("[ipv6-addr:value = '::ffff:203.0.113.0/120']", {"src_ip": "203.0.113.77"}, True),
        ("[ipv6-addr:value ISSUBSET '::FFFF:203.0.113.9/120']", {"src_ip": "::ffff:203.0.113.77"}, True),
        ("[ipv4-addr:value = '203.0.113.0/24']", {"src_ip": "::FFFF:203.0.113.77"}, True),
        ("[ipv6-addr:value ISSUBSET '::ffff:203.0.113.0/120']", {"src_ip": "203.0.114.1"}, False),
        ("[ipv6-addr:value ISSUBSET '::/64']", {"src_ip": "203.0.113.77"}, False),
        ("[ipv6-addr:value ISSUBSET '::ffff:203.0.113.0/120' AND ipv6-addr:value = '::ffff:198.51.100.1']",
         {"src_ip": "203.0.113.5", "dst_ip": "198.51.100.1"}, True),
        ("[ipv6-addr:value = '2001:DB8::A:0:0:1']", {"src_ip": "2001:db8:0000:0:A::1"}, True),
        ("[ipv6-addr:value = '2001:db8::1']", {"src_ip": "2001:0DB8:0000:0000:0000:0000:0000:0001"}, True),
        ("[ipv6-addr:value = '2001:db8::1']", {"dst": "[2001:DB8:0::1]:443"}, True),
        ("[ipv6-addr:value = '2001:db8::1']", {"dst": "2001:db8:0:0:0:0:0:1:443"}, True),
        ("[ipv6-addr:value = 'fe80::1']", {"src_ip": "FE80::1%eth0"}, True),
        ("[ipv6-addr:value = 'fe80::1%2']", {"src_ip": "[fe80::1%eth0]:53"}, True),
        ("[ipv6-addr:value = '2001:DB8:0:0::/48']", {"src_ip": "2001:db8:0:ffff::9"}, True),
        ("[ipv6-addr:value = '2001:DB8:0:0::/48']", {"src_ip": "2001:db8:1::9"}, False),
        ("[ipv6-addr:value ISSUBSET '2001:db8::/127']", {"src_ip": ["x", "2001:DB8::1"]}, True),
        ("[url:value = 'http://[2001:DB8::0:1]:8080/A']", {"url": "HTTP://[2001:db8:0::1]:8080/A"}, True),
        ("[url:value = 'http://203.0.113.5/a']", {"url": "http://[::ffff:203.0.113.5]/a"}, True),
        ("[url:value = 'http://203.0.113.5/a']", {"url": "http://[::ffff:203.0.113.6]/a"}, False),
        ("[domain-name:value = 'Evil.Example']", {"QueryName": "evil.example."}, True),
        ("[domain-name:value LIKE '%.evil.example']", {"query": "a.b.evil.example"}, True),
        ("[domain-name:value LIKE '%.evil.example']", {"query": "a.b.evil.example.org"}, False),
        ("[url:value = 'HTTP://Evil.example/A?b=c']", {"url": "http://evil.example/A?b=c"}, True),
        ("[url:value = 'http://evil.example/A']", {"url": "http://evil.example/a"}, False),
        ("[url:value MATCHES '^https?://evil\\\\.']", {"url": "https://evil.example/x"}, True),
        ("[file:hashes.'SHA-1' = 'DA39A3EE5E6B4B0D3255BFEF95601890AFD80709']",
         {"Hashes": "MD5=0,SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709"}, True),
        ("[email-addr:value = 'A@evil.example']", {"sender": "a@Evil.example"}, True),
        ("[file:name = 'Evil.exe']", {"Image": r"C:\Users\x\evil.EXE"}, True),
        ("[file:name = 'evil.exe']", {"Description": "evil.exe"}, False),
        ("[process:command_line LIKE '%-enc %']", {"CommandLine": "powershell -ENC abc"}, True),
        ("[user-account:account_login = 'mallory']", {"TargetUserName": "CORP\\Mallory"}, True),
        ("[mutex:name = 'Global\\\\x']", {"Mutex": "Global\\x"}, True),
        ("[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\Software\\\\Evil']",
         {"TargetObject": r"HKLM\SOFTWARE\Evil\Run"}, True),
        ("[file:name IN ('a.exe', 'b.exe') AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
         {"Image": "C:\\b.exe", "Hashes": "MD5=D41D8CD98F00B204E9800998ECF8427E"}, True),
        ("[file:name IN ('a.exe', 'b.exe') AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
         {"Image": "C:\\c.exe", "Hashes": "MD5=D41D8CD98F00B204E9800998ECF8427E"}, False),
        ("[url:value = 'http://a.example/'] OR [domain-name:value = 'b.example']", {"host": ["x", "b.example"]}, True),
    ],
)  # fmt: skip
def test_a_pattern_finds_what_it_says(pattern: str, fields: dict[str, object], matches: bool) -> None:
    found = Matcher([made(*clauses_of(pattern))]).match(fields, NOW)
    assert bool(found) is matches


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", Refusal.PATTERN_UNREADABLE),
        ("[a:b = 'x'] AND [c:d = 'y']", Refusal.PATTERN_NOT_SIMPLE),
        ("[ipv4-addr:value = '203.0.113.5'] REPEATS 3 TIMES", Refusal.PATTERN_NOT_SIMPLE),
        ("[ipv4-addr:value = '203.0.113.500']", Refusal.VALUE_INVALID),
        ("[ipv4-addr:value = '0.0.0.0/0']", Refusal.VALUE_INVALID),
        ("[ipv6-addr:value = '::ffff:0:0/96']", Refusal.VALUE_INVALID),
        ("[ipv6-addr:value = '::ffff:203.0.113.0/129']", Refusal.VALUE_INVALID),
        ("[file:name LIKE '%']", Refusal.VALUE_INVALID),
        ("[file:name LIKE '%a%b%c%d%']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES '(x+x+)+y']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES '" + "a?" * 30 + "a" * 30 + "']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES '" + "(a|aa)" * 30 + "b']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES 'a{,500}a{1,500}a{500}a{,500}b']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES '" + r"\\\\*" * 3 + "b']", Refusal.EXPRESSION_TOO_COSTLY),
        ("[file:name MATCHES '(']", Refusal.PATTERN_UNREADABLE),
        ("[file:size = 5]", Refusal.VALUE_INVALID),
        ("[file:name NOT = 'x']", Refusal.OPERATOR_UNSUPPORTED),
        ("[file:name > 'x']", Refusal.OPERATOR_UNSUPPORTED),
        ("[" * 500 + "]" * 500, Refusal.PATTERN_UNREADABLE),
        ("x" * 5_000, Refusal.PATTERN_TOO_LARGE),
        ("[file:name IN (" + ", ".join(f"'{n}'" for n in range(65)) + ")]", Refusal.PATTERN_TOO_LARGE),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_run_is_named(pattern: str, reason: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        clauses_of(pattern)
    assert refused.value.reason is reason


@pytest.mark.parametrize("expression", ["^https?://(www[.])?a[0-9]{8}[.](php|asp)$", "[*+?|]{3}.*x+", "(?i)a(?:b|c)?"])
def test_an_expression_that_ends_soon_on_any_text_is_taken(expression: str) -> None:
    ((comparison,),) = clauses_of(f"[file:name MATCHES '{expression}']")
    assert comparison.value == expression


def test_a_key_as_deep_as_a_record_is_long_is_looked_at_from_its_hive_on() -> None:
    matcher = Matcher([made((Comparison(Observable.REGISTRY_KEY, "=", "hkey_local_machine\\software"),))])
    deep = "HKLM\\Software" + "\\a" * 400_000
    assert len(tuple(forms("targetobject", deep))) < 100
    assert [each.value for each in matcher.match({"TargetObject": deep}, NOW)] == ["hkey_local_machine\\software"]


def test_times_out_of_the_years_that_there_are_are_refused_and_no_indicator_ends_after_them() -> None:
    said = [
        indicator("[ipv4-addr:value = '203.0.113.5']", valid_from="0001-01-01T00:00:00+14:00"),
        indicator("[ipv4-addr:value = '203.0.113.6']", valid_until="9999-12-31T23:59:59-14:00"),
        indicator("[ipv4-addr:value = '203.0.113.7']", modified="9999-12-31T23:59:59Z", valid_until=None),
    ]
    _, gathered = read_content(bundle(*said), Label.AMBER)
    assert [reason for _, reason in gathered.refused] == [Refusal.TIMES_INVALID] * 2
    (last,) = gathered.content.indicators.values()
    assert datetime.fromtimestamp(last.end, UTC).year <= 9999


def test_confidence_decays_by_the_formula_and_an_indicator_ends_with_it() -> None:
    life = INDICATOR_LIVES["address"].total_seconds()
    address = ((Comparison(Observable.ADDRESS, "=", "203.0.113.5"),),)
    each = made(*address, valid_until=None, confidence=80)
    for part in (0.0, 0.25, 0.5, 0.81):
        expected = round(80 * (1 - part ** (1 / DECAY_SPEED)))
        assert each.confidence_at(each.begin + part * life) == expected
    assert each.live(each.end - 1)
    assert not each.live(each.end)
    assert each.confidence_at(each.end) == MIN_LIVE_CONFIDENCE
    unknown = made(*address, valid_until=None, confidence=None)
    assert unknown.confidence_at(unknown.begin) == UNKNOWN_CONFIDENCE
    assert not made(*address, valid_until=None, confidence=MIN_LIVE_CONFIDENCE).live(NOW)
    limited = made(*address, confidence=80)
    assert limited.live(NOW + 29 * DAY)
    assert limited.confidence_at(NOW + 30 * DAY) == 0
    assert not limited.live(NOW + 30 * DAY)
    assert not made(*address, revoked=True).live(NOW)
    assert not made(*address, valid_from=NOW + DAY).live(NOW)


def test_of_several_indicators_of_a_value_the_most_certain_one_counts() -> None:
    clause = (Comparison(Observable.DOMAIN, "=", "evil.example"),)
    several = [made(clause, number=number, confidence=confidence) for number, confidence in enumerate((40, 95, 60))]
    (match,) = Matcher(several).match({"query": "evil.example", "host": "evil.example"}, NOW)
    assert match.indicator.confidence == 95


def test_expressions_beyond_the_limit_are_named_and_not_matched() -> None:
    clauses = [
        (Comparison(Observable.DOMAIN, "like", f"%.e{number}.example"),)
        for number in range(MAX_INDICATOR_EXPRESSIONS + 2)
    ]
    matcher = Matcher([made(clause, number=number) for number, clause in enumerate(clauses)])
    assert [each.indicator_id for each in matcher.unmatched] == [
        f"indicator--{MAX_INDICATOR_EXPRESSIONS}",
        f"indicator--{MAX_INDICATOR_EXPRESSIONS + 1}",
    ]
    assert matcher.match({"query": "a.e7.example"}, NOW)


_ADDRESSES = st.ip_addresses(v=4, network="10.0.0.0/28").map(str)
_COMPARED = st.one_of(
    st.builds(Comparison, st.just(Observable.ADDRESS), st.just("="), _ADDRESSES),
    st.integers(28, 32).flatmap(
        lambda length: _ADDRESSES.map(
            lambda text: Comparison(
                Observable.ADDRESS, "in", str(ipaddress.ip_network(f"{text}/{length}", strict=False))
            )
        )
    ),
    st.builds(Comparison, st.just(Observable.FILE_NAME), st.just("="), st.sampled_from(["a.exe", "b.exe"])),
    st.builds(Comparison, st.just(Observable.FILE_NAME), st.just("like"), st.sampled_from(["a%", "%.exe", "b_exe"])),
)
_CLAUSES = st.lists(_COMPARED, min_size=1, max_size=2).map(tuple)
_RECORDS = st.fixed_dictionaries(
    {}, optional={"src_ip": _ADDRESSES, "Image": st.sampled_from(["c:\\a.exe", "b.exe", "c"])}
)


@given(st.lists(st.lists(_CLAUSES, min_size=1, max_size=2), max_size=6), st.lists(_RECORDS, max_size=4))
def test_the_matcher_finds_what_a_plain_reading_finds(
    patterns: list[list[Clause]], records: list[dict[str, str]]
) -> None:
    """One indicator of each value is shown, so each is asked for by itself; all together find one where any does."""
    indicators = [made(*clauses, number=number) for number, clauses in enumerate(patterns)]
    alone = [Matcher([each]) for each in indicators]
    together = Matcher(indicators)
    for record in records:
        expected = [any(all(_plainly(c, record) for c in clause) for clause in each.clauses) for each in indicators]
        assert [bool(matcher.match(record, NOW)) for matcher in alone] == expected
        assert bool(together.match(record, NOW)) == any(expected)
        assert together.match(record, NOW) == together.match(record, NOW)


def _plainly(comparison: Comparison, record: dict[str, str]) -> bool:
    if comparison.observable is Observable.ADDRESS:
        text = record.get("src_ip")
        if text is None:
            return False
        if comparison.operator == "=":
            return text == comparison.value
        return ipaddress.ip_address(text) in ipaddress.ip_network(comparison.value)
    names = {record["Image"], record["Image"].rpartition("\\")[2]} if "Image" in record else set()
    tests: dict[str, Callable[[str], bool]] = {
        "a%": lambda name: name.startswith("a"),
        "%.exe": lambda name: name.endswith(".exe"),
        "b_exe": lambda name: len(name) == 5 and name[0] == "b" and name.endswith("exe"),
    }
    test = tests.get(comparison.value)
    return any(name == comparison.value if test is None else test(name) for name in names)


def test_a_set_is_written_and_read_as_it_was_and_merges_by_version() -> None:
    clause = (Comparison(Observable.DOMAIN, "=", "evil.example"),)
    old, new = made(clause), made(clause, modified=NOW, revoked=True)
    first, second = IndicatorSet({old.indicator_id: old}), IndicatorSet({new.indicator_id: new})
    merged = first.merged(second)
    assert merged == second == second.merged(first)
    assert decode(encode(merged)) == merged
    assert encode(merged) == encode(decode(encode(merged)))
    with pytest.raises(NotASet):
        decode(b"nothing")
    assert not merged.without_old(NOW + DAY).indicators


_NAMES = [
    *("type", "id", "objects", "pattern", "modified", "object_marking_refs", "external_references", "source_ref"),
    *("Event", "Attribute", "Tag", "uuid", "to_ids", "value", "timestamp", "Object"),
]
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(_ANYTHING)
def test_content_of_any_shape_is_read_or_refused(value: object) -> None:
    whole = indicator("[url:value = 'http://a.example/']")
    pattern = {"type": "attack-pattern", "id": whole["id"].replace("indicator", "attack-pattern")}
    shaped: list[object] = [
        {"type": "bundle", "objects": [{**whole, "object_marking_refs": value}, value]},
        {"type": "bundle", "objects": [{**whole, "modified": value, "confidence": value}]},
        {"type": "bundle", "objects": [{**pattern, "name": value, "kill_chain_phases": value}]},
        {"type": "bundle", "objects": [{**pattern, "name": "x", "external_references": value}]},
        misp_event({**attribute("domain", "a.example"), "Tag": value, "timestamp": value}),
        {"Event": value},
        {"response": value},
    ]
    for content in shaped:
        read_content(json.dumps(content).encode(), Label.AMBER)


def test_two_relationships_that_name_each_other_end() -> None:
    each = indicator("[url:value = 'http://a.example/']")
    loop = {
        "type": "relationship",
        "relationship_type": "indicates",
        "source_ref": each["id"],
        "target_ref": each["id"],
    }
    content = bundle(each, {**loop, "id": each["id"].replace("indicator", "relationship")})
    assert len(read_content(content, Label.AMBER)[1].content.indicators) == 1


def test_a_set_that_was_kept_before_networks_had_one_form_still_matches() -> None:
    kept = made((Comparison(Observable.ADDRESS, "in", "::ffff:203.0.113.0/120"),))
    assert Matcher([kept]).match({"src_ip": "203.0.113.9"}, NOW)


def misp_set(*events: dict[str, object]) -> tuple[IndicatorSet, dict[str, float]]:
    _, gathered = read_content(json.dumps(list(events)).encode(), Label.AMBER)
    return gathered.content, gathered.events


def test_an_event_that_comes_anew_says_all_that_it_says() -> None:
    one, two = attribute("ip-dst", "198.51.100.1"), attribute("ip-dst", "198.51.100.2")
    other = misp_event(attribute("domain", "evil.example"), info="another")
    before, events = misp_set(misp_event(one, two), other)
    (changed, kept) = sorted(events, key=lambda uuid: uuid != misp_event()["Event"]["uuid"])
    after, _ = misp_set(misp_event(two))
    merged = before.without_events({changed: NOW}, None).merged(after)
    assert {each.clauses[0][0].value for each in merged.standing} == {"198.51.100.2", "evil.example"}
    assert decode(encode(merged)) == merged
    assert {each.event for each in merged.standing} == {changed, kept}
    # An older version of the event takes nothing away that came later.
    assert before.without_events({changed: 1.0}, None) == before
    # What is not published any more is over; what came in no event stays.
    loose = made((Comparison(Observable.DOMAIN, "=", "stays.example"),))
    left = IndicatorSet({**before.indicators, loose.indicator_id: loose}).without_events({}, frozenset({kept}))
    assert {each.clauses[0][0].value for each in left.standing} == {"evil.example", "stays.example"}
