"""An observation ends when the attack does what the charter says must not be waited for."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import DetectionRaised, DetectionRepeated
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.commands import DecidePlan
from services.cases.projections import OBSERVATIONS
from services.cases.projections.observations import ALL


class DecidePlanWhenTripwireHit(Policy):
    ID = "decide_plan_when_tripwire_hit"
    TOPICS = frozenset({DetectionRaised, DetectionRepeated})

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        # What began to be observed before this entry is in the view once the view has come as far as the entry.
        await self._reader.waited(recorded.tenant_id, recorded.position, None, OBSERVATIONS)
        found = await OBSERVATIONS.get(self._reader, recorded.tenant_id, ALL)
        for ordinal, observed in enumerate(found.document.observed if found else ()):
            name = await self._application.planning.tripwire_hit(
                recorded.tenant_id, observed.case_id, recorded.event.detection_id
            )
            if name is None:
                continue
            call = origin.call(ordinal)
            command = DecidePlan(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                case_id=observed.case_id,
                plan_id=observed.plan_id,
                tripwire=name,
            )
            await self._application.planning.decide_plan(call, command)
