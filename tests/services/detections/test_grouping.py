"""Equal activity joins, different activity stays apart, and one batch stays within what one append can hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.detections import RuleRef
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import MAX_EVIDENCE_PER_GROUP, MAX_RULE_ID_CHARACTERS
from services.detections.domain.errors import BatchRaisesTooMuch
from services.detections.domain.formats.records import Alert, Record, Source
from services.detections.domain.grouping import Fired, Grouping
from services.detections.domain.signatures import fired_by_alert

INDEX = TenantIndex(b"k" * 32)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fired(rule_id: str) -> Fired:
    return Fired(RuleRef(rule_id=rule_id, title="t", sha256="", pack_sha256="", level="high"), 4, ())


def record(offset: int, host: str, account: str, source: str, text: str = "") -> Record:
    fields = {"Channel": "Security", "TargetUserName": account, "CommandLine": text}
    alert = Alert("r", "t", 3, (), source, "10.0.0.1") if source else None
    return Record(offset, Source.WINDOWS, NOON, host, "", b"", fields, alert)


ACTIVITY = st.tuples(
    st.sampled_from(["rule-1", "rule-2"]),
    st.sampled_from(["A", "a.", "B", "A.example"]),
    st.sampled_from(["alice", "ALICE", "bob", "-"]),
    st.sampled_from(["", "1.2.3.4", "::ffff:1.2.3.4", "5.6.7.8"]),
    st.integers(0, 3),
)


def identity(rule_id: str, host: str, account: str, source: str, half_days: int) -> tuple[object, ...]:
    """What a person would call the same: names without case and final dot, addresses however written, one day."""
    day = (NOON + timedelta(hours=12 * half_days)).date()
    return rule_id, host.lower().rstrip("."), account.lower().strip("-"), source.removeprefix("::ffff:"), day


@given(st.lists(ACTIVITY, max_size=30))
def test_groups_are_exactly_what_a_person_would_keep_apart(activities: list[tuple[str, str, str, str, int]]) -> None:
    grouping = Grouping(INDEX)
    for offset, (rule_id, host, account, source, half_days) in enumerate(activities):
        moment = NOON + timedelta(hours=12 * half_days)
        grouping.add(record(offset, host, account, source), fired(rule_id), moment)
    assert len(grouping) == len({identity(*activity) for activity in activities})
    assert sum(group.count for group in grouping) == len(activities)
    assert all(1 <= len(group.samples) <= MAX_EVIDENCE_PER_GROUP for group in grouping)
    assert all(group.first <= group.last < group.first + timedelta(days=1) for group in grouping)


def test_ten_thousand_repeats_are_one_group_with_a_count() -> None:
    grouping = Grouping(INDEX)
    for offset in range(10_000):
        grouping.add(record(offset, "A", "alice", ""), fired("r"), NOON)
    (group,) = grouping
    assert (group.count, len(group.samples)) == (10_000, MAX_EVIDENCE_PER_GROUP)


def test_the_same_activity_has_another_key_for_another_tenant() -> None:
    keys = set()
    for index in (INDEX, TenantIndex(b"l" * 32)):
        grouping = Grouping(index)
        grouping.add(record(0, "A", "alice", ""), fired("r"), NOON)
        keys |= {group.key for group in grouping}
    assert len(keys) == 2


def test_more_words_than_one_append_can_hold_are_refused() -> None:
    grouping = Grouping(INDEX)
    with pytest.raises(BatchRaisesTooMuch):
        for offset in range(1_900):
            grouping.add(record(offset, f"H{offset}", "", "", "\u4e00" * 4_000), fired("r"), NOON)


def test_an_overlong_signature_is_cut_and_still_told_apart() -> None:
    one, two = (fired_by_alert(Alert("wazuh:" + "9" * 500 + tail, "t", 3)).rule.rule_id for tail in "ab")
    assert one != two
    assert len(one) == len(two) == MAX_RULE_ID_CHARACTERS
