"""Response actions by the five types, from the dispatch to the verified effect and its reversal; rehearsals apart."""

from contracts.events.cases import ResponseType
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.responses import Action
from services.reporting.domain.figures import FigureMaker, Json

STAGES = {
    "dispatched": "Actions dispatched",
    "acknowledged": "Actions acknowledged by the receiver",
    "verified": "Actions verified by another path",
    "failed": "Verification failed",
    "refused": "Refused by the receiver",
    "lost": "Outcome unknown",
    "expired": "Time limit reached",
    "reversed": "Reversed",
}


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    in_period = chronicle.scope.in_period
    dispatched = [
        action
        for action in chronicle.responses.actions.values()
        if "dispatched" in action.marks and in_period(action.marks["dispatched"].at)
    ]
    made = [
        figure
        for response_type in ResponseType
        for figure in _by_type(response_type.value, [a for a in dispatched if a.response_type is response_type], make)
    ]
    made += _by_type("all", dispatched, make)
    cancelled = [
        action.marks["cancelled"].position
        for action in chronicle.responses.actions.values()
        if "cancelled" in action.marks and in_period(action.marks["cancelled"].at)
    ]
    made.append(make.count("actions.all.cancelled", "actions", "Cancelled before dispatch", cancelled))
    rehearsed = [mark.position for mark, _ in chronicle.responses.rehearsals if in_period(mark.at)]
    made.append(make.count("rehearsals.all", "rehearsals", "Rehearsed only", rehearsed))
    return made


def _by_type(name: str, actions: list[Action], make: FigureMaker) -> list[Json]:
    made = []
    for stage, label in STAGES.items():
        positions = [action.marks[stage].position for action in actions if stage in action.marks]
        made.append(make.count(f"actions.{name}.{stage}", "actions", label, positions))
    executed = [a.marks["acknowledged"].position for a in actions if "acknowledged" in a.marks]
    verified = [a.marks["verified"].position for a in actions if "acknowledged" in a.marks and "verified" in a.marks]
    made.append(make.share(f"actions.{name}.success", "actions", "Success", verified, executed))
    return made
