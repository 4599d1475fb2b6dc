"""Correlations over random late, repeated and boundary streams do what the brute force says, also across a restart."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.hits import Firing, Hit
from services.detections.domain.correlation.rules import MICROSECONDS, CompiledCorrelation, compile_correlation
from services.detections.domain.correlation.windows import LATENESS, Windows
from services.detections.domain.errors import RuleUncompilable
from tests.services.detections.correlation import oracle

RULES = ("base_a", "base_b", "base_c")


def document(**correlation: Any) -> dict[str, Any]:
    return {"title": "t", "correlation": {"rules": list(RULES), "group-by": ["user"], "timespan": "10m", **correlation}}


def compiled(**correlation: Any) -> CompiledCorrelation:
    return compile_correlation(document(**correlation), repr(correlation).encode(), {name: name for name in RULES}.get)


OPERATORS = st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"])
NUMBERS = st.sampled_from(["value_sum", "value_avg", "value_median", "value_percentile"])


@st.composite
def correlations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["event_count", "value_count", "temporal", "temporal_ordered", "number"]))
    rules = list(RULES[: draw(st.integers(1, 3))])
    rule: dict[str, Any] = {
        "rules": rules,
        "timespan": draw(st.sampled_from(["10m", "1h", "90m"])),
        "group-by": draw(st.sampled_from([["user"], ["user", "host"], ["who"]])),
        "aliases": {
            "who": {name: field for name, field in zip(RULES, ("user", "host", "user"), strict=True) if name in rules}
        },
    }
    if kind == "number":
        kind = draw(NUMBERS)
        rule["condition"] = {draw(OPERATORS): draw(st.integers(-3, 9)), "field": "number"}
        if kind == "value_percentile":
            rule["condition"]["percentile"] = draw(st.integers(1, 100))
    elif kind.startswith("temporal") and draw(st.booleans()):
        text = " {} ".join(draw(st.sampled_from(["", "not "])) + name for name in rules)
        rule["condition"] = text.format(*(draw(st.sampled_from(["and", "or"])) for _ in rules))
    else:
        rule["condition"] = {draw(OPERATORS): draw(st.integers(0, 4))}
        if kind == "value_count":
            rule["condition"]["field"] = "number"
    return {**rule, "type": kind}


@st.composite
def streams(draw: st.DrawFn) -> list[oracle.Hit]:
    """Hits at multiples of five minutes, so that many lie on a boundary; some come late, some twice."""
    made: list[oracle.Hit] = []
    for number in range(draw(st.integers(0, 24))):
        if made and draw(st.integers(0, 4)) == 0:
            made.append(draw(st.sampled_from(made)))
            continue
        at = draw(st.integers(0, 40)) * 300 + draw(st.sampled_from([0, 0, 1]))
        fields = {"user": draw(st.sampled_from("xxy")), "host": draw(st.sampled_from("xxz"))}
        if draw(st.integers(0, 7)):
            fields["number"] = draw(st.sampled_from(["1", "2", "2.5", "-4", "many"]))
        rule_id = draw(st.sampled_from(RULES))
        made.append((rule_id, f"r{number}", at, fields))
        if draw(st.integers(0, 5)) == 0:
            made.append((draw(st.sampled_from(RULES)), f"r{number}", at, fields))
    return made if draw(st.booleans()) else sorted(made, key=lambda hit: hit[2])


def as_hit(hit: oracle.Hit) -> Hit:
    rule_id, record, at, values = hit
    return Hit(rule_id, record.encode(), at * MICROSECONDS, values)


def told(firings: list[Firing]) -> set[tuple[Any, ...]]:
    return {
        (
            firing.group,
            firing.at // MICROSECONDS,
            tuple(sorted((hit.rule_id, hit.key.decode()) for hit in firing.hits)),
        )
        for firing in firings
        if firing.begins
    }


@settings(max_examples=400, deadline=None)
@given(correlations(), streams())
def test_every_hit_fires_exactly_what_the_brute_force_says(rule: dict[str, Any], stream: list[oracle.Hit]) -> None:
    correlation = compiled(**rule)
    windows, brute = Windows(correlation), oracle.Oracle(rule)
    for hit in (hit for hit in stream if hit[0] in rule["rules"]):
        windows.take(as_hit(hit))
        firings = windows.drain()
        begun, went_on = brute.take(hit)
        assert told(firings) == begun
        if not correlation.deferred:
            assert any(not firing.begins for firing in firings) == went_on
    satisfied = {
        (key if isinstance(key, tuple) else (key,), end // MICROSECONDS)
        for key, group in windows._groups.items()
        for end in group.satisfied
    }
    assert satisfied == brute.satisfied()


@settings(max_examples=200, deadline=None)
@given(correlations(), streams(), st.integers(1, 6))
def test_letting_go_of_what_has_left_every_window_changes_nothing(
    rule: dict[str, Any], stream: list[oracle.Hit], room: int
) -> None:
    brute = oracle.Oracle(rule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.detections.domain.correlation.windows.FIRST_ROOM", room)
        windows = Windows(compiled(**rule))
        for hit in (hit for hit in stream if hit[0] in rule["rules"]):
            windows.take(as_hit(hit))
            assert told(windows.drain()) == brute.take(hit)[0]


@settings(max_examples=100, deadline=None)
@given(st.lists(correlations(), min_size=1, max_size=3), streams(), st.integers(0, 24))
def test_a_restart_in_mid_window_changes_nothing(
    rules: list[dict[str, Any]], stream: list[oracle.Hit], cut: int
) -> None:
    correlated = [compiled(**rule) for rule in rules]
    hits = [as_hit(hit) for hit in stream]
    uninterrupted, before, after = (Correlator(correlated) for _ in range(3))
    whole = uninterrupted.take(hits)
    first = before.take(hits[:cut])
    after.take(hits[:cut])
    assert first + after.take(hits[cut:]) == whole


@settings(max_examples=100, deadline=None)
@given(correlations(), streams(), st.data())
def test_a_record_that_comes_again_changes_nothing(
    rule: dict[str, Any], stream: list[oracle.Hit], data: st.DataObject
) -> None:
    hits = [as_hit(hit) for hit in stream if hit[0] in rule["rules"]]
    once, twice = Correlator([compiled(**rule)]), Correlator([compiled(**rule)])
    fired = once.take(hits)
    again = []
    for number, hit in enumerate(hits):
        again += twice.take([hit])
        again += twice.take(data.draw(st.lists(st.sampled_from(hits[: number + 1]), max_size=2)))
    assert again == fired


def test_a_hit_counts_up_to_the_bound_of_lateness_and_not_a_microsecond_beyond() -> None:
    for behind, late in ((LATENESS, 0), (LATENESS + 1, 1)):
        windows = Windows(compiled(type="event_count", condition={"gte": 2}))
        for number, at in enumerate((LATENESS * 2, LATENESS * 2 - behind, LATENESS * 2 - behind)):
            windows.take(Hit("base_a", b"%d" % number, at, {"user": "x"}))
        assert windows.losses.late == 2 * late
        assert len(windows.drain()) == 1 - late


def many(count: int, *, key: str = "r", user: str = "x", step: int = 1) -> list[Hit]:
    return [
        Hit("base_a", f"{key}{number}".encode(), number * step * MICROSECONDS, {"user": user})
        for number in range(count)
    ]


def test_hits_that_crowd_a_group_are_dropped_oldest_first_and_counted() -> None:
    windows = Windows(compiled(type="event_count", condition={"gte": 90}, timespan="1h"), max_hits=100)
    for hit in many(1_000):
        windows.take(hit)
    assert any(firing.begins for firing in windows.drain())
    (group,) = windows._groups.values()
    assert len(group.times) <= 100
    assert windows.losses.crowded_out == 1_000 - len(group.times)
    for hit in many(10):
        windows.take(hit)
    assert windows.losses.late == 10


def test_what_one_stage_does_all_the_time_does_not_crowd_the_others_out() -> None:
    day = 24 * 60 * 60 * MICROSECONDS
    windows = Windows(compiled(type="temporal_ordered", timespan="30d"), max_hits=100)
    windows.take(Hit("base_a", b"first", 0, {"user": "x"}))
    for number in range(1_000):
        windows.take(Hit("base_b", b"b%d" % number, day + number * MICROSECONDS, {"user": "x"}))
    assert not windows.drain()
    windows.take(Hit("base_c", b"last", 30 * day, {"user": "x"}))
    (firing,) = windows.drain()
    assert (firing.hits[0].key, firing.hits[-1].key) == (b"first", b"last")
    (group,) = windows._groups.values()
    assert len(group.times) <= 100
    assert windows.losses.crowded_out == 1_002 - len(group.times)
    assert [len(times) for times in group.seen] == [len(keys) for keys in group.keys] == [1, len(group.times) - 2, 1]
    windows.take(Hit("base_b", b"b0", 30 * day - LATENESS, {"user": "x"}))
    windows.take(Hit("base_a", b"later", 30 * day - LATENESS, {"user": "x"}))
    assert windows.losses.late == 0


def test_room_that_a_correlation_takes_has_a_limit_over_all_groups() -> None:
    windows = Windows(compiled(type="event_count", condition={"gte": 2}, timespan="30d"), max_room=2_000)
    for number in range(20_000):
        windows.take(Hit("base_a", b"r%d" % number, number, {"user": str(number % 7 if number < 19_000 else number)}))
        assert sum(len(group.times) for group in windows._groups.values()) <= windows.room <= 2_000 + 32
    assert windows.room == sum(group.room for group in windows._groups.values())
    assert windows.losses.forgotten == 20_000 - sum(len(group.times) for group in windows._groups.values())


def test_groups_that_crowd_a_correlation_are_forgotten_and_counted() -> None:
    windows = Windows(compiled(type="event_count", condition={"gte": 2}), max_groups=100)
    for user in range(1_000):
        windows.take(Hit("base_a", b"r%d" % user, user, {"user": str(user)}))
    assert len(windows._groups) <= 100
    assert windows.losses.forgotten == 1_000 - len(windows._groups)


def test_a_long_stream_keeps_only_what_its_windows_can_still_use() -> None:
    windows = Windows(compiled(type="value_count", condition={"gte": 2, "field": "user"}, timespan="10m"))
    for hit in many(20_000, step=10):
        windows.take(hit)
    (group,) = windows._groups.values()
    assert len(group.times) * 10 * MICROSECONDS <= 2 * (LATENESS + windows.correlation.span) + 10 * MICROSECONDS
    assert (windows.losses.crowded_out, len(group.keys[0]), len(group.values)) == (0, *[len(group.times)] * 2)


def test_a_correlation_of_correlations_fires_once_all_below_have() -> None:
    below = compiled(type="event_count", rules=["base_a"], condition={"gte": 3})
    known = {**{name: name for name in RULES}, "guessing": below.rule_id}
    above = compile_correlation(
        document(type="temporal_ordered", rules=["guessing", "base_b"], timespan="30m"), b"above", known.get
    )
    correlator = Correlator([above, below])
    success = Hit("base_b", b"in", 300 * MICROSECONDS, {"user": "x"})
    fired = correlator.take([*many(4), success])
    assert [(firing.correlation.rule_id, firing.begins) for firing in fired] == [
        (below.rule_id, True),
        (below.rule_id, False),
        (above.rule_id, True),
    ]
    assert not Correlator([above, below]).take([*many(2), success])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rules": ["nobody"]}, "refers to nobody"),
        ({"rules": ["base_a", "base_a"]}, "same rule twice"),
        ({"timespan": "2y"}, "timespan"),
        ({"condition": {"gte": 20_000}}, "counts beyond"),
        ({"type": "value_percentile", "condition": {"gte": 1, "field": "number"}}, "which percentile"),
        ({"type": "value_sum", "condition": {"gte": 1, "field": ["a", "b"]}}, "over 2 fields"),
        ({"aliases": {"user": {"base_a": "u"}}}, "says nothing about base_b"),
    ],
)
def test_a_correlation_that_cannot_run_says_why(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleUncompilable, match=said):
        compiled(**{"type": "event_count", "condition": {"gte": 2}, **wrong})
