"""S3: certifications gate actions and expire; a question reaches a qualified person; the answer time is reported."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as case_writes
from tenet.cases.v1 import cases_write_pb2_grpc

from tests.fixtures.customers import eventually, refusal
from tests.fixtures.platform import Platform, new_platform
from tests.services.cases.people.running import CHARTER, Crew, crew
from tests.services.cases.people.test_questions import answer, ask, desk


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def people(platform: Platform, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(platform, tmp_path) as made:
        yield made


async def test_only_a_certified_person_completes_the_gated_step(people: Crew) -> None:
    await people.publish()
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    case_id = await people.case()
    decided = await people.service.analyst.call(
        people.service.write.DecidePlan,
        case_writes.DecidePlanRequest(tenant_id=people.tenant_id, request_id="decide-0001", case_id=case_id),
    )
    look, valve = decided.plan.steps

    async def complete(step_id: str) -> Any:
        stub = people.ana.client.stub(cases_write_pb2_grpc.CasesWriteServiceStub)
        request = case_writes.CompleteStepRequest(
            tenant_id=people.tenant_id,
            request_id=f"complete-{step_id}-{people.hands().timestamp()}",
            case_id=case_id,
            plan_id=decided.plan.plan_id,
            step_id=step_id,
            result="Done.",
        )
        return await people.ana.client.call(stub.CompleteStep, request)

    await complete(look.step_id)
    assert (await refusal(complete(valve.step_id))).reason == "CERTIFICATION_MISSING"
    await people.certify(people.ana, "ot-response", datetime.now(UTC) + timedelta(minutes=30))
    people.hands.forward(minutes=31)
    expired = await refusal(complete(valve.step_id))
    assert expired.reason == "CERTIFICATION_EXPIRED"
    assert expired.metadata["certification"] == "ot-response"
    await people.certify(people.ana, "ot-response", datetime.now(UTC) + timedelta(days=30))
    await complete(valve.step_id)

    async def contained() -> bool:
        clock = (await people.clocks(case_id)).get("contain")
        return clock is not None and clock.status == pb.CLOCK_STATUS_MET

    await eventually(contained)


async def test_a_question_reaches_a_qualified_person_and_only_that_one_can_answer(people: Crew) -> None:
    await people.publish(desks=[desk(people)])
    await people.certify(people.ben, "forensics", datetime.now(UTC) + timedelta(minutes=40))
    asked = await ask(people)
    assert (asked.principal_id, asked.qualified) == (people.ben.id, True)
    assert (await refusal(answer(people, people.ana, asked.question_id))).reason == "CERTIFICATION_MISSING"
    done = await answer(people, people.ben, asked.question_id)
    assert not done.late
    assert (await refusal(answer(people, people.ben, asked.question_id))).reason == "QUESTION_ANSWERED"
    request = read.ListQuestionsRequest(tenant_ids=[people.tenant_id], min_position=done.position)
    (row,) = (await people.call(people.service.approver, "ListQuestions", request)).questions
    assert row.answer.value == "After its memory was kept."
    assert row.status == pb.QUESTION_STATUS_ANSWERED
    # An expired certification neither gets questions nor answers them.
    people.hands.forward(minutes=41)
    asked = await ask(people)
    assert (asked.principal_id, asked.qualified) == (people.lead.id, False)
    assert (await refusal(answer(people, people.ben, asked.question_id))).reason == "CERTIFICATION_EXPIRED"


async def test_an_overdue_question_goes_to_the_lead_and_the_answer_time_is_reported(people: Crew) -> None:
    await people.publish(desks=[desk(people, "")])
    first = await ask(people)
    assert first.principal_id == people.ana.id
    await answer(people, people.ana, first.question_id)
    late = await ask(people)
    people.hands.forward(minutes=30)
    page = await people.paged(late.question_id)
    assert page.about == pb.PAGE_ABOUT_QUESTION
    assert page.calls[0].principal_id == people.lead.id
    done = await answer(people, people.ben, late.question_id)
    assert done.late
    request = read.GetAnswerTimesRequest(tenant_id=people.tenant_id, min_position=done.position)
    getattr(request, "from").FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    request.to.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    times = await people.call(people.service.approver, "GetAnswerTimes", request)
    assert (times.asked, times.answered, times.answered_in_time, times.breached, times.still_open) == (2, 2, 1, 1, 0)
    assert times.HasField("p50_seconds")
