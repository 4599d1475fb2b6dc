"""What was received is put into the archive of raw telemetry; what was erased is taken out of it.

One policy for both, because it goes through the ledger in order: what came before an erasure is archived before the
erasure is carried out, also when the archive is filled anew.
"""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import TelemetryReceived
from contracts.events.ledger import FieldErased, SubjectErased
from infra.read_database.policies import Activation, Origin, Policy
from services.detections.application.archive.archiving import Archiving
from services.detections.application.archive.erasing import ArchiveErasing


class KeepArchiveWhenReceivedOrErased(Policy):
    ID = "archive_telemetry_when_received"
    TOPICS = frozenset({TelemetryReceived, SubjectErased, FieldErased})
    ACTIVATION = Activation.START

    def __init__(self, archiving: Archiving, erasing: ArchiveErasing) -> None:
        self._archiving, self._erasing = archiving, erasing

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        del origin
        if isinstance(recorded.event, TelemetryReceived):
            await self._archiving.archive(recorded.tenant_id, recorded.position, recorded.recorded_at, recorded.event)
        else:
            await self._erasing.erase(recorded.tenant_id, recorded)
