"""The manifesto's five examples, decided and followed under the demonstration's charters."""

from datetime import timedelta

import pytest

from contracts.events.assets import AssetClass, AssetKind
from contracts.events.cases import (
    ActionDispatched,
    ActionExpired,
    ActionReversed,
    ActionVerified,
    CaseClosed,
    CaseOpened,
    Mode,
    NoticeSent,
    PlanDecided,
    Precedence,
    ResponseType,
    StepReleased,
)
from contracts.events.subjects import SubjectKind, Verdict
from contracts.labels import Label
from services.cases.domain import commands as ask
from services.cases.domain import errors
from services.cases.domain.charter import read_charter
from services.cases.domain.charter_check import contradictions
from tests.services.cases.charters import principal, text_of
from tests.services.cases.world import World

NAMES = ("retailer", "clinic", "finance", "executive", "manufacturer")


@pytest.mark.parametrize("name", NAMES)
def test_a_demonstration_charter_contradicts_itself_nowhere(name: str) -> None:
    assert contradictions(read_charter(text_of(name)), ("edr", "idp")) == ()


async def test_the_retailers_erp_is_only_investigated_in_the_holiday_freeze(world: World) -> None:
    erp = world.asset("erp", AssetClass.REVENUE, value=5, group="shop")
    finding = world.finding(erp)
    await world.charter("retailer")
    await world.settle()
    (opened,) = world.events(CaseOpened)
    assert opened.priority == "P1"
    plan = await world.decide(opened.case_id)
    assert plan.precedence is Precedence.FREEZE
    assert [step.step_id for step in plan.steps if step.active] == ["patch-1"]
    patch = next(step for step in plan.steps if step.step_id == "patch-1")
    assert patch.not_before is not None
    assert patch.not_before.isoformat() == "2027-01-06T23:00:00+00:00"
    await world.approve(plan)
    await world.complete(plan, "examine")
    await world.dispatch(plan, "raise-monitoring-1")
    await world.settle()
    assert world.edr.state["erp"] == {"monitoring": "raised"}
    with pytest.raises(errors.InvestigateOnly):
        await world.dispatch(plan, "patch-1")
    world.now = patch.not_before
    await world.settle()
    assert [event.step_id for event in world.events(StepReleased)] == ["patch-1"]
    with pytest.raises(errors.ApprovalExpired):
        await world.dispatch(plan, "patch-1")
    await world.approve(plan, "approver-two")
    await world.dispatch(plan, "patch-1")
    await world.settle()
    assert world.edr.state["erp"]["patch"] == "applied"
    assert finding


async def test_ransomware_at_the_clinic_is_eliminated_on_every_affected_device_without_a_further_word(
    world: World,
) -> None:
    devices = [world.asset(f"admission-{number}", AssetClass.CLINICAL, group="admission") for number in range(3)]
    digest = await world.charter("clinic")
    await world.preauthorise(digest, ["contain network", "stop process"], ["admission"])
    detection = world.detection(*devices)
    await world.settle()
    assert world.events(CaseOpened) == []
    world.validate(detection)
    await world.settle()
    (plan,) = world.events(PlanDecided)
    assert plan.precedence is Precedence.PROTECTED_CLASS
    assert plan.mode is Mode.STOP
    dispatched = world.events(ActionDispatched)
    assert {event.target_asset_id for event in dispatched} == set(devices)
    assert all(event.basis.preauthorisation_position is not None for event in dispatched)
    assert len(world.events(ActionVerified)) == 3
    assert all(world.edr.state[f"admission-{number}"]["network"] == "isolated" for number in range(3))
    for number in range(1, 4):
        await world.dispatch(plan, f"keep-evidence-{number}")
    await world.settle()
    assert all(world.edr.state[f"admission-{number}"]["process"] == "stopped" for number in range(3))


@pytest.mark.parametrize("clear", [False, True], ids=["sealed", "in the clear, as it was"])
async def test_the_administrators_odd_access_is_asked_about_over_a_channel_that_is_not_suspect(
    world: World, clear: bool
) -> None:
    account = world.asset(
        "acct-it-admin", AssetClass.PRIVILEGED_IDENTITY, kind=AssetKind.ACCOUNT, group="administrators", clear=clear
    )
    await world.charter("finance")
    detection = world.detection(account, techniques=("T1078.002",), severity=4)
    question = {
        "detection_id": detection,
        "case_id": None,
        "recipient_principal_id": principal("it-administrator"),
        "question": "Did you work on the ledger server last night?",
        "deadline": world.now + timedelta(hours=1),
        "label": Label.AMBER,
    }

    async def enquire(channel: str) -> str:
        call = world.call()
        command = world.make(ask.SendEnquiry, call, channel=channel, **question)
        return str((await world.app.conversing.send_enquiry(call, command)).recorded[0].event.enquiry_id)

    with pytest.raises(errors.NotTriaged):
        await enquire("phone")
    world.claim(detection)
    with pytest.raises(errors.EnquiryChannelSuspect):
        await enquire("mail")
    enquiry_id = await enquire("phone")
    assert world.events(CaseOpened) == []
    answering = world.call("it-administrator")
    answer = world.make(ask.AnswerEnquiry, answering, enquiry_id=enquiry_id, expected=False, comment="Not me.")
    await world.app.conversing.answer_enquiry(answering, answer)
    world.validate(detection)
    await world.settle()
    (opened,) = world.events(CaseOpened)
    plan = await world.decide(opened.case_id)
    assert plan.steps[0].response_type is ResponseType.NOTIFY
    assert world.events(NoticeSent) == []


