"""Promised times and certificates in a report: figures that lead to entries, and old reports that stay as they were."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.base import Fact
from contracts.events.cases import Priority, StepCompleted
from contracts.events.people import (
    CalendarRef,
    Objective,
    QuestionAnswered,
    QuestionAsked,
    QuestionKind,
    QuestionRouted,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
    ServiceLevelPaused,
    ServiceLevelResumed,
    ServiceLevelRetimed,
    ServiceLevelStarted,
)
from contracts.ids import PROVIDER
from contracts.labels import Label
from services.reporting.domain.definitions import BY_VERSION, DefinitionsUnknown
from services.reporting.domain.model import build, figures_of
from services.reporting.servicer.html import render
from tests.services.reporting import clinic
from tests.services.reporting.history import History, sealed
from tests.services.reporting.made import chronicle_of, figures, model_of, positions

CALENDAR = CalendarRef(calendar_id="calendar-1", version=1, digest="c" * 64)


def started(history: History, objective: Objective, minutes: int = 30, episode: int = 1) -> int:
    return history.record(
        "service_level-1",
        ServiceLevelStarted(
            case_id="case-1",
            episode=episode,
            objective=objective,
            priority=Priority.P1,
            minutes=minutes,
            calendar=CALENDAR,
            tzdata_version="2026a",
            started_at=history.at,
            deadline=history.at + timedelta(minutes=minutes),
            charter=clinic.LINE,
        ),
    )


def met(history: History, objective: Objective, *, late: bool = False) -> int:
    event = ServiceLevelMet(
        case_id="case-1", episode=1, objective=objective, met_at=history.at, by_position=None, late=late
    )
    return history.record("service_level-1", event)


def breached(history: History, objective: Objective) -> int:
    event = ServiceLevelBreached(
        case_id="case-1", episode=1, objective=objective, priority=Priority.P1, deadline=history.at
    )
    return history.record("service_level-1", event)


def promised() -> History:
    """Acknowledged in time, decided late, notified no more needed, contained after a pause, not resolved yet."""
    history = clinic.month()
    for objective in Objective:
        started(history, objective)
    met(history.wait(minutes=10), Objective.ACKNOWLEDGE)
    pause = ServiceLevelPaused(
        case_id="case-1",
        episode=1,
        objective=Objective.CONTAIN,
        used_seconds=600,
        reason=sealed("Waiting for <the plant>"),
    )
    history.record("service_level-1", pause)
    history.wait(minutes=60)
    breached(history, Objective.DECIDE)
    met(history.wait(minutes=1), Objective.DECIDE, late=True)
    resumed = ServiceLevelResumed(
        case_id="case-1",
        episode=1,
        objective=Objective.CONTAIN,
        resumed_at=history.at,
        deadline=history.at + timedelta(minutes=20),
    )
    history.record("service_level-1", resumed)
    retimed = ServiceLevelRetimed(
        case_id="case-1",
        episode=1,
        objective=Objective.RESOLVE,
        priority=Priority.P2,
        minutes=90,
        calendar=None,
        used_seconds=60,
        deadline=history.at + timedelta(minutes=90),
        relaxed=True,
    )
    history.record("service_level-1", retimed)
    met(history.wait(minutes=5), Objective.CONTAIN)
    history.record("service_level-1", ServiceLevelEnded(case_id="case-1", episode=1, objective=Objective.NOTIFY))
    return history


def asked(history: History, name: str, *, qualified: bool = True) -> int:
    position = history.record(
        f"question-{name}",
        QuestionAsked(
            question_id=name,
            kind=QuestionKind.QUESTION,
            topic="plant",
            case_id=None,
            detection_id=None,
            text=sealed("May we?"),
            label=Label.AMBER,
            certification="ot-response",
            answer_minutes=60,
            calendar=None,
            tzdata_version="2026a",
            deadline=history.at + timedelta(minutes=60),
        ),
    )
    routed = QuestionRouted(question_id=name, principal_id="principal-1", qualified=qualified)
    history.record(f"question-{name}", routed)
    return position


def answered(history: History, name: str, *, late: bool) -> int:
    event = QuestionAnswered(question_id=name, text=sealed("Yes."), label=Label.AMBER, late=late, agrees=None)
    return history.record(f"question-{name}", event)


def row_of(model: dict[str, Any], objective: str) -> dict[str, Any]:
    (section,) = [section for section in model["sections"] if section["id"] == "promises"]
    (row,) = [row for row in section["rows"] if row["objective"] == objective]
    return dict(row)


def test_every_promise_is_in_exactly_one_state_and_the_share_is_of_the_decided_ones() -> None:
    made = figures(promised())
    states = {name: made[f"promises.{name}"]["value"] for name in ("started", "kept", "missed", "open", "ended")}
    assert states == {"started": 5, "kept": 2, "missed": 1, "open": 1, "ended": 1}
    share = made["promises.kept_share"]
    assert (share["value"], share["numerator"], share["denominator"]) == (666, 2, 3)
    assert made["promises.decide.missed"]["value"] == 1
    assert made["promises.resolve.kept_share"]["value"] is None
    assert made["promises.paused"]["value"] == 1


def test_figures_and_rows_lead_to_the_entries_that_decided_them() -> None:
    history = promised()
    model = model_of(history)
    topics = {
        name: [history.entries[position].event.TOPIC.rpartition(".")[2] for position in positions(model, name)]
        for name in ("promises.kept", "promises.missed", "promises.open")
    }
    assert topics == {
        "promises.kept": ["ServiceLevelMet", "ServiceLevelMet"],
        "promises.missed": ["ServiceLevelBreached"],
        "promises.open": ["ServiceLevelStarted"],
    }
    source = model["sources"][row_of(model, "contain")["source"]]
    assert source["total"] == 4


def test_a_row_tells_terms_pauses_and_deadline_as_the_last_change_left_them() -> None:
    model = model_of(promised())
    contain, resolve = row_of(model, "contain"), row_of(model, "resolve")
    (pause,) = contain["pauses"]
    assert (contain["state"], pause["used_seconds"], contain["calendar"]["version"]) == ("kept", 600, 1)
    assert contain["deadline"] > contain["started_at"]
    assert (resolve["state"], resolve["priority"], resolve["minutes"], resolve["calendar"]) == ("open", "P2", 90, None)
    assert row_of(model, "decide")["met_at"] is not None
    (section,) = [section for section in model["sections"] if section["id"] == "promises"]
    assert section["rows"][0]["objective"] == "decide"


def test_a_clock_that_stands_still_is_paused_until_it_runs_on() -> None:
    history = History()
    started(history, Objective.DECIDE)
    pause = ServiceLevelPaused(
        case_id="case-1", episode=1, objective=Objective.DECIDE, used_seconds=0, reason=sealed("Customer away")
    )
    history.record("service_level-1", pause)
    assert row_of(model_of(history), "decide")["state"] == "paused"


def test_questions_and_certified_work_are_counted_by_what_became_of_them() -> None:
    history = History()
    for name, qualified in (("q-1", True), ("q-2", True), ("q-3", False)):
        asked(history, name, qualified=qualified)
    answered(history.wait(minutes=30), "q-1", late=False)
    answered(history.wait(minutes=60), "q-2", late=True)
    fact = Fact("certification", "e" * 64, PROVIDER, 7)
    done = StepCompleted(case_id="case-1", plan_id="plan-1", step_id="valve", result=sealed("Open"), evidence=())
    position = history.record("case-case-1", done, facts=(fact,))
    model = model_of(history)
    made = figures_of(model)
    values = {name.partition(".")[2]: made[name]["value"] for name in made if name.startswith("questions.")}
    assert (values["asked"], values["in_time"], values["late"], values["open"], values["unqualified"]) == (
        3,
        1,
        1,
        1,
        1,
    )
    assert (made["questions.answer_time"]["n"], made["questions.answer_time"]["open"]) == (3, 1)
    assert positions(model, "certified.entries") == [position]
    (section,) = [section for section in model["sections"] if section["id"] == "expertise"]
    assert section["rows"][0]["certificate"] == {"tenant_id": PROVIDER, "position": 7, "digest": "e" * 64}


def test_a_report_by_earlier_definitions_is_built_again_without_what_came_later() -> None:
    history = promised()
    old, new = model_of(history, definitions_version="1"), model_of(history)
    later = {"promises", "expertise"}
    assert [each["id"] for each in new["sections"] if each["id"] not in later] == [
        each["id"] for each in old["sections"]
    ]
    assert {each["id"] for each in new["sections"]} - {each["id"] for each in old["sections"]} == later
    assert (old["definitions_version"], new["definitions_version"]) == ("1", "2")
    assert old["definitions"] == BY_VERSION["1"]
    for section in old["sections"]:
        assert section in new["sections"]
    same = set(old) - {"definitions", "definitions_version", "sections", "sources", "summary"}
    assert {name: old[name] for name in same} == {name: new[name] for name in same}
    assert old["sources"].items() <= new["sources"].items()
    text = render(old, "report-1", "a" * 64, history.opened).decode()
    assert "What we promised" not in text


def test_a_report_by_definitions_that_are_not_there_is_refused() -> None:
    with pytest.raises(DefinitionsUnknown):
        build(chronicle_of(clinic.month(), definitions_version="9"))


def test_the_page_shows_each_promise_with_its_pause_and_its_entries() -> None:
    history = promised()
    text = render(model_of(history), "report-1", "a" * 64, history.opened).decode()
    assert "What we promised" in text
    assert "Waiting for &lt;the plant&gt;" in text
    assert "Decide in 30 min" in text
    assert text.count("<td>missed</td>") == 1
