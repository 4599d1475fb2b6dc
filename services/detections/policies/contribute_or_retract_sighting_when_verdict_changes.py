"""What a person has validated as malicious is a sighting, where its customer shares them, for as long as the verdict
stands."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated, DetectionValidationWithdrawn
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER
from infra.read_database.policies import Origin, Policy
from services.detections.application.intelligence.sharing import SharingSightings


class ContributeOrRetractSightingWhenVerdictChanges(Policy):
    """One policy for both, since it takes a tenant's events in order: two could take a verdict back before it was
    told. It is named for the first of the two, as which it began."""

    ID = "contribute_sighting_when_detection_validated"
    TOPICS = frozenset({DetectionValidated, DetectionValidationWithdrawn})

    def __init__(self, sharing: SharingSightings) -> None:
        self._sharing = sharing

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        if isinstance(recorded.event, DetectionValidationWithdrawn):
            await self._sharing.retract(origin.call(tenant_id=PROVIDER), recorded)
        elif recorded.event.verdict is Verdict.MALICIOUS:
            await self._sharing.contribute(origin.call(tenant_id=PROVIDER), recorded)
