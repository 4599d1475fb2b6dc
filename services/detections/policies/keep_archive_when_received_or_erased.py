"""What was received is put into the archive of raw telemetry; what was erased is taken out of it.

One policy for both, because it goes through the ledger in order: what came before an erasure is archived before the
erasure is carried out, also when the archive is filled anew. New hosts are discovered here, because this is where a
batch is read that nobody waits for; they are recorded first, since a batch that is archived is not read again.
"""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.detections import TelemetryReceived
from contracts.events.ledger import FieldErased, SubjectErased
from infra.read_database.policies import Activation, Origin, Policy
from services.detections.application.archive.archiving import Archiving
from services.detections.application.archive.erasing import ArchiveErasing
from services.detections.application.discovering import Discovering
from services.detections.config import DISCOVERY_PERIOD
from services.detections.domain.commands import DiscoverHosts


class KeepArchiveWhenReceivedOrErased(Policy):
    ID = "archive_telemetry_when_received"
    TOPICS = frozenset({TelemetryReceived, SubjectErased, FieldErased})
    ACTIVATION = Activation.START

    def __init__(self, archiving: Archiving, erasing: ArchiveErasing, discovering: Discovering) -> None:
        self._archiving, self._erasing, self._discovering = archiving, erasing, discovering

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        if isinstance(recorded.event, TelemetryReceived):
            await self._keep(recorded, recorded.event, origin)
        else:
            await self._erasing.erase(recorded.tenant_id, recorded)

    async def _keep(self, recorded: Recorded[Any], received: TelemetryReceived, origin: Origin) -> None:
        batch = (recorded.tenant_id, recorded.position, recorded.recorded_at)
        written = await self._archiving.written(*batch, received)
        if written is None:
            return
        call = origin.call()
        if written.hosts and recorded.recorded_at > call.now - DISCOVERY_PERIOD:
            command = DiscoverHosts(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                sensor_id=received.sensor_id,
                batch_position=recorded.position,
            )
            await self._discovering.discover_hosts(call, command, written.hosts)
        await self._archiving.keep(*batch, written)
