"""Pages that several hands reach for at the same moment: two people, and the timer that would call the next one."""

import asyncio
from pathlib import Path

from tenet.cases.v1 import cases_pb2
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_write_pb2 as write

from contracts.events.people import (
    Objective,
    PageAcknowledged,
    PageEscalated,
    PageSent,
    PageUnanswered,
    ServiceLevelMet,
)
from contracts.ids import TenantId
from infra.grpc import RemoteError
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, request_id
from tests.services.cases.people.running import CHARTER, Crew, Person, crew

PAGES = 12


async def take(people: Crew, who: Person, page_id: str, request: str = "") -> str:
    """`has it`, or the reason why not."""
    wanted = write.AcknowledgePageRequest(page_id=page_id, request_id=request or request_id())
    try:
        await people.call(who, "AcknowledgePage", wanted)
    except RemoteError as error:
        return str(error.reason)
    return "has it"


async def test_of_those_who_take_a_page_up_at_once_one_has_it_and_the_others_are_told(
    platform: Platform, tmp_path: Path
) -> None:
    async with crew(platform, tmp_path) as people:
        await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
        await people.publish()
        case_id = await people.case()
        page = await people.paged(case_id)
        await eventually(lambda: people.clocks(case_id))
        mine, theirs = request_id(), request_id()
        # Each of the two asks twice with the same request, as a client does that got no answer.
        found = await asyncio.gather(
            *(take(people, people.ana, page.page_id, mine) for _ in range(2)),
            *(take(people, people.lead, page.page_id, theirs) for _ in range(2)),
        )
        assert sorted(found) == ["PAGE_ACKNOWLEDGED"] * 2 + ["has it"] * 2
        assert len(set(found[:2])) == len(set(found[2:])) == 1
        recorded = await people.service.running.cases.feed.read(TenantId(people.tenant_id), 0, 1_000)
        taken = [each for each in recorded if isinstance(each.event, PageAcknowledged)]
        assert [each.envelope.actor.id for each in taken] == [(people.ana if found[0] == "has it" else people.lead).id]
        met = [each.event for each in recorded if isinstance(each.event, ServiceLevelMet)]
        assert [each.objective for each in met] == [Objective.ACKNOWLEDGE]


async def test_nobody_is_called_for_a_page_that_somebody_has_however_close_its_deadline_is(
    platform: Platform, tmp_path: Path
) -> None:
    async with crew(platform, tmp_path) as people:
        await people.publish()
        case_id = await people.case()
        pages = [await _page(people, case_id) for _ in range(PAGES)]

        async def shown() -> bool:
            return len(await people.pages(case_id)) > PAGES

        # The timers are there once the view has the pages.
        await eventually(shown)
        people.hands.forward(minutes=11)
        found = await asyncio.gather(*(take(people, people.ana, page_id) for page_id in pages))
        assert found == ["has it"] * PAGES

        async def ben_has_the_others() -> bool:
            """The page of the case itself shows that the timers have fired."""
            (own,) = [each for each in await people.pages(case_id) if each.page_id not in pages]
            return len(own.calls) > 1

        await eventually(ben_has_the_others)
        recorded = await people.service.running.cases.feed.read(TenantId(people.tenant_id), 0, 1_000)
        kinds = (PageSent, PageEscalated, PageAcknowledged, PageUnanswered)
        for page_id in pages:
            events = [each.event for each in recorded if isinstance(each.event, kinds)]
            assert isinstance([each for each in events if each.page_id == page_id][-1], PageAcknowledged)


async def _page(people: Crew, case_id: str) -> str:
    request = write.SendPageRequest(about=pb.PAGE_ABOUT_CASE, about_id=case_id, priority=cases_pb2.PRIORITY_P3)
    return str((await people.call(people.lead, "SendPage", request)).page_id)
