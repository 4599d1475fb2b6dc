"""Which ledgers hold intelligence, so that nobody has to look into all of them for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded
from contracts.events.intelligence import (
    IntelligenceFetchScheduled,
    IntelligenceImported,
    IntelligenceSourceRetired,
)
from contracts.ids import TenantId
from infra.read_database.reader.conditions import ascending, equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView

PAGE = 1_000


class IntelligenceSourceDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    source: str
    at_work: bool


class IntelligenceSources(DocumentView[IntelligenceSourceDocument]):
    NAME = "intelligence_sources"
    VERSION = 1
    TABLE = "intelligence_sources"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {IntelligenceImported, IntelligenceFetchScheduled, IntelligenceSourceRetired}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"source": "text", "at_work": "boolean"}
    DOCUMENT = IntelligenceSourceDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.source]

    def fold(
        self, key: str, document: IntelligenceSourceDocument | None, recorded: Recorded[Any]
    ) -> IntelligenceSourceDocument | None:
        del document
        return IntelligenceSourceDocument(source=key, at_work=not isinstance(recorded.event, IntelligenceSourceRetired))

    def columns(self, document: IntelligenceSourceDocument) -> Mapping[str, object]:
        return {"source": document.source, "at_work": document.at_work}


class LedgersWithIntelligence:
    """Those of the tenants that have sources at work, as far as the view has come."""

    def __init__(self, view: IntelligenceSources, reader: Reader, tenants: Callable[[], list[TenantId]]) -> None:
        self._view, self._reader, self._tenants = view, reader, tenants

    async def __call__(self) -> list[TenantId]:
        """Raises ReadDatabaseUnavailable."""
        found: dict[TenantId, None] = {}
        token = ""
        while True:
            page = await self._view.list(
                self._reader,
                self._tenants(),
                [equal("at_work", True)],
                [ascending("source")],
                PageRequest(size=PAGE, token=token),
            )
            found |= dict.fromkeys(item.tenant_id for item in page.items)
            token = page.next_token
            if not token:
                return list(found)
