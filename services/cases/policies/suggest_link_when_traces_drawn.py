"""Cases that look like parts of one attack are suggested to each other, by the rules of `domain/joining.py`."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.case_work import ObservableAdded, TracesDrawn
from contracts.ids import TenantId
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.work_commands import SuggestLink
from services.cases.projections import CASE_MARKS, CASES, INDEX_ASSETS
from services.cases.projections.cases import CaseRow
from services.cases.projections.recognition import Recognition


class SuggestLinkWhenTracesDrawn(Policy):
    ID = "suggest_link_when_traces_drawn"
    TOPICS = frozenset({TracesDrawn, ObservableAdded})

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader
        self._recognition = Recognition(reader, CASES, CASE_MARKS, INDEX_ASSETS)

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        tenant_id = recorded.tenant_id
        await self._reader.waited(tenant_id, recorded.position, None, CASE_MARKS, CASES)
        case = await self._worked(tenant_id, recorded.event.case_id)
        if case is None:
            return
        found = await self._recognition.related(tenant_id, case)
        for ordinal, (other, reasons) in enumerate(found.items()):
            call = origin.call(ordinal)
            command = SuggestLink(
                tenant_id=tenant_id, request_id=call.request_id, case_id=case.case_id, with_case_id=other
            )
            await self._application.suggesting.suggest_link(call, command, reasons)

    async def _worked(self, tenant_id: TenantId, case_id: str) -> CaseRow | None:
        """The case, or nothing while it is merged away: the one that it is worked in was compared already."""
        found = await CASES.get(self._reader, tenant_id, case_id)
        return found.document if found is not None and found.document.merged_into is None else None
