"""A shift is handed over only when every open item is accepted, one by one, by the person who comes on."""

from typing import Any

from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_rota_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_write_pb2 as write

from tests.fixtures.customers import refusal
from tests.services.cases.people.running import Crew


async def started(people: Crew, rota_id: str) -> str:
    request = write.StartHandoverRequest(rota_id=rota_id, to_principal_id=people.ben.id)
    return str((await people.call(people.ana, "StartHandover", request)).handover_id)


async def look(people: Crew, handover_id: str) -> Any:
    return await people.call(people.ana, "GetHandover", read.GetHandoverRequest(handover_id=handover_id))


async def accept(people: Crew, handover_id: str, item: pb.HandoverItem) -> Any:
    request = write.AcceptHandoverItemRequest(handover_id=handover_id, item=item)
    return await people.call(people.ben, "AcceptHandoverItem", request)


async def complete(people: Crew, handover_id: str) -> Any:
    request = write.CompleteHandoverRequest(handover_id=handover_id)
    return await people.call(people.ben, "CompleteHandover", request)


async def test_only_the_incoming_person_accepts_and_only_what_is_open(people: Crew) -> None:
    published = await people.publish()
    handover_id = await started(people, published.rota_id)
    nothing = pb.HandoverItem(kind=pb.HANDOVER_ITEM_KIND_CASE, tenant_id=people.tenant_id, id="case-nowhere")
    assert (await refusal(accept(people, handover_id, nothing))).reason == "HANDOVER_ITEM_UNKNOWN"
    request = write.CompleteHandoverRequest(handover_id=handover_id)
    assert (await refusal(people.call(people.ana, "CompleteHandover", request))).reason == "NOT_INCOMING"
    same = write.StartHandoverRequest(rota_id=published.rota_id, to_principal_id=people.ana.id)
    assert (await refusal(people.call(people.ana, "StartHandover", same))).reason == "HANDOVER_INVALID"
    stranger = write.StartHandoverRequest(rota_id=published.rota_id, to_principal_id=people.service.approver_id)
    assert (await refusal(people.call(people.ana, "StartHandover", stranger))).reason == "HANDOVER_INVALID"
    await complete(people, handover_id)
