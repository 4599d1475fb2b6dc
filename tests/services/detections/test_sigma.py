"""Sigma's semantics, rule by rule, and the engine against a plain evaluation of the same rules."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detections.domain.errors import RulePackUnreadable, RuleUncompilable
from services.detections.domain.formats.records import Source
from services.detections.domain.sigma.compiler import CompiledRule, compile_rule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.evaluation import holds
from services.detections.domain.sigma.logsources import Route, route_of
from services.detections.domain.sigma.packs import compile_pack, pack_of
from tests.services.detections.records import SYSMON

ROUTE = Route("windows", frozenset({"process_creation"}), frozenset({"sysmon"}))

ONE = "s:\n    A: 'x'\ncondition: s"
FIRST, SECOND = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
WIDE = base64.b64encode("zab".encode("utf-16le")).decode()


def rule(detection: str, logsource: str = "category: process_creation", ident: str = "") -> bytes:
    body = "\n".join(f"    {line}" for line in detection.strip("\n").splitlines())
    head = f"id: {ident}\n" if ident else ""
    return f"title: t\n{head}logsource:\n    {logsource}\ndetection:\n{body}\nlevel: high\n".encode()


def matches(detection: str, fields: Mapping[str, Any]) -> bool:
    compiled = compile_rule(rule(detection))
    found = bool(Engine([compiled]).match(ROUTE, fields))
    assert found == holds(compiled.expression, fields), "the engine and a plain evaluation agree"
    return found


@pytest.mark.parametrize(
    ("detection", "fields", "expected"),
    [
        ("s:\n    A: 'x'\ncondition: s", {"A": "X"}, True),
        ("s:\n    A|cased: 'x'\ncondition: s", {"A": "X"}, False),
        ("s:\n    A: 'x'\ncondition: s", {"A": "xx"}, False),
        ("s:\n    A|contains: 'b'\ncondition: s", {"A": "aBc"}, True),
        ("s:\n    A|startswith: 'b'\ncondition: s", {"A": "abc"}, False),
        ("s:\n    A|endswith: '\\c.exe'\ncondition: s", {"A": "C:\\C.EXE"}, True),
        ("s:\n    A: 'a*c?e'\ncondition: s", {"A": "abbcde"}, True),
        ("s:\n    A: 'a\\*c'\ncondition: s", {"A": "abc"}, False),
        ("s:\n    A: 'a\\*c'\ncondition: s", {"A": "a*c"}, True),
        ("s:\n    A|contains|all:\n        - 'a'\n        - 'b'\ncondition: s", {"A": "xbxax"}, True),
        ("s:\n    A|contains|all:\n        - 'a'\n        - 'b'\ncondition: s", {"A": "a"}, False),
        ("s:\n    A|re: '^a+$'\ncondition: s", {"A": "aaa"}, True),
        ("s:\n    A|re: '^a+$'\ncondition: s", {"A": "AAA"}, False),
        ("s:\n    A|re|i: '^a+$'\ncondition: s", {"A": "AAA"}, True),
        ("s:\n    A|cidr: '10.0.0.0/8'\ncondition: s", {"A": "10.200.3.4"}, True),
        ("s:\n    A|cidr: '10.0.0.0/8'\ncondition: s", {"A": "11.0.0.1"}, False),
        ("s:\n    A|cidr: 'fe80::/10'\ncondition: s", {"A": "fe80::1"}, True),
        ("s:\n    A|contains|windash: ' -enc '\ncondition: s", {"A": "x /enc y"}, True),
        ("s:\n    A|contains|windash: ' -enc '\ncondition: s", {"A": "x \u2013enc y"}, True),
        ("s:\n    A|base64offset|contains: 'foobar'\ncondition: s", {"A": base64.b64encode(b"xfoobar").decode()}, True),
        (
            "s:\n    A|wide|base64offset|contains: 'ab'\ncondition: s",
            {"A": base64.b64encode("zab".encode("utf-16le")).decode()},
            True,
        ),
        ("s:\n    A|gt: 5\ncondition: s", {"A": "6"}, True),
        ("s:\n    A|lte: 5\ncondition: s", {"A": 5}, True),
        ("s:\n    A|gt: 5\ncondition: s", {"A": "many"}, False),
        ("s:\n    A: 5\ncondition: s", {"A": "5"}, True),
        ("s:\n    A: '5'\ncondition: s", {"A": 5}, True),
        ("s:\n    A: true\ncondition: s", {"A": "True"}, True),
        ("s:\n    A: 1\ncondition: s", {"A": True}, False),
        ("s:\n    A: null\ncondition: s", {"A": ""}, False),
        ("s:\n    A: ''\ncondition: s", {"A": ""}, True),
        ("s:\n    A: ''\ncondition: s", {}, False),
        ("s:\n    A: null\ncondition: s", {"B": "x"}, True),
        ("s:\n    A: null\ncondition: s", {"A": None}, True),
        ("s:\n    A|exists: true\ncondition: s", {"A": ""}, True),
        ("s:\n    A|exists: false\ncondition: s", {"B": ""}, True),
        ("s:\n    A: 'x'\ncondition: s", {"A": ["y", "X"]}, True),
        ("s:\n    A|neq: 'x'\ncondition: s", {"A": "y"}, True),
        ("s:\n    A|fieldref: B\ncondition: s", {"A": "x", "B": "X"}, True),
        ("s:\n    A|fieldref: B\ncondition: s", {"A": "x", "B": "y"}, False),
        ("s:\n    A|hour: 3\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, True),
        ("s:\n    A|minute: 10\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, True),
        ("s:\n    A|day: 24\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, True),
        ("s:\n    A|week: 48\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, True),
        ("s:\n    A|month: 11\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, True),
        ("s:\n    A|year: 2025\ncondition: s", {"A": "2026-11-24T03:10:00Z"}, False),
        ("s:\n    A|lt: 5\ncondition: s", {"A": "5"}, False),
        ("s:\n    A|gte: 5\ncondition: s", {"A": 5.0}, True),
        ("s:\n    A|re|m: '^b$'\ncondition: s", {"A": "a\nb\nc"}, True),
        ("s:\n    A|re|s: 'a.b'\ncondition: s", {"A": "a\nb"}, True),
        ("s:\n    A|re: 'a.b'\ncondition: s", {"A": "a\nb"}, False),
        ("s:\n    A|base64: 'foo'\ncondition: s", {"A": base64.b64encode(b"foo").decode()}, True),
        (
            "s:\n    A|utf16le|base64: 'foo'\ncondition: s",
            {"A": base64.b64encode("foo".encode("utf-16le")).decode()},
            True,
        ),
        (
            "s:\n    A|utf16be|base64: 'foo'\ncondition: s",
            {"A": base64.b64encode("foo".encode("utf-16be")).decode()},
            True,
        ),
        ("s:\n    A|utf16|base64: 'foo'\ncondition: s", {"A": base64.b64encode("foo".encode("utf-16")).decode()}, True),
        ("s:\n    A|fieldref|startswith: B\ncondition: s", {"A": "xyz", "B": "XY"}, True),
        ("s:\n    A|fieldref|endswith: B\ncondition: s", {"A": "xyz", "B": "XY"}, False),
        ("s:\n    A|fieldref|contains: B\ncondition: s", {"A": "xyz", "B": "Y"}, True),
        ("s:\n    A|fieldref|contains: B\ncondition: s", {"A": "xyz", "B": "q"}, False),
        ("s:\n    A|gt: 9007199254740992\ncondition: s", {"A": 9007199254740993}, True),
        ("s:\n    A|lt: 17\ncondition: s", {"A": "0x10"}, True),
        ("s:\n    A|year: 2026\ncondition: s", {"A": "2026-11-24"}, True),
        ("s:\n    A|contains|cased: 'B'\ncondition: s", {"A": "abc"}, False),
        ("s:\n    - 'needle'\n    - 'pin'\ncondition: s", {"B": "a NEEDLE in"}, True),
        ("s:\n    - 'needle'\ncondition: s", {"B": "hay"}, False),
        ("s:\n    '|all':\n        - 'one'\n        - 'two'\ncondition: s", {"B": "two", "C": "one"}, True),
        ("a1:\n    A: x\na2:\n    B: y\ncondition: 1 of a*", {"B": "y"}, True),
        ("a1:\n    A: x\na2:\n    B: y\ncondition: all of a*", {"B": "y"}, False),
        ("a1:\n    A: x\na2:\n    B: y\ncondition: all of them", {"A": "x", "B": "y"}, True),
        ("s:\n    A: x\nf:\n    B: y\ncondition: s and not f", {"A": "x", "B": "z"}, True),
        ("s:\n    A: x\nf:\n    B: y\ncondition: s and not f", {"A": "x", "B": "y"}, False),
        ("f:\n    B: y\ncondition: not f", {"A": "x"}, True),
        ("s:\n    - A: x\n      B: y\n    - C: z\ncondition: s", {"C": "z"}, True),
        ("s:\n    Field with spaces: x\ncondition: s", {"Field with spaces": "x"}, True),
        ("s:\n    A|re: 'a(?i)b'\ncondition: s", {"A": "AB"}, True),
    ],
)
def test_a_modifier_or_condition_means_what_the_specification_says(
    detection: str, fields: dict[str, Any], expected: bool
) -> None:
    assert matches(detection, fields) is expected


WORDS = st.sampled_from(["", "a", "A", "ab", "b", "ba", "10", "1", "x y"])
VALUES = st.one_of(WORDS, st.none(), st.integers(0, 11), st.booleans(), st.lists(WORDS, max_size=3))
FIELD = st.sampled_from("ABC")
MODIFIER = st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased"])
OPERAND = st.sampled_from(["a", "b", "ab", "1", "*b"])
CLAUSE = st.one_of(
    st.builds("{}{}: '{}'".format, FIELD, MODIFIER, OPERAND),
    st.builds("{}: null".format, FIELD),
    st.builds("{}|exists: {}".format, FIELD, st.sampled_from(["true", "false"])),
)
CONDITION = st.sampled_from(
    ["s0 and s1", "s0 or s1", "s0 and not s1", "not s0", "not (s0 or s1)", "1 of s*", "all of s*"]
)
RULES = st.lists(st.tuples(CLAUSE, CLAUSE, CONDITION), min_size=1, max_size=5)
RECORDS = st.lists(st.dictionaries(st.sampled_from("ABCD"), VALUES), max_size=6)


def numbered(number: int, one: str, two: str, condition: str) -> bytes:
    ident = f"00000000-0000-4000-8000-{number:012d}"
    return rule(f"s0:\n    {one}\ns1:\n    {two}\ncondition: {condition}", ident=ident)


@given(RULES, RECORDS)
def test_the_engine_and_a_plain_evaluation_agree_on_every_rule_and_record(
    rules: list[tuple[str, str, str]], records: list[dict[str, Any]]
) -> None:
    compiled = [compile_rule(numbered(number, *parts)) for number, parts in enumerate(rules)]
    engine = Engine(compiled)
    for fields in records * 2:  # The second time answers come from memory.
        wanted = [each.rule_id for each in compiled if holds(each.expression, fields)]
        assert [each.rule_id for each in engine.match(ROUTE, fields)] == wanted
        reordered = dict(reversed(fields.items())) | {"Irrelevant": "a"}
        assert [each.rule_id for each in engine.match(ROUTE, reordered)] == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"title: x\nlogsource: [", "YAML"),
        (b"\xff\xfe", "YAML"),
        (b"title: x\n", "Sigma"),
        (rule("s:\n    A|re: '(['\ncondition: s"), "regular expression"),
        (rule("s:\n    A|expand: '%names%'\ncondition: s"), "placeholder"),
        (rule("s:\n    A|re: '^[[:alpha:]]+$'\ncondition: s"), "POSIX"),
        (rule("s:\n    A: x\n    A: y\ncondition: s"), "duplicate"),
        (b"date: 2021-13-45\n" + rule("s:\n    A: x\ncondition: s"), "month"),
        (rule("s:\n    A: x\ncondition: missing"), "missing"),
        (b"title: c\ncorrelation:\n    type: event_count\n", "Correlations"),
    ],
)
def test_a_rule_that_cannot_run_says_why(text: bytes, why: str) -> None:
    with pytest.raises(RuleUncompilable, match=re.compile(why, re.IGNORECASE)):
        compile_rule(text)


def test_a_pack_names_every_rule_that_does_not_compile() -> None:
    good = rule("s:\n    A: x\ncondition: s", ident="11111111-1111-4111-8111-111111111111")
    pack = compile_pack(pack_of({"a/good.yml": good, "b/bad.yml": b"title: [", "c/twice.yaml": good, "LICENSE": b""}))
    assert [each.rule_id for each in pack.rules] == ["11111111-1111-4111-8111-111111111111"]
    assert [path for path, _ in pack.failed] == ["b/bad.yml", "c/twice.yaml"]


@pytest.mark.parametrize("companion", [b"", b"correlation: {}\n", b"filter: {}\n"])
def test_a_file_that_yaml_stumbles_over_costs_no_other_rule(companion: bytes) -> None:
    good = rule("s:\n    A: x\ncondition: s", ident=FIRST)
    for wrong in (b"date: 2021-13-45\n", b"x: 2001-01-01T25:00:00Z\n", b"x: " + b"9" * 5_000 + b"\n", b"? [a]\n: b\n"):
        pack = compile_pack(pack_of({"good.yml": good, "wrong.yml": wrong + b"title: t\n" + companion}))
        assert [each.rule_id for each in pack.rules] == [FIRST]
        assert [path for path, _ in pack.failed] == ["wrong.yml"]


def test_the_documents_of_a_file_may_have_a_comment_beside_what_parts_them() -> None:
    first, second = (rule("s:\n    A: x\ncondition: s", ident=ident) for ident in (FIRST, SECOND))
    pack = compile_pack(pack_of({"both.yml": b"--- # one\n" + first + b"--- # two\n" + second}))
    assert [each.rule_id for each in pack.rules] == [FIRST, SECOND]


def test_what_is_no_archive_is_no_pack() -> None:
    with pytest.raises(RulePackUnreadable):
        compile_pack(b"title: not a zip")


def test_a_rule_runs_only_on_its_log_source() -> None:
    compiled = compile_rule(rule("s:\n    A: x\ncondition: s", "product: windows\n    service: security"))
    engine = Engine([compiled])
    assert not engine.match(ROUTE, {"A": "x"})
    assert engine.match(Route("windows", services=frozenset({"security"})), {"A": "x"})


@pytest.mark.parametrize(
    ("channel", "event_id", "extra", "categories"),
    [
        (SYSMON, "1", {}, {"process_creation"}),
        ("Security", "4688", {}, {"process_creation"}),
        (SYSMON, "13", {}, {"registry_event", "registry_set"}),
        (
            "Microsoft-Windows-Sysmon/Operational",
            "12",
            {"EventType": "DeleteKey"},
            {"registry_event", "registry_delete"},
        ),
        ("Microsoft-Windows-PowerShell/Operational", "4104", {}, {"ps_script"}),
        ("Security", "4624", {}, set()),
    ],
)
def test_records_belong_to_the_categories_of_the_taxonomy(
    channel: str, event_id: str, extra: dict[str, str], categories: set[str]
) -> None:
    route = route_of(Source.WINDOWS, {"Channel": channel, "EventID": event_id, **extra})
    assert route is not None
    assert route.categories == categories


def test_a_changed_rule_runs_beside_what_the_engine_has_made_and_learnt_of_the_others() -> None:
    first, second = rule(ONE, ident=FIRST), rule("s:\n    B: 'x'\ncondition: s", ident=SECOND)
    before = compile_pack(pack_of({"a.yml": first, "b.yml": second}))
    engine = Engine(before.rules)
    both = {"A": "x", "B": "x"}
    assert names(engine.match(ROUTE, both)) == [FIRST, SECOND]
    known = {each.sha256: each for each in before.rules}
    changed = compile_pack(pack_of({"a.yml": first.replace(b"'x'", b"'y'"), "b.yml": second}), known.get)
    after = engine.replaced(changed.rules)
    assert after._base is engine._base
    assert names(after.match(ROUTE, both)) == [SECOND]
    assert names(after.match(ROUTE, {"A": "y", "B": "x"})) == [FIRST, SECOND]
    back = after.replaced(before.rules)
    assert names(back.match(ROUTE, both)) == [FIRST, SECOND]
    assert not after.replaced(()).match(ROUTE, both)


def names(rules: Sequence[CompiledRule]) -> list[str]:
    return [each.rule_id for each in rules]


@pytest.mark.parametrize(
    "pattern",
    [
        "^a+$",
        "(?i)AB",
        "a{,2}b",
        "[^a-z]Q",
        "\\bfoo\\b",
        "a.c",
        "^$",
        "\\d+",
        "k",
        "(?:a|b)*c",
    ],
)
@given(text=st.text("aAbBcCyxQfo 1:[\nK\u212a\u0130é", max_size=8))
def test_many_expressions_at_once_match_what_each_of_them_matches(pattern: str, text: str) -> None:
    """More than a few are scanned for together; every one of them has to mean what it means alone."""
    patterns = [pattern, *(f"z{number}z" for number in range(10))]
    rules = [
        compile_rule(rule(f"s:\n    A|re: '{each}'\ncondition: s", ident=f"{FIRST[:-2]}{i:02}"))
        for i, each in enumerate(patterns)
    ]
    matched = list(Engine(rules).match(ROUTE, {"A": text}))
    assert matched == [each for each in rules if holds(each.expression, {"A": text})]


@pytest.mark.parametrize("modifier", ["contains", "startswith", "endswith"])
@given(text=st.text("aAbBxéÉ\u0130ßẞ\\", max_size=10))
def test_many_literals_at_once_match_what_each_of_them_matches(modifier: str, text: str) -> None:
    literals = ["a", "ab", "é", "ß", "i", "ba", "x", "aa", "bb", "xx", "\u0131"]
    rules = [
        compile_rule(rule(f"s:\n    A|{modifier}: '{each}'\ncondition: s", ident=f"{FIRST[:-2]}{i:02}"))
        for i, each in enumerate(literals)
    ]
    matched = list(Engine(rules).match(ROUTE, {"A": text}))
    assert matched == [each for each in rules if holds(each.expression, {"A": text})]


@given(
    words=st.lists(
        st.sampled_from(["needle", "Kelvin", "x\\\\user", "über", 'a "quoted" part', "12345", "se\\ncond"]), max_size=2
    ),
    value=st.text('abcKk\u212a\\\\"/\n üneedl1', max_size=12),
    spelt=st.booleans(),
)
def test_keywords_are_found_however_json_writes_them(words: list[str], value: str, spelt: bool) -> None:
    """The text of the line is a short cut only: it must never hide what the fields hold."""
    keywords = ["needle", "kelvin", "\\\\user", "über", "quoted", "se", "part"]
    rules = [
        compile_rule(rule(f"s:\n    - '{word}'\ncondition: s", ident=f"{FIRST[:-2]}{place:02}"))
        for place, word in enumerate(keywords)
    ]
    fields = {"A": " ".join([value, *words]), "B": 12345}
    line = json.dumps(fields, ensure_ascii=spelt).encode()
    assert json.loads(line) == fields
    for some in (rules, rules[:2], rules[4:5]):
        wanted = [each for each in some if holds(each.expression, fields)]
        assert list(Engine(some).match(ROUTE, fields, line)) == wanted


def test_a_letter_written_as_an_escape_is_still_a_letter() -> None:
    needle = compile_rule(rule("s:\n    - 'needle'\ncondition: s"))
    for text in (b"n\\u0065edle", b"n\\u0045EDLE", b"c:\\\\n\\u0065edle"):
        line = b'{"A": "%s"}' % text
        assert Engine([needle]).match(ROUTE, json.loads(line), line) == [needle]
    harmless = b'{"A": "c:\\\\users\\\\n"}'
    assert not Engine([needle]).match(ROUTE, json.loads(harmless), harmless)


def test_a_plan_of_one_event_id_runs_only_what_may_match_it() -> None:
    four = compile_rule(rule("s:\n    EventID: 4\n    A: x\ncondition: s", ident=FIRST))
    other = compile_rule(rule("s:\n    A: x\nf:\n    EventID: [5, 6]\ncondition: s and not f", ident=SECOND))
    engine = Engine([four, other])
    assert names(engine.match(ROUTE, {"EventID": "4", "A": "x"})) == [FIRST, SECOND]
    assert names(engine.match(ROUTE, {"EventID": 4, "A": "x"})) == [FIRST, SECOND]
    assert names(engine.match(ROUTE, {"EventID": ["4", "5"], "A": "x"})) == [FIRST]
    assert names(engine.match(ROUTE, {"EventID": "5", "A": "x"})) == []
    assert names(engine.match(ROUTE, {"EventID": "7", "A": "x"})) == [SECOND]
    assert names(engine.match(ROUTE, {"A": "x"})) == [SECOND]


def test_a_truth_and_the_number_one_are_remembered_apart() -> None:
    truth = compile_rule(rule("s:\n    A: true\ncondition: s", ident=FIRST))
    one = compile_rule(rule("s:\n    A: 1\ncondition: s", ident=SECOND))
    engine = Engine([truth, one])
    for _ in range(2):
        assert names(engine.match(ROUTE, {"A": 1})) == [SECOND]
        assert names(engine.match(ROUTE, {"A": True})) == [FIRST]
        assert names(engine.match(ROUTE, {"A": 1.0})) == []
        assert names(engine.match(ROUTE, {"A": "1"})) == [SECOND]


def test_placeholders_are_expanded_from_the_lists_that_the_pack_brings() -> None:
    text = rule("s:\n    A|expand: '%admins%'\n    B|contains|expand: 'x%hosts%'\ncondition: s", ident=FIRST)
    missing = compile_pack(pack_of({"a.yml": text, "lists/placeholders.yml": b"admins: [root]"}))
    assert [path for path, _ in missing.failed] == ["a.yml"]
    pack = compile_pack(pack_of({"a.yml": text, "lists/placeholders.yml": b"admins: [root, 'adm*']\nhosts: [1, b]"}))
    (found,) = pack.rules
    engine = Engine(pack.rules)
    assert engine.match(ROUTE, {"A": "Admiral", "B": "..xb"})
    assert not engine.match(ROUTE, {"A": "user", "B": "..xb"})
    other = compile_pack(pack_of({"a.yml": text, "placeholders.yml": b"admins: [boss]\nhosts: [1]"}), {}.get)
    assert other.rules[0].sha256 != found.sha256, "other lists are another rule"
    assert engine.replaced(other.rules).match(ROUTE, {"A": "boss", "B": "x1"})
    broken = compile_pack(pack_of({"placeholders.yml": b"admins: root"}))
    assert [path for path, _ in broken.failed] == ["placeholders.yml"]


FILTER = b"""
title: Not on the build servers
id: 00000000-0000-4000-8000-0000000000ff
logsource:
    category: process_creation
filter:
    rules: [%s]
    build:
        Computer|startswith: build-
    condition: not build
"""


def test_a_filter_leaves_something_out_of_the_rules_that_it_names() -> None:
    texts = {"a.yml": rule(ONE, ident=FIRST), "b.yml": rule(ONE, ident=SECOND)}
    plain = compile_pack(pack_of(texts))
    filtered = compile_pack(pack_of(texts | {"filters/f.yml": FILTER % FIRST.encode()}))
    assert not filtered.failed
    engine = Engine(filtered.rules)
    assert names(engine.match(ROUTE, {"A": "x", "Computer": "desk-1"})) == [FIRST, SECOND]
    assert names(engine.match(ROUTE, {"A": "x", "Computer": "BUILD-1"})) == [SECOND]
    assert [one.sha256 == other.sha256 for one, other in zip(plain.rules, filtered.rules, strict=True)] == [False, True]
    after = Engine(plain.rules).replaced(filtered.rules)
    assert names(after.match(ROUTE, {"A": "x", "Computer": "build-1"})) == [SECOND]
    broken = compile_pack(pack_of(texts | {"f.yml": FILTER.replace(b"    rules: [%s]\n", b"")}))
    assert [path for path, _ in broken.failed] == ["f.yml"]
