"""Pages over the running service: whom they call, who may take them up, and who is called next."""

import pytest
from tenet.cases.v1 import cases_pb2
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_write_pb2 as write

from contracts.events.assets import AssetClass
from infra.grpc import RemoteError
from tests.fixtures.customers import eventually, refusal
from tests.services.cases.people.running import Crew


async def called(people: Crew, about_id: str, count: int) -> list[str]:
    async def look() -> list[str]:
        calls = [call.principal_id for call in (await people.paged(about_id)).calls]
        return calls if len(calls) >= count else []

    found: list[str] = await eventually(look)
    return found


async def test_an_acknowledged_page_calls_nobody_else(people: Crew) -> None:
    await people.publish()
    case_id = await people.case()
    page = await people.paged(case_id)
    stranger = await refusal(
        people.call(people.ben, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))
    )
    assert stranger.reason == "NOT_PAGED"
    await people.call(people.ana, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))
    again = await refusal(
        people.call(people.lead, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))
    )
    assert again.reason == "PAGE_ACKNOWLEDGED"
    people.hands.forward(minutes=30)
    other = await people.case()
    assert await called(people, other, 1)
    page = await people.paged(case_id)
    assert len(page.calls) == 1
    assert page.acknowledged_by == people.ana.id


async def test_a_person_can_call_for_a_detection_and_nobody_for_what_is_not_there(people: Crew) -> None:
    await people.publish()
    asset = await people.service.asset("host-a", AssetClass.STANDARD, "office")
    detection = await people.service.detection(asset, techniques=("T1059",))
    request = write.SendPageRequest(about=pb.PAGE_ABOUT_DETECTION, about_id=detection, priority=cases_pb2.PRIORITY_P2)
    sent = await people.call(people.ben, "SendPage", request)
    assert sent.principal_id == people.ana.id
    request = write.SendPageRequest(about=pb.PAGE_ABOUT_CASE, about_id="case-nowhere", priority=cases_pb2.PRIORITY_P2)
    assert (await refusal(people.call(people.ben, "SendPage", request))).reason == "PAGE_ABOUT_UNKNOWN"


async def test_without_a_rota_nobody_can_be_called_and_it_is_said(people: Crew) -> None:
    with pytest.raises(RemoteError) as refused:
        await people.call(people.ben, "GetOnCall", read.GetOnCallRequest())
    assert refused.value.reason == "ROTA_MISSING"


async def test_a_tenant_is_in_one_rota_only(people: Crew) -> None:
    await people.publish()
    refused = await refusal(people.publish(name=f"other-{people.tenant_id}"))
    assert refused.reason == "TENANT_IN_ANOTHER_ROTA"
    await people.publish(tenant_ids=[])
    await people.publish(name=f"other-{people.tenant_id}")
