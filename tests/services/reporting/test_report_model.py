"""A report's model as a function of the ledger: its figures, where they come from, and what it does not claim."""

import json
from datetime import timedelta

import pytest

from contracts.canonical import canonical
from contracts.errors import TenetError
from contracts.events.cases import (
    Authority,
    CaseReopened,
    CharterApproved,
    CharterProposed,
    PreauthorisationSigned,
)
from contracts.events.detections import DetectionFoundByHunt, DetectionValidationWithdrawn
from contracts.events.subjects import Verdict
from contracts.labels import Audience, Label
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.definitions import DEFINITIONS
from services.reporting.domain.model import build, figures_of, model_bytes
from tests.services.reporting import clinic
from tests.services.reporting.history import APPROVER, History, sealed
from tests.services.reporting.made import chronicle_of, figures, model_of, positions, scope_of


def test_building_again_from_the_same_entries_gives_the_same_bytes() -> None:
    history = clinic.month()
    assert model_bytes(model_of(history)) == model_bytes(model_of(history))
    assert model_bytes(model_of(history)) == model_bytes(model_of(clinic.month()))


def test_later_entries_do_not_change_a_report_as_of_an_earlier_position() -> None:
    history = clinic.month()
    before = [model_bytes(model_of(history, as_of=position)) for position in range(len(history.entries))]
    clinic.detection(history, "detection-late")
    clinic.verdict(history, "detection-late", Verdict.MALICIOUS)
    assert [model_bytes(model_of(history, as_of=position)) for position in range(len(before))] == before


def test_every_figure_names_its_definition_and_the_entries_that_it_counts() -> None:
    model = model_of(clinic.month())
    for name, figure in figures_of(model).items():
        assert figure["definition"] in DEFINITIONS, name
        source = model["sources"][figure["source"]]
        if figure["unit"] == "count" and name.startswith(("actions.", "cases.", "findings.", "verdicts.")):
            assert source["total"] == figure["value"], name
        assert all(first <= last <= model["as_of"]["position"] for first, last in source["runs"]), name


def test_a_model_holds_no_sealed_word_and_no_float() -> None:
    history = clinic.month()
    data = model_bytes(model_of(history))
    assert canonical(json.loads(data)) == data
    for words in history.words.values():
        assert str(words).encode() not in data


def test_the_funnel_accounts_for_every_detection() -> None:
    made = figures(clinic.month())
    parts = ("funnel.in_case", "funnel.closed_by_person", "funnel.open")
    assert sum(made[name]["value"] for name in parts) == made["funnel.detections"]["value"] == 3
    assert made["funnel.confirmed"]["value"] == 1
    assert made["funnel.escalated"]["value"] == 2
    assert made["funnel.occurrences"]["value"] == 10


def test_what_cannot_be_measured_is_null_and_never_zero() -> None:
    history = History()
    clinic.asset(history, "asset-1")
    made = figures(history)
    unknown = ("durations.acknowledge", "durations.contain_final", "sensors.uptime", "telemetry.all.records")
    assert [made[name]["value"] for name in unknown] == [None] * 4
    assert made["actions.contain.success"]["value"] is None
    assert made["funnel.detections"]["value"] == 0


def test_durations_run_from_recorded_entry_to_recorded_entry() -> None:
    made = figures(clinic.month())
    assert made["durations.contain_first"]["value"] == 27_000
    assert made["durations.decide"]["p50"] == 40_000
    assert (made["durations.acknowledge"]["n"], made["durations.acknowledge"]["open"]) == (3, 1)
    assert made["durations.notify"]["list"] == [{"subject": "case-1", "from": 7, "to": 16, "milliseconds": 627_000}]


def test_a_reopened_case_is_open_again_and_its_episodes_add_up() -> None:
    history = clinic.month()
    closed = figures(history)["durations.resolve"]["value"]
    history.record("case-case-1", CaseReopened(case_id="case-1", reason=sealed("It came back.")))
    history.wait(hours=3)
    clinic.note(history, "case-1", "Still looking.", Label.AMBER)
    reopened = figures(history)["durations.resolve"]
    assert (reopened["value"], reopened["open"]) == (None, 1)
    clinic.close(history, "case-1")
    assert figures(history)["durations.resolve"]["value"] == closed + timedelta(hours=3) // timedelta(milliseconds=1)


def test_containment_is_final_only_when_every_affected_asset_is_verified() -> None:
    history = History()
    for asset_id in ("asset-1", "asset-2"):
        clinic.asset(history, asset_id)
    clinic.detection(history, "detection-1", asset_ids=("asset-1", "asset-2"))
    resting_on = clinic.subject(history, "detection-1", clinic.verdict(history, "detection-1", Verdict.MALICIOUS))
    clinic.case(history, "case-1", resting_on, ("asset-1", "asset-2"))
    steps = tuple(clinic.step(f"step-{n}", f"asset-{n}", Authority.PREAUTHORISED) for n in (1, 2))
    clinic.plan(history, "case-1", resting_on, steps)
    clinic.dispatch(history, "action-1", clinic.basis("case-1", resting_on), "asset-1")
    clinic.verify(history.wait(seconds=5), "action-1")
    assert figures(history)["durations.contain_final"]["open"] == 1
    clinic.dispatch(history, "action-2", clinic.basis("case-1", resting_on, "step-2"), "asset-2")
    clinic.verify(history.wait(seconds=5), "action-2")
    assert figures(history)["durations.contain_final"]["value"] == 10_000


