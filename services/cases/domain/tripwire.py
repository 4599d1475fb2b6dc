"""What ends an observation by itself: activity that the charter says must not be waited for."""

from services.cases.domain.case import Case
from services.cases.domain.charter import Charter, Tripwire, Where
from services.cases.domain.ruling import LEAST_SEVERITY, is_technique
from services.cases.domain.subjects import Subject


def tripwire_hit(charter: Charter, case: Case, activity: Subject) -> str | None:
    """The first tripwire of the case's present plan that a detection hits; None where it hits none, or none is there.

    The detection need not be validated: the plan that it ends rests on a validated subject of its own, and what follows
    is what the customer signed for this very event.
    """
    if case.plan is None or not case.open:
        return None
    line = charter.line(case.plan.decided.line.line)
    observe = line.then.observe if line else None
    if observe is None or any(reference.id == activity.id for reference in case.subjects):
        return None
    for name in observe.tripwires:
        tripwire = charter.tripwire(name)
        if tripwire is not None and _hits(tripwire, case, activity):
            return name
    return None


def _hits(tripwire: Tripwire, case: Case, activity: Subject) -> bool:
    mine = bool(set(case.asset_ids) & set(activity.asset_ids))
    if tripwire.where is not Where.ANYWHERE and mine is not (tripwire.where is Where.CASE):
        return False
    return (
        not tripwire.techniques or any(is_technique(found, tripwire.techniques) for found in activity.techniques)
    ) and (tripwire.min_severity == LEAST_SEVERITY or activity.severity_id >= tripwire.min_severity)
