"""The service levels of cases beside the cases themselves: on the page of one, and in the queue of many."""

from collections.abc import Sequence

from tenet.cases.v1 import cases_people_pb2 as pb

from contracts.ids import TenantId
from contracts.labels import Label
from infra.answering import Answering, Query, asked
from infra.grpc import Context
from infra.read_database.reader.conditions import one_of
from infra.read_database.reader.pages import PageRequest
from services.cases.projections import SERVICE_LEVELS
from services.cases.projections.service_levels import ClockRow
from services.cases.servicer.people_wire import clock_message


async def clocks_of(
    answering: Answering,
    cases: Sequence[tuple[TenantId, str]],
    request: Query,
    context: Context,
    *,
    only_open: bool,
) -> list[pb.ServiceLevel]:
    """The clocks of these cases as they are, or were at the position that the request names; of one page at most."""
    if not cases:
        return []
    keys = [case_id for _, case_id in cases]
    page = await SERVICE_LEVELS.list(
        answering.reader,
        sorted({tenant_id for tenant_id, _ in cases}),
        [one_of("key", keys)],
        page=PageRequest(len(keys)),
        at=asked(request, "at_position"),
        deadline=context.deadline,
    )
    clocks: dict[TenantId, list[tuple[str, ClockRow]]] = {}
    for item in page.items:
        wanted = [(item.document.case_id, clock) for clock in item.document.clocks if not (only_open and clock.over)]
        clocks.setdefault(item.tenant_id, []).extend(wanted)
    messages: list[pb.ServiceLevel] = []
    for tenant_id, found in clocks.items():
        words = [(clock.paused_for, Label.AMBER) for _, clock in found if clock.paused_for is not None]
        opened = await answering.opener.open(context.call_for(tenant_id), words, purpose="show service levels")
        messages += [clock_message(tenant_id, case_id, clock, opened) for case_id, clock in found]
    return messages