def test_a_rehearsal_is_in_no_figure_but_its_own() -> None:
    history = clinic.month()
    model = model_of(history)
    (rehearsed,) = positions(model, "rehearsals.all")
    for name in figures_of(model):
        assert rehearsed not in positions(model, name) or name == "rehearsals.all", name


def test_a_withdrawn_verdict_is_no_confirmation_any_more() -> None:
    history = clinic.month()
    withdrawn = DetectionValidationWithdrawn(detection_id="detection-1", validation_position=7, reason=sealed("Wrong."))
    history.record("detection-detection-1", withdrawn)
    made = figures(history)
    assert (made["funnel.confirmed"]["value"], made["verdicts.withdrawn"]["value"]) == (0, 1)
    assert made["rules.shadow-copies.aaaaaaaaaaaa.undecided"]["value"] == 1


def test_precision_leaves_benign_and_undecided_apart_and_has_an_interval() -> None:
    history = History()
    judged = [Verdict.MALICIOUS] * 3 + [Verdict.FALSE_POSITIVE] + [Verdict.BENIGN_EXPECTED] * 2
    for number, verdict in enumerate(judged):
        clinic.detection(history, f"detection-{number}")
        clinic.verdict(history, f"detection-{number}", verdict)
    clinic.detection(history, "detection-open")
    made = figures(history)
    precision = made["rules.shadow-copies.aaaaaaaaaaaa.precision"]
    assert (precision["numerator"], precision["denominator"], precision["value"]) == (3, 4, 750)
    assert precision["interval"] == [300, 955]
    assert made["rules.shadow-copies.aaaaaaaaaaaa.benign"]["value"] == 2
    assert made["rules.shadow-copies.aaaaaaaaaaaa.undecided"]["value"] == 1


def test_an_activity_later_than_its_detection_is_doubtful_and_in_no_figure() -> None:
    history = History()
    clinic.detection(history, "detection-1", lag=timedelta(hours=-2))
    clinic.detection(history, "detection-2")
    model = model_of(history)
    assert [item["kind"] for item in model["doubtful"]] == ["negative_duration"]
    assert figures_of(model)["durations.detect_lag"]["n"] == 1


def test_what_a_hunt_raises_counts_in_no_lag_and_what_it_adds_to_does() -> None:
    history = History()
    clinic.detection(history, "detection-live")
    clinic.detection(history, "detection-late", lag=timedelta(days=30))
    found = DetectionFoundByHunt(detection_id="detection-late", hunt_id="hunt-1", count=1)
    history.record("detection-late", found)
    history.record("detection-live", found.model_copy(update={"detection_id": "detection-live"}))
    lag = figures_of(model_of(history))["durations.detect_lag"]
    assert lag["n"] == 1


def test_silence_counts_after_two_intervals_and_blind_time_from_the_last_sign_of_life() -> None:
    model = model_of(clinic.month())
    made = figures_of(model)
    assert made["sensors.blind"]["value"] == timedelta(minutes=30) // timedelta(milliseconds=1)
    assert made["sensors.silent"]["value"] == timedelta(minutes=28) // timedelta(milliseconds=1)
    assert [gap["sensor_id"] for gap in model["limits"]["blind"]] == ["sensor-1"]


def test_a_report_names_the_assets_that_no_sensor_watches() -> None:
    limits = model_of(clinic.month())["limits"]
    assert [asset["asset_id"] for asset in limits["unwatched"]] == ["asset-2"]
    assert model_of(_one_asset())["limits"]["never_heard_from"] == ["telemetry"]


def test_missing_inputs_of_findings_are_counted_as_missing() -> None:
    made = figures(clinic.month())
    assert made["findings.missing.likelihood"]["value"] == 2
    assert made["findings.missing.known_exploited"]["value"] == 1
    assert made["findings.exposure_time.exploited"]["n"] == 1
    assert made["findings.exposure_time.others"]["open"] == 1


def test_what_feeds_say_of_a_finding_counts_from_when_they_said_it() -> None:
    history = History()
    clinic.finding(history, "finding-1", exploited=None)
    before = figures(history)
    assert before["findings.missing.known_exploited"]["value"] == 1
    clinic.reassess_finding(history, "finding-1", exploited=True, likelihood=900_000)
    after = figures(history)
    assert (before["findings.exploited_open_at_end"]["value"], after["findings.exploited_open_at_end"]["value"]) == (
        0,
        1,
    )
    assert after["findings.exploited_open_at_start"]["value"] == 0
    for name in ("likelihood", "known_exploited"):
        assert after[f"findings.missing.{name}"]["value"] == 0


