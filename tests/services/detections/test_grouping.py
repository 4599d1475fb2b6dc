"""Equal activity joins, different activity stays apart, and one batch stays within what one append can hold."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.detections import RuleRef
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import (
    ANOMALY_WINDOW,
    GROUP_WINDOW,
    MAX_EVIDENCE_PER_GROUP,
    MAX_RULE_ID_CHARACTERS,
)
from services.detections.domain.errors import BatchRaisesTooMuch
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
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


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("Wazuh: IDS event.", GROUP_WINDOW),
        ("Suricata: Alert - ET SCAN Possible Nmap User-Agent Observed", GROUP_WINDOW),
        ("AMiner: New event type.", ANOMALY_WINDOW),
    ],
)
def test_a_signature_is_one_group_of_a_day_and_an_anomaly_one_of_two_minutes(name: str, window: timedelta) -> None:
    keys = [_key_of_alert(name, after) for after in (timedelta(), window - timedelta(seconds=1), window)]
    assert keys[0] == keys[1] != keys[2]


def test_a_finding_in_ocsf_is_an_anomaly_if_no_rule_made_it() -> None:
    kinds = {"no type": "", "rule": 1, "behavioural": 2, "statistical": "3", "learning": 4, "keywords": 7, "odd": [2]}
    anomalies = {name for name, type_id in kinds.items() if _finding(type_id).is_anomaly}
    assert anomalies == {"behavioural", "statistical", "learning"}


def _key_of_alert(name: str, after: timedelta) -> str:
    """The key of the group of an alert that comes so long after midnight."""
    midnight = int(NOON.replace(hour=0).timestamp())
    line = f"{midnight + int(after.total_seconds())},{name},10.0.0.1,mail,X-Y-Z".encode()
    (one,) = BatchReading(line, Format.ALERT_CSV).records()
    assert one.alert is not None
    assert one.occurred_at is not None
    return Grouping(INDEX).add(one, fired_by_alert(one.alert), one.occurred_at)


def _finding(type_id: object) -> Alert:
    finding = {"title": "t", "analytic": {"uid": "a", "type_id": type_id}}
    value = {"class_uid": 2004, "metadata": {}, "time": 1, "finding_info": finding}
    (one,) = BatchReading(json.dumps(value).encode(), Format.OCSF).records()
    assert one.alert is not None
    return one.alert
