"""M5b (staff): an unacknowledged page climbs on time, probes show who is there, a shift is handed over item by item."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_rota_read_pb2 as rotas
from tenet.cases.v1 import cases_people_write_pb2 as write

from tests.fixtures.customers import eventually, refusal
from tests.fixtures.platform import Platform, new_platform
from tests.services.cases.people.running import CHARTER, Crew, always, crew
from tests.services.cases.people.test_calling import called
from tests.services.cases.people.test_handovers import accept, complete, look, started


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def people(platform: Platform, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(platform, tmp_path) as made:
        yield made


async def test_an_urgent_case_calls_whoever_is_on_call_then_the_next_then_the_lead(people: Crew) -> None:
    await people.publish()
    case_id = await people.case()
    page = await people.paged(case_id)
    assert [call.principal_id for call in page.calls] == [people.ana.id]
    assert page.calls[0].channel == pb.PAGE_CHANNEL_PHONE
    people.hands.forward(minutes=10)
    assert await called(people, case_id, 2) == [people.ana.id, people.ben.id]
    people.hands.forward(minutes=10)
    assert await called(people, case_id, 3) == [people.ana.id, people.ben.id, people.lead.id]
    people.hands.forward(minutes=10)

    async def alarmed() -> bool:
        return (await people.paged(case_id)).status == pb.PAGE_STATUS_UNANSWERED

    await eventually(alarmed)
    # Late is better than never.
    await people.call(people.lead, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))


async def test_a_probe_asks_whether_somebody_is_there_and_climbs_when_nobody_is(people: Crew) -> None:
    published = await people.publish(probe_minutes=60)
    people.hands.forward(minutes=61)
    page = await people.paged(published.rota_id, "provider")
    assert page.about == pb.PAGE_ABOUT_PROBE
    people.hands.forward(minutes=10)

    async def climbed() -> bool:
        return [call.principal_id for call in (await people.pages(published.rota_id, "provider"))[0].calls] == [
            people.ana.id,
            people.ben.id,
        ]

    await eventually(climbed)
    await people.call(
        people.ben, "AcknowledgePage", write.AcknowledgePageRequest(tenant_id="provider", page_id=page.page_id)
    )


async def test_a_handover_is_blocked_until_each_open_item_is_accepted_new_ones_too(people: Crew) -> None:
    # Days only, so that every night ahead is a gap.
    layer = always(people.ana.id, "days")
    layer.shifts[0].starts, layer.shifts[0].ends = "2026-01-01T08:00:00", "2026-01-01T20:00:00"
    layer.shifts.append(pb.Shift(principal_id=people.ben.id, starts="2026-01-01T20:00:00", ends="2026-01-01T21:00:00"))
    published = await people.publish(layers=[layer], horizon_days=1)
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    case_id = await people.case()
    handover_id = await started(people, published.rota_id)
    blocked = await refusal(complete(people, handover_id))
    assert blocked.reason == "HANDOVER_INCOMPLETE"
    assert f"case:{people.tenant_id}:{case_id}" in blocked.metadata["items"]
    items = list((await look(people, handover_id)).open)
    kinds = {item.kind for item in items}
    assert kinds == {pb.HANDOVER_ITEM_KIND_CASE, pb.HANDOVER_ITEM_KIND_GAP}
    for item in items:
        await accept(people, handover_id, item)
    # Something new comes in between.
    other = await people.case()
    blocked = await refusal(complete(people, handover_id))
    assert blocked.metadata["open"] == "1"
    (left,) = (await look(people, handover_id)).open
    assert left.id == other
    await accept(people, handover_id, left)
    done = await complete(people, handover_id)
    (row,) = (
        await people.call(
            people.lead,
            "ListHandovers",
            rotas.ListHandoversRequest(rota_id=published.rota_id, min_position=done.position),
        )
    ).handovers
    assert row.completed_at.seconds > 0
    assert len(row.accepted) == len(items) + 1
    assert (await refusal(complete(people, handover_id))).reason == "HANDOVER_COMPLETED"
