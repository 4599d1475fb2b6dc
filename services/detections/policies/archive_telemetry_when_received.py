"""What was received is put into the archive of raw telemetry."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import TelemetryReceived
from infra.read_database.policies import Activation, Origin, Policy
from services.detections.application.archive.archiving import Archiving


class ArchiveTelemetryWhenReceived(Policy):
    ID = "archive_telemetry_when_received"
    TOPICS = frozenset({TelemetryReceived})
    ACTIVATION = Activation.START

    def __init__(self, archiving: Archiving) -> None:
        self._archiving = archiving

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        del origin
        await self._archiving.archive(recorded.tenant_id, recorded.position, recorded.recorded_at, recorded.event)
