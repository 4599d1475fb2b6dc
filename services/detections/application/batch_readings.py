"""How a batch is read: by a format that Tenet knows, or by a mapping that the sensor declared.

A declared mapping lies in the tenant's object store; the ledger names it by its hash, so that a batch can be read again
in the same way for as long as it is kept.
"""

from collections import OrderedDict
from datetime import datetime

from contracts.ids import TenantId
from infra.object_store.errors import ObjectMissing
from infra.object_store.port import ObjectStore
from services.detections.config import MAX_REMEMBERED_MAPPINGS
from services.detections.domain.errors import MappingUnknown
from services.detections.domain.formats.mapping import Mapping
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format

_DECLARED = "mapping:"


class BatchReadings:
    """Keeps mappings and makes readings. Format names are those of `TelemetryReceived.format`."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._mappings: OrderedDict[tuple[TenantId, str], Mapping] = OrderedDict()

    async def declare(self, tenant_id: TenantId, text: bytes) -> str:
        """Keeps a mapping; answers the format name under which it is used. Raises MappingUnreadable."""
        Mapping.read(text)
        return _DECLARED + (await self._objects.put(tenant_id, text)).sha256

    async def reading(
        self,
        tenant_id: TenantId,
        content: bytes,
        format_name: str,
        first_record: int | None,
        received_at: datetime | None = None,
    ) -> BatchReading:
        """Raises MappingUnknown, MappingUnreadable, ObjectCorrupt."""
        if format_name.startswith(_DECLARED):
            mapping = await self._mapping(tenant_id, format_name.removeprefix(_DECLARED))
            return BatchReading(
                content, Format.AUTOMATIC, mapping=mapping, first_record=first_record, received_at=received_at
            )
        return BatchReading(content, Format(format_name), first_record=first_record, received_at=received_at)

    async def _mapping(self, tenant_id: TenantId, sha256: str) -> Mapping:
        key = (tenant_id, sha256)
        known = self._mappings.get(key)
        if known is None:
            try:
                text = await self._objects.get(tenant_id, sha256)
            except ObjectMissing:
                raise MappingUnknown("No such mapping was declared.", metadata={"sha256": sha256}) from None
            known = self._mappings[key] = Mapping.read(text)
            if len(self._mappings) > MAX_REMEMBERED_MAPPINGS:
                self._mappings.popitem(last=False)
        self._mappings.move_to_end(key)
        return known


def mapping_format(sha256: str) -> str:
    """The format name of a mapping that was declared before."""
    return _DECLARED + sha256
