"""What people type is understood, or refused with what would be."""

from datetime import UTC, datetime, timedelta

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as detections

from infra.cli.problems import UsageProblem
from infra.cli.words import label, label_name, moment, sealed, time_of, timestamp, value_of, value_or_none, word, words


def test_the_words_of_an_enumeration_go_both_ways() -> None:
    for enum in (common.Verdict, common.Role, detections.TriageState):
        for text in words(enum):
            assert word(enum, value_of(enum, text, what="word")) == text
    assert value_of(common.Verdict, "False-Positive", what="verdict") == common.VERDICT_FALSE_POSITIVE
    assert value_or_none(common.Verdict, "", what="verdict") is None
    assert word(common.Verdict, 0) == ""
    assert word(common.Verdict, 99) == "99", "a newer server's value is shown as it is"


def test_an_unknown_word_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageProblem, match="'evil' is no verdict") as caught:
        value_of(common.Verdict, "evil", what="verdict")
    assert "malicious" in caught.value.hint


@pytest.mark.parametrize("text", ["amber+strict", "AMBER+STRICT", "TLP:AMBER+STRICT", "amber_strict"])
def test_a_label_is_understood_as_people_write_it(text: str) -> None:
    assert label(text) == common.LABEL_AMBER_STRICT
    assert label_name(label(text)) == "TLP:AMBER+STRICT"


def test_a_time_is_a_span_from_now_or_has_an_offset() -> None:
    at = moment("4h").ToDatetime(UTC)
    assert abs(at - datetime.now(UTC) - timedelta(hours=4)) < timedelta(minutes=1)
    assert moment("2026-12-01T08:00:00+01:00").ToDatetime(UTC) == datetime(2026, 12, 1, 7, tzinfo=UTC)
    for wrong in ("tomorrow", "2026-12-01T08:00:00", "4 h"):
        with pytest.raises(UsageProblem, match="is no time"):
            moment(wrong)


def test_a_time_is_shown_in_utc_and_a_missing_one_not_at_all() -> None:
    assert time_of(timestamp(datetime(2026, 11, 24, 6, 31, 7, tzinfo=UTC))) == "2026-11-24 06:31:07Z"
    assert time_of(timestamp(datetime(1970, 1, 1, tzinfo=UTC))) == ""


def test_a_sealed_text_says_why_it_is_empty() -> None:
    assert sealed(common.SealedText(value="ward-ws-01")) == "ward-ws-01"
    assert sealed(common.SealedText(erased=True)) == "(erased)"
    assert sealed(common.SealedText(withheld=True)) == "(withheld)"
