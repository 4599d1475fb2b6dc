"""Customers' questions: to a qualified person, answered in time or escalated, with the times reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass
from tests.fixtures.customers import refusal
from tests.services.cases.people.running import Crew


def desk(people: Crew, certification: str = "forensics") -> pb.Desk:
    return pb.Desk(
        topic="evidence",
        certification=certification,
        principal_ids=[people.ana.id, people.ben.id],
        answer_minutes=30,
    )


async def ask(people: Crew, topic: str = "evidence") -> Any:
    request = write.AskQuestionRequest(
        kind=pb.QUESTION_KIND_QUESTION, topic=topic, text="May we rebuild host 7?", label=common.LABEL_AMBER
    )
    return await people.call(people.service.approver, "AskQuestion", request)


async def answer(people: Crew, who: Any, question_id: str) -> Any:
    request = write.AnswerQuestionRequest(
        question_id=question_id, text="After its memory was kept.", label=common.LABEL_AMBER
    )
    return await people.call(who, "AnswerQuestion", request)


async def test_a_topic_that_nobody_answers_is_refused_with_those_that_are(people: Crew) -> None:
    await people.publish(desks=[desk(people, "")])
    refused = await refusal(ask(people, "billing"))
    assert refused.reason == "TOPIC_UNKNOWN"
    assert refused.metadata["topics"] == "evidence"


async def test_answer_times_without_a_question_are_absent_and_not_zero(people: Crew) -> None:
    await people.publish(desks=[desk(people, "")])
    request = read.GetAnswerTimesRequest(tenant_id=people.tenant_id)
    getattr(request, "from").FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    request.to.FromDatetime(datetime.now(UTC))
    times = await people.call(people.lead, "GetAnswerTimes", request)
    assert times.asked == 0
    assert not times.HasField("p50_seconds")


async def test_a_second_opinion_is_another_persons_and_says_whether_it_agrees(people: Crew) -> None:
    await people.publish(desks=[desk(people, "")])
    asset = await people.service.asset("host-b", AssetClass.STANDARD, "office")
    detection = await people.service.detection(asset, techniques=("T1059",))
    request = write.AskSecondOpinionRequest(
        topic="evidence", detection_id=detection, text="Benign, or am I wrong?", label=common.LABEL_AMBER
    )
    asked = await people.call(people.ana, "AskSecondOpinion", request)
    assert asked.principal_id == people.ben.id, "not the one who asks, although on call"
    assert (await refusal(answer(people, people.ana, asked.question_id))).reason == "OWN_QUESTION"
    assert (await refusal(answer(people, people.ben, asked.question_id))).reason == "AGREEMENT_MISSING"
    said = write.AnswerQuestionRequest(
        question_id=asked.question_id, text="It is not.", label=common.LABEL_AMBER, agrees=False
    )
    done = await people.call(people.ben, "AnswerQuestion", said)
    rows = read.ListQuestionsRequest(tenant_ids=[people.tenant_id], min_position=done.position)
    (row,) = (await people.call(people.ana, "ListQuestions", rows)).questions
    assert (row.detection_id, row.agrees, row.answered_by) == (detection, False, people.ben.id)
    request.ClearField("request_id")
    request.detection_id = "detection-nowhere"
    assert (await refusal(people.call(people.ana, "AskSecondOpinion", request))).reason == "SUBJECT_UNKNOWN"
    by_customer = await refusal(people.call(people.service.approver, "AskSecondOpinion", request))
    assert by_customer.reason == "ROLE_MISSING"