def test_needs_have_an_owner_and_end_when_they_are_met() -> None:
    history = clinic.month()
    rows = _needs(history)
    assert sorted(row["kind"] for row in rows) == ["enquiry", "fix", "recommendation"]
    assert all(row["owner"] for row in rows)
    assert figures(history)["needs.open"]["value"] == 2
    clinic.fix_finding(history, "finding-2")
    assert sorted(row["kind"] for row in _needs(history)) == ["enquiry", "recommendation"]


def test_a_plan_for_two_persons_waits_for_the_second_one() -> None:
    history = History()
    clinic.asset(history, "asset-1")
    clinic.detection(history, "detection-1")
    resting_on = clinic.subject(history, "detection-1", clinic.verdict(history, "detection-1", Verdict.MALICIOUS))
    clinic.case(history, "case-1", resting_on, ("asset-1",))
    clinic.plan(history, "case-1", resting_on, (clinic.step("step-1", "asset-1", Authority.TWO_PERSONS),))
    assert [need["persons_missing"] for need in _needs(history)] == [2]
    clinic.approve(history, "case-1")
    clinic.approve(history, "case-1")
    assert [need["persons_missing"] for need in _needs(history)] == [1]


def test_a_proposed_charter_waits_for_the_customer_and_a_preauthorisation_stands_until_its_end() -> None:
    history = History()
    proposed = CharterProposed(charter_id="charter-1", charter_version=1, digest="d", sha256="s", lines=3)
    history.record("charter-charter-1", proposed)
    assert [need["kind"] for need in _needs(history)] == ["charter"]
    approved = CharterApproved(charter_id="charter-1", charter_version=1, digest="d", acr="2", amr=(), auth_time=None)
    history.record("charter-charter-1", approved, APPROVER)
    signed = PreauthorisationSigned(
        preauthorisation_id="preauthorisation-1",
        actions=("contain",),
        groups=("wards",),
        charter_digest="d",
        expires_at=history.at + timedelta(days=1),
        acr="2",
        amr=(),
        auth_time=None,
    )
    history.record("preauthorisation-1", signed, APPROVER)
    assert _needs(history) == []
    assert figures(history)["mandates.preauthorisations"]["value"] == 1
    history.wait(days=1)
    clinic.detection(history, "detection-1")
    assert figures(history)["mandates.preauthorisations"]["value"] == 0


def test_clear_titles_of_what_the_audience_may_not_see_are_left_out() -> None:
    history = History()
    clinic.asset(history, "asset-1")
    clinic.detection(history, "detection-1", label=Label.RED)
    resting_on = clinic.subject(history, "detection-1", clinic.verdict(history, "detection-1", Verdict.MALICIOUS))
    clinic.case(history, "case-1", resting_on, ("asset-1",))
    titles = {
        audience: _case(history, audience)["subjects"][0]["title"]
        for audience in (Audience.INVESTIGATORS, Audience.CUSTOMER)
    }
    assert titles == {Audience.INVESTIGATORS: "Rule shadow-copies", Audience.CUSTOMER: None}


def test_a_feed_that_skips_an_entry_is_refused() -> None:
    history = clinic.month()
    chronicle = Chronicle(scope_of(history))
    chronicle.observe(history.entries[0])
    with pytest.raises(TenetError) as refused:
        chronicle.observe(history.entries[2])
    assert refused.value.reason == "FEED_OUT_OF_ORDER"
    with pytest.raises(TenetError) as refused:
        build(chronicle)
    assert refused.value.reason == "LEDGER_NOT_READ"


def test_a_restatement_names_what_changed_and_because_of_which_entries() -> None:
    history = clinic.month()
    earlier = model_of(history)
    position = clinic.verdict(history, "detection-2", Verdict.MALICIOUS)
    changes = {item["figure"]: item for item in model_of(history, earlier=earlier)["restates"]["figures"]}
    confirmed = changes["funnel.confirmed"]
    assert (confirmed["published"], confirmed["current"], confirmed["difference"]) == (1, 2, 1)
    assert confirmed["because"] == [[19, 19]]
    assert changes["verdicts.detection.malicious"]["because"] == [[position, position]]
    assert "cases.opened" not in changes


def test_only_what_was_recorded_in_the_period_counts() -> None:
    history = History()
    history.at -= timedelta(days=10)
    clinic.detection(history, "detection-october")
    history.wait(days=10)
    clinic.detection(history, "detection-november")
    history.wait(days=60)
    clinic.detection(history, "detection-january")
    model = model_of(history)
    assert positions(model, "funnel.detections") == [1]
    assert not model["provisional"]


def test_the_chronicle_knows_when_it_is_complete() -> None:
    assert chronicle_of(clinic.month()).complete


def _one_asset() -> History:
    history = History()
    clinic.asset(history, "asset-1")
    return history


def _needs(history: History) -> list[dict[str, object]]:
    return next(section["rows"] for section in model_of(history)["sections"] if section["id"] == "needs")


def _case(history: History, audience: Audience) -> dict[str, list[dict[str, object]]]:
    sections = model_of(history, audience=audience)["sections"]
    return next(section["rows"][0] for section in sections if section["id"] == "cases")
