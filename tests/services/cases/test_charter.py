"""What a charter's text may not say, and the place that each refusal names."""

import pytest

from contracts.events.assets import AssetClass
from services.cases.domain.charter import Charter, charter_digest, read_charter
from services.cases.domain.charter_check import contradictions
from services.cases.domain.errors import CharterInvalid
from services.cases.domain.windows import is_open, next_opening
from tests.services.cases.charters import text_of
from tests.services.cases.world import START

BASE = text_of("clinic")


def places(text: str) -> dict[str, str]:
    """The violations of a text by their places, whichever check finds them."""
    try:
        found = contradictions(read_charter(text), ("edr", "idp"))
    except CharterInvalid as error:
        found = error.violations
    return {violation.field: violation.description for violation in found}


@pytest.mark.parametrize(
    ("before", "after", "place", "word"),
    [
        ("- class: clinical", "- class: surgical", "protected_classes[0].class", "Input should be"),
        ("forbid: [stop device]", "forbid: [explode]", "protected_classes[0].forbid", "unknown action"),
        ("after: [isolate]", "after: [isolat]", "lines[0].then.steps[1].after", "unknown step"),
        ("after: [keep-evidence]", "after: []", "lines[0].then.steps[2].after", "destroys volatile evidence"),
        ("do: contain network", "do: contain everything", "lines[0].then.steps[0].do", "unknown action"),
        ("connector: edr", "connector: unheard-of", "lines[0].then.steps[0].connector", "unknown connector"),
        ("limit_seconds: 7200", "", "lines[1].then.steps[1].limit_seconds", "needs a limit"),
        ("time_zone: Europe/Vienna", "time_zone: Europe/Atlantis", "time_zone", "IANA"),
        ("min_severity: 4", "min_severity: 9", "priorities[0].min_severity", "less than or equal"),
        ("authority: preauthorised", "authority: provider", "lines[0].then.steps[0].authority", "customer's word"),
        ("outcome: Stop", "outcme: Stop", "lines[0].outcme", "Extra inputs"),
    ],
)
def test_a_wrong_place_is_named_with_what_is_wrong(before: str, after: str, place: str, word: str) -> None:
    assert before in BASE
    found = places(BASE.replace(before, after, 1))
    assert place in found, found
    assert word in found[place]


def test_steps_that_wait_for_each_other_are_found() -> None:
    text = BASE.replace(
        "          connector: edr\n          reason: Encryption",
        "          connector: edr\n          after: [keep-evidence]\n          reason: Encryption",
    )
    assert "waits for itself" in places(text)["lines[0].then.steps[0].after"]


def test_observing_is_refused_on_a_protected_class_and_without_an_end() -> None:
    text = BASE.replace("      mode: stop", "      mode: observe").replace(
        "      techniques: [T1486, T1490, T1489]", "      techniques: [T1486]\n      classes: [clinical]"
    )
    assert "tripwires" in places(text)["lines[0].then.observe"]
    observe = "observe: {approver: clinic-it, scope: x, tripwires: [a], deadline_minutes: 5, then: other-attack}"
    found = places(text.replace("      automatic: true", f"      {observe}"))
    assert "forbidden on the protected class clinical" in found["lines[0].then.mode"]
    assert "no line whose mode is stop" in found["lines[0].then.observe.then"]


def test_a_word_that_was_not_replaced_is_refused() -> None:
    text = BASE.replace("principal-", "@principal-")
    assert "no principal's identifier" in places(text)["contacts[0].principal"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "charter",
        "- 1",
        "a: &x [1]\nb: *x",
        "charter: 1\ncharter: 1",
        "{" * 5000,
        BASE.replace("charter: 1", "charter: 2"),
        BASE + "x" * 300_000,
        "\x00",
    ],
)
def test_what_is_no_charter_is_refused_as_such(text: str) -> None:
    with pytest.raises(CharterInvalid):
        read_charter(text)


def test_comments_and_layout_do_not_change_the_digest_and_meaning_does() -> None:
    one = charter_digest(read_charter(BASE))
    assert charter_digest(read_charter("# a remark\n" + BASE.replace("mode: stop", "mode:   stop"))) == one
    assert charter_digest(read_charter(BASE.replace("valid_minutes: 240", "valid_minutes: 241"))) != one


def weekly(zone: str) -> Charter:
    text = BASE.replace("time_zone: Europe/Vienna", f"time_zone: {zone}").replace(
        "contacts:",
        'windows:\n  - {name: night, kind: service, weekly: {days: [sun], start: "02:30", minutes: 60}}\ncontacts:',
        1,
    )
    return read_charter(text)


def test_a_weekly_window_keeps_its_local_time_across_daylight_saving() -> None:
    charter = weekly("Europe/Berlin")
    (window,) = charter.windows
    winter = next_opening([window], charter.zone, START)
    assert winter is not None
    assert winter.isoformat() == "2026-11-29T01:30:00+00:00"
    summer = next_opening([window], charter.zone, START.replace(month=7, day=1))
    assert summer is not None
    assert summer.isoformat() == "2026-07-05T00:30:00+00:00"
    # On the day of the change the hour from 02:00 to 03:00 does not exist; the window opens, an hour later on the wall.
    skipped = next_opening([window], charter.zone, START.replace(year=2027, month=3, day=27))
    assert skipped is not None
    assert skipped.isoformat() == "2027-03-28T01:30:00+00:00"
    assert is_open(window, charter.zone, skipped)
    assert window.covers(AssetClass.STANDARD, None)
