"""What was promised to the customer: clocks of cases kept or missed, with their pauses, and questions answered."""

from collections.abc import Sequence

from contracts.events.base import instant
from contracts.events.people import Objective
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.promises import Clock, Kept
from services.reporting.domain.figures import FigureMaker, Json, Span
from services.reporting.domain.metrics.cases import UNLABELLED, sealed_json

STATES = {
    Kept.KEPT: "Promises kept",
    Kept.MISSED: "Promises missed",
    Kept.OPEN: "Promises whose time runs",
    Kept.ENDED: "Promises that a closed case no longer needed",
}


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    clocks = _started(chronicle)
    made = [
        make.count("promises.started", "promises", "Promises made", (clock.started.position for clock in clocks)),
        *(
            make.count(f"promises.{kept.value}", "promises", label, _settled(clocks, kept))
            for kept, label in STATES.items()
        ),
        _share("promises.kept_share", "Promises kept in time", clocks, make),
        make.count(
            "promises.paused",
            "promises",
            "Promises whose clock was paused",
            (clock.pauses[0].paused.position for clock in clocks if clock.pauses),
        ),
    ]
    for objective in Objective:
        of_it = [clock for clock in clocks if clock.event.objective is objective]
        word = objective.value
        made += [
            make.count(f"promises.{word}.kept", "promises", f"{word.capitalize()}: kept", _settled(of_it, Kept.KEPT)),
            make.count(
                f"promises.{word}.missed", "promises", f"{word.capitalize()}: missed", _settled(of_it, Kept.MISSED)
            ),
            make.count(f"promises.{word}.open", "promises", f"{word.capitalize()}: open", _settled(of_it, Kept.OPEN)),
            _share(f"promises.{word}.kept_share", f"{word.capitalize()}: kept in time", of_it, make),
        ]
    return made


def rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Every clock that started in the period: the missed ones first, else in the order of their start."""
    clocks = sorted(_started(chronicle), key=lambda clock: clock.became is not Kept.MISSED)
    return [_row(clock, make) for clock in clocks]


def expertise_figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Questions by what became of them, and the work that took a certificate."""
    in_period = chronicle.scope.in_period
    asked = [each for each in chronicle.promises.questions.values() if in_period(each.asked.at)]
    certified = [each for each in chronicle.promises.certified if in_period(each.mark.at)]
    return [
        make.count("questions.asked", "questions", "Questions and changes asked", (q.asked.position for q in asked)),
        make.count(
            "questions.in_time",
            "questions",
            "Answered in time",
            (q.answered.position for q in asked if q.answered and not q.late),
        ),
        make.count(
            "questions.late",
            "questions",
            "Answered late",
            (q.answered.position for q in asked if q.answered and q.late),
        ),
        make.count(
            "questions.open", "questions", "Not answered yet", (q.asked.position for q in asked if not q.answered)
        ),
        make.count(
            "questions.unqualified",
            "questions",
            "Went to a lead, because nobody was qualified",
            (q.asked.position for q in asked if q.qualified is False),
        ),
        make.durations(
            "questions.answer_time",
            "questions",
            "From question to answer",
            (Span(q.event.question_id, q.asked, q.answered) for q in asked),
        ),
        make.count(
            "certified.entries", "certified", "Work done under a certificate", (c.mark.position for c in certified)
        ),
    ]


def expertise_rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Each entry of the period that a certification allowed, and where in the provider's ledger that one is."""
    return [
        {
            "topic": each.topic,
            "actor_id": each.actor_id,
            "recorded_at": instant(each.mark.at),
            "certificate": {
                "tenant_id": each.fact.tenant_id,
                "position": each.fact.position,
                "digest": each.fact.digest,
            },
            "source": make.sources.add([each.mark.position]),
        }
        for each in chronicle.promises.certified
        if chronicle.scope.in_period(each.mark.at)
    ]


def _started(chronicle: Chronicle) -> list[Clock]:
    in_period = chronicle.scope.in_period
    return [clock for clock in chronicle.promises.clocks.values() if in_period(clock.started.at)]


def _settled(clocks: Sequence[Clock], kept: Kept) -> list[int]:
    return [clock.settled.position for clock in clocks if clock.became is kept]


def _share(figure: str, label: str, clocks: Sequence[Clock], make: FigureMaker) -> Json:
    """Of those that were kept or missed: what still runs says nothing yet."""
    kept, missed = _settled(clocks, Kept.KEPT), _settled(clocks, Kept.MISSED)
    return make.share(figure, "promises", label, kept, [*kept, *missed])


def _row(clock: Clock, make: FigureMaker) -> Json:
    event, terms = clock.event, clock.terms
    paused = bool(clock.pauses) and clock.pauses[-1].resumed is None and clock.became is Kept.OPEN
    return {
        "case_id": event.case_id,
        "episode": event.episode,
        "objective": event.objective.value,
        "priority": terms.priority.value,
        "minutes": terms.minutes,
        "calendar": terms.calendar.model_dump(mode="json") if terms.calendar else None,
        "charter": event.charter.model_dump(mode="json"),
        "state": "paused" if paused else clock.became.value,
        "started_at": instant(clock.started.at),
        "deadline": instant(clock.deadline_by.deadline),
        "met_at": instant(clock.met.at) if clock.met else None,
        "pauses": [
            {
                "from": instant(pause.paused.at),
                "to": instant(pause.resumed.at) if pause.resumed else None,
                "used_seconds": pause.event.used_seconds,
                "reason": sealed_json(pause.event.reason, UNLABELLED),
            }
            for pause in clock.pauses
        ],
        "source": make.sources.add(mark.position for mark in clock.marks),
    }
