"""What a person has validated as malicious is a sighting, where its customer shares them."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER
from infra.read_database.policies import Origin, Policy
from services.detections.application.intelligence.sharing import SharingSightings


class ContributeSightingWhenDetectionValidated(Policy):
    ID = "contribute_sighting_when_detection_validated"
    TOPICS = frozenset({DetectionValidated})

    def __init__(self, sharing: SharingSightings) -> None:
        self._sharing = sharing

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        if recorded.event.verdict is Verdict.MALICIOUS:
            await self._sharing.contribute(origin.call(tenant_id=PROVIDER), recorded.tenant_id, recorded.event)