@pytest.mark.parametrize("clear", [False, True], ids=["sealed", "in the clear, as it was"])
async def test_the_executives_roles_are_reduced_for_a_while_and_the_account_is_kept(world: World, clear: bool) -> None:
    account = world.asset(
        "acct-managing-director", AssetClass.EXECUTIVE_IDENTITY, kind=AssetKind.ACCOUNT, group="board", clear=clear
    )
    digest = await world.charter("executive")
    await world.preauthorise(digest, ["set roles_reduced"], ["board"])
    detection = world.detection(account, techniques=("T1078.004",))
    position = world.validate(detection)
    await world.settle()
    assert world.idp.state["acct-managing-director"] == {"roles": "reduced"}
    (action,) = world.events(ActionDispatched)
    assert action.expires_at == world.now + timedelta(days=1)
    # The director was reached and it was the director: the verdict goes, and the roles come back all the same.
    world.withdraw(detection, position)
    call = world.call()
    reverse = world.make(ask.ReverseAction, call, action_id=action.action_id)
    await world.app.acting.reverse_action(call, reverse)
    await world.settle()
    assert world.idp.state["acct-managing-director"] == {"roles": "full"}
    assert len(world.events(ActionReversed)) == 1


async def test_a_containment_ends_by_itself_when_its_time_is_over(world: World) -> None:
    account = world.asset(
        "acct-managing-director", AssetClass.EXECUTIVE_IDENTITY, kind=AssetKind.ACCOUNT, group="board"
    )
    digest = await world.charter("executive")
    await world.preauthorise(digest, ["set roles_reduced"], ["board"])
    world.validate(world.detection(account, techniques=("T1078",)))
    await world.settle()
    world.now += timedelta(days=1)
    await world.settle()
    assert len(world.events(ActionExpired)) == 1
    assert world.idp.state["acct-managing-director"] == {"roles": "full"}
    assert world.names()[-1] == "ActionReversed"


async def test_the_factory_floor_is_patched_ring_by_ring_while_the_waiting_hosts_are_protected(world: World) -> None:
    one = world.asset("plc-1", AssetClass.PRODUCTION_LINE, kind=AssetKind.CONTROLLER, group="line-1")
    two = world.asset("plc-2", AssetClass.PRODUCTION_LINE, kind=AssetKind.CONTROLLER, group="line-2")
    await world.charter("manufacturer")
    world.finding(one, two, severity=4)
    await world.settle()
    (opened,) = world.events(CaseOpened)
    plan = await world.decide(opened.case_id)
    await world.approve(plan)
    for number in (1, 2):
        await world.dispatch(plan, f"protect-waiting-{number}")
        await world.dispatch(plan, f"watch-waiting-{number}")
    await world.settle()
    assert world.edr.state["plc-2"] == {"protection": "raised", "monitoring": "raised"}
    with pytest.raises(errors.RingNotHealthy):
        await world.dispatch(plan, "patch-line-2-1")
    with pytest.raises(errors.InvestigateOnly):
        await world.dispatch(plan, "patch-line-1-1")
    world.now = next(step.not_before for step in plan.steps if step.step_id == "patch-line-1-1")
    await world.approve(plan, "approver-two")
    await world.dispatch(plan, "patch-line-1-1")
    await world.settle()
    with pytest.raises(errors.RingNotHealthy):
        await world.dispatch(plan, "patch-line-2-1")
    await world.complete(plan, "line-1-runs")
    await world.dispatch(plan, "patch-line-2-1")
    await world.settle()
    closing = {
        "case_id": opened.case_id,
        "outcome": "resolved",
        "root_cause": "The application was on no calendar.",
        "cause_addressed": True,
        "lessons": "Keep one.",
        "recommendation": "Patch monthly.",
    }
    call = world.call()
    with pytest.raises(errors.CauseNotAddressed):
        await world.app.case_work.close_case(call, world.make(ask.CloseCase, call, **closing))
    await world.complete(plan, "update-change-control")
    call = world.call()
    await world.app.case_work.close_case(call, world.make(ask.CloseCase, call, **closing))
    assert len(world.events(CaseClosed)) == 1


async def test_a_verdict_that_calls_for_no_response_opens_no_case(world: World) -> None:
    server = world.asset("server", AssetClass.STANDARD)
    await world.charter("clinic")
    detection = world.detection(server)
    world.validate(detection, Verdict.BENIGN_EXPECTED)
    await world.settle()
    assert world.events(CaseOpened) == []
    with pytest.raises(errors.NotValidated):
        await world.open(detection, SubjectKind.DETECTION)
