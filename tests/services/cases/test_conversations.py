"""Notices and enquiries: to whom, how complete, by when, and under which label."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.assets import AssetClass, AssetKind
from contracts.events.cases import EnquiryExpired, NoticeOverdue
from contracts.labels import Label
from services.cases.domain import commands as ask
from services.cases.domain import errors
from tests.services.cases.charters import principal
from tests.services.cases.plans import planned, simple
from tests.services.cases.world import World


async def notice(world: World, plan: Any, **changes: Any) -> Any:
    call = world.call()
    evidence = ask.EvidenceGiven(label=changes.pop("evidence_label", Label.AMBER), summary="A log line")
    fields = {
        "case_id": plan.case_id,
        "channel": "phone",
        "recipient_principal_id": principal("boss"),
        "what": "Encryption",
        "where": "Host",
        "when": "Now",
        "evidence": (evidence,),
        "options": ("Isolate", "Wait"),
        "deadline": world.now + timedelta(minutes=30),
        "label": Label.AMBER,
    }
    command = world.make(ask.SendNotice, call, **(fields | changes))
    return (await world.app.conversing.send_notice(call, command)).recorded[0].event


async def enquiry(world: World, detection: str, case_id: str | None = None) -> Any:
    call = world.call()
    command = world.make(
        ask.SendEnquiry,
        call,
        detection_id=detection,
        case_id=case_id,
        recipient_principal_id=principal("boss"),
        channel="phone",
        question="Was it you?",
        deadline=world.now + timedelta(minutes=10),
        label=Label.AMBER,
    )
    return (await world.app.conversing.send_enquiry(call, command)).recorded[0].event


@pytest.mark.parametrize(
    ("field", "empty"),
    [("what", " "), ("where", ""), ("when", ""), ("evidence", ()), ("options", ()), ("deadline", None)],
)
async def test_a_notice_that_lacks_anything_is_refused_by_name(world: World, field: str, empty: Any) -> None:
    plan = await planned(world)
    with pytest.raises(errors.NoticeIncomplete) as refused:
        await notice(world, plan, **{field: empty})
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_notice_goes_to_registered_people_only_and_what_is_red_stays(world: World) -> None:
    plan = await planned(world)
    with pytest.raises(errors.ContactUnknown):
        await notice(world, plan, recipient_principal_id=principal("somebody"))
    with pytest.raises(errors.ContactUnknown):
        await notice(world, plan, channel="pigeon")
    with pytest.raises(errors.LabelForbids):
        await notice(world, plan, label=Label.RED)
    with pytest.raises(errors.LabelForbids):
        await notice(world, plan, evidence_label=Label.RED)
    with pytest.raises(errors.DeadlineInvalid):
        await notice(world, plan, deadline=world.now)
    sent = await notice(world, plan)
    call = world.call("approver-one")
    command = world.make(ask.AcknowledgeNotice, call, notice_id=sent.notice_id, decision="isolate")
    with pytest.raises(errors.NotTheRecipient):
        await world.app.conversing.acknowledge_notice(call, command)
    world.now += timedelta(minutes=30)
    await world.settle()
    assert len(world.events(NoticeOverdue)) == 1


async def test_silence_on_an_enquiry_is_recorded_when_its_time_is_over(world: World) -> None:
    account = world.asset("acct", AssetClass.IDENTITY, kind=AssetKind.ACCOUNT)
    await world.charter(text=simple())
    detection = world.detection(account)
    world.claim(detection)
    with pytest.raises(errors.CaseUnknown):
        await enquiry(world, detection, case_id="case-of-nobody")
    sent = await enquiry(world, detection)
    world.now += timedelta(minutes=10)
    await world.settle()
    assert len(world.events(EnquiryExpired)) == 1
    late = world.call("boss")
    answer = world.make(ask.AnswerEnquiry, late, enquiry_id=sent.enquiry_id, expected=True, comment="Yes")
    with pytest.raises(errors.AlreadyAnswered):
        await world.app.conversing.answer_enquiry(late, answer)
