"""Cases whose plan lets an attack go on for a while: one document a tenant, because a tenant has few of them."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded, Value
from contracts.events.case_work import PlanVoided
from contracts.events.cases import CaseClosed, Mode, PlanDecided, PlanRejected
from infra.read_database.views import DocumentView

ALL = "all"


class Observation(Value):
    case_id: str
    plan_id: str


class ObservationsRow(Value):
    observed: tuple[Observation, ...]


class Observations(DocumentView[ObservationsRow]):
    NAME = "observations"
    VERSION = 1
    TABLE = "observations"
    TOPICS = frozenset({PlanDecided, PlanRejected, PlanVoided, CaseClosed})
    DOCUMENT = ObservationsRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [ALL]

    def fold(self, key: str, document: ObservationsRow | None, recorded: Recorded[Any]) -> ObservationsRow | None:
        event = recorded.event
        others = tuple(each for each in (document.observed if document else ()) if each.case_id != event.case_id)
        if isinstance(event, PlanDecided) and event.mode is Mode.OBSERVE:
            others = (*others, Observation(case_id=event.case_id, plan_id=event.plan_id))
        return ObservationsRow(observed=others) if others else None
