"""Each refusal with its reason, by the real application over a ledger in memory."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.assets import AssetClass
from contracts.events.cases import (
    ActionCancelled,
    ActionDispatched,
    ActionLost,
    ActionRefused,
    ActionRehearsed,
    ActionVerificationFailed,
    PlanDecided,
)
from contracts.events.subjects import Verdict
from contracts.ids import TenantId
from services.cases.domain import commands as ask
from services.cases.domain import errors
from tests.services.cases.charters import principal
from tests.services.cases.plans import planned, simple
from tests.services.cases.world import TENANT, World


async def test_nothing_is_opened_on_what_nobody_validated(world: World) -> None:
    host = world.asset("host", AssetClass.STANDARD)
    detection = world.detection(host)
    with pytest.raises(errors.NotValidated):
        await world.open(detection)
    with pytest.raises(errors.SubjectUnknown):
        await world.open("detection-unheard-of")
    position = world.validate(detection)
    world.withdraw(detection, position)
    with pytest.raises(errors.ValidationWithdrawn):
        await world.open(detection)


async def test_a_subject_has_one_case_whoever_opens_it(world: World) -> None:
    host = world.asset("host", AssetClass.STANDARD)
    detection = world.detection(host)
    world.validate(detection)
    await world.open(detection)
    with pytest.raises(errors.CaseExists):
        await world.open(detection)


async def test_an_asset_of_another_tenant_is_unknown(world: World) -> None:
    detection = world.detection("asset-of-somebody-else")
    world.validate(detection)
    with pytest.raises(errors.AssetUnknown):
        await world.open(detection)


async def test_a_withdrawn_verdict_stops_every_way_to_a_response(world: World) -> None:
    plan = await planned(world)
    detection = plan.subject.id
    world.withdraw(detection, plan.subject.validation_position)
    with pytest.raises(errors.ValidationWithdrawn):
        await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.ValidationWithdrawn):
        await world.decide(plan.case_id)
    with pytest.raises(errors.ValidationWithdrawn):
        await world.approve(plan)
    await world.settle()
    assert len(world.events(ActionCancelled)) == 4
    # Validated anew, the old plan still does not count: it rests on the verdict that was withdrawn.
    world.validate(detection)
    with pytest.raises(errors.ValidationWithdrawn):
        await world.dispatch(plan, "keep-1")
    fresh = await world.decide(plan.case_id)
    assert fresh.plan_id != plan.plan_id
    await world.dispatch(fresh, "keep-1")


async def test_a_verdict_withdrawn_between_decision_and_append_wins(world: World) -> None:
    plan = await planned(world)
    world.ledger.before_append.append(lambda: world.withdraw(plan.subject.id, plan.subject.validation_position))
    with pytest.raises(errors.ValidationWithdrawn):
        await world.dispatch(plan, "keep-1")
    assert world.ledger.conflicts == 1
    assert world.events(ActionDispatched) == []


async def test_a_verdict_that_calls_for_nothing_is_no_validation(world: World) -> None:
    plan = await planned(world)
    world.validate(plan.subject.id, Verdict.FALSE_POSITIVE)
    with pytest.raises(errors.NotValidated):
        await world.dispatch(plan, "keep-1")


async def test_evidence_precedes_destruction(world: World) -> None:
    plan = await planned(world)
    await world.approve(plan)
    with pytest.raises(errors.StepOrder):
        await world.dispatch(plan, "kill-1")
    await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.StepOrder):
        await world.dispatch(plan, "kill-1")
    await world.settle()
    await world.dispatch(plan, "kill-1")


async def reorder(world: World, plan: Any, *order: str) -> Any:
    call = world.call("lead")
    command = world.make(
        ask.ReorderPlan,
        call,
        case_id=plan.case_id,
        plan_id=plan.plan_id,
        digest=plan.digest,
        order=order,
        reason="Because",
    )
    return (await world.app.planning.reorder_plan(call, command)).recorded[0].event


async def test_a_reorder_voids_every_approval_and_cannot_turn_the_order_of_need_around(world: World) -> None:
    plan = await planned(world)
    await world.approve(plan)
    await world.dispatch(plan, "keep-1")
    await world.settle()
    with pytest.raises(errors.StepOrder):
        await reorder(world, plan, "kill-1", "keep-1", "isolate-1", "both-1", "fix")
    reordered = await reorder(world, plan, "isolate-1", "keep-1", "kill-1", "both-1", "fix")
    assert reordered.digest != plan.digest
    with pytest.raises(errors.ApprovalMissing):
        await world.dispatch(plan, "kill-1")
    with pytest.raises(errors.PlanChanged):
        await world.approve(plan, "approver-two")


async def test_who_may_approve(world: World) -> None:
    plan = await planned(world)
    with pytest.raises(errors.NotACustomersPerson):
        await world.approve(plan, "lead")
    with pytest.raises(errors.SelfApproval):
        await world.approve(plan, "analyst", home="clinic")
    await world.approve(plan, "approver-one")
    with pytest.raises(errors.SamePerson):
        await world.approve(plan, "approver-one")
    with pytest.raises(errors.ApprovalMissing):
        await world.dispatch(plan, "both-1")
    await world.approve(plan, "approver-two")
    await world.dispatch(plan, "both-1")
    (dispatched,) = world.events(ActionDispatched)
    assert len(dispatched.basis.approval_positions) == 2


async def test_an_approval_expires_and_can_be_given_again(world: World) -> None:
    plan = await planned(world)
    await world.approve(plan)
    await world.dispatch(plan, "keep-1")
    await world.settle()
    world.now += timedelta(minutes=60)
    with pytest.raises(errors.ApprovalExpired):
        await world.dispatch(plan, "kill-1")
    await world.approve(plan)
    await world.dispatch(plan, "kill-1")


async def test_a_weak_session_cannot_approve_where_the_charter_asks_for_more(world: World) -> None:
    host = world.asset("host", AssetClass.STANDARD, group="office")
    call = world.call()
    text = simple(acr="phr")
    proposed = await world.app.permitting.propose_charter(call, world.make(ask.ProposeCharter, call, text=text))
    digest = proposed.recorded[0].event.digest
    weak = world.call("approver-one")
    command = {"charter_version": 1, "digest": digest}
    with pytest.raises(errors.StepUpRequired):
        await world.app.permitting.approve_charter(weak, world.make(ask.ApproveCharter, weak, **command))
    strong = world.call("approver-one", acr="phr")
    await world.app.permitting.approve_charter(strong, world.make(ask.ApproveCharter, strong, **command))
    detection = world.detection(host)
    world.validate(detection)
    plan = await world.decide(await world.open(detection))
    with pytest.raises(errors.StepUpRequired):
        await world.approve(plan)
    approved = await world.approve(plan, acr="phr")
    assert approved.event.acr == "phr"


async def test_a_rejected_plan_is_not_followed(world: World) -> None:
    plan = await planned(world)
    call = world.call("approver-one")
    command = world.make(
        ask.RejectPlan, call, case_id=plan.case_id, plan_id=plan.plan_id, digest=plan.digest, reason="No"
    )
    await world.app.planning.reject_plan(call, command)
    with pytest.raises(errors.PlanRejectedByCustomer):
        await world.dispatch(plan, "keep-1")
    await world.decide(plan.case_id)


async def test_a_preauthorisation_covers_its_scope_until_it_ends(world: World) -> None:
    plan = await planned(world)
    digest = plan.line.digest
    with pytest.raises(errors.ApprovalMissing):
        await world.dispatch(plan, "isolate-1")
    await world.preauthorise(digest, ["contain network"], ["servers"])
    with pytest.raises(errors.OutOfScope):
        await world.dispatch(plan, "isolate-1")
    await world.preauthorise(digest, ["contain network"], ["office"], days=1)
    world.now += timedelta(days=1)
    with pytest.raises(errors.PreauthorisationExpired):
        await world.dispatch(plan, "isolate-1")
    fresh = await world.preauthorise(digest, ["contain network"], ["office"], days=30)
    call = world.call("approver-one")
    revoke = world.make(ask.RevokePreauthorisation, call, preauthorisation_id=fresh, reason="No more")
    world.ledger.before_append.clear()
    await world.app.permitting.revoke_preauthorisation(call, revoke)
    with pytest.raises((errors.PreauthorisationRevoked, errors.PreauthorisationExpired)):
        await world.dispatch(plan, "isolate-1")
    with pytest.raises(errors.CharterChanged):
        await world.preauthorise("0" * 64, ["contain network"], ["office"])
    with pytest.raises(errors.PreauthorisationInvalid):
        await world.preauthorise(digest, ["contain everything"], ["office"])
    with pytest.raises(errors.PreauthorisationInvalid):
        await world.preauthorise(digest, ["contain network"], ["office"], days=400)


async def test_a_new_charter_makes_every_plan_of_the_old_one_undispatchable(world: World) -> None:
    plan = await planned(world)
    await world.charter(text=simple().replace("Stop it.", "Stop it now."))
    with pytest.raises(errors.CharterChanged):
        await world.dispatch(plan, "keep-1")


async def test_a_charter_is_approved_by_another_person_over_its_digest(world: World) -> None:
    call = world.call("approver-one")
    await world.app.permitting.propose_charter(call, world.make(ask.ProposeCharter, call, text=simple()))

    async def approve(name: str, digest: str, version: int = 1) -> None:
        calling = world.call(name)
        command = world.make(ask.ApproveCharter, calling, charter_version=version, digest=digest)
        await world.app.permitting.approve_charter(calling, command)

    digest = world.ledger.entries[0].event.digest
    with pytest.raises(errors.SelfApproval):
        await approve("approver-one", digest)
    with pytest.raises(errors.NotACustomersPerson):
        await approve("lead", digest)
    with pytest.raises(errors.CharterChanged):
        await approve("approver-two", "0" * 64)
    with pytest.raises(errors.CharterVersionUnknown):
        await approve("approver-two", digest, 2)
    await approve("approver-two", digest)


async def test_without_a_charter_there_are_cases_but_no_plans(world: World) -> None:
    host = world.asset("host", AssetClass.STANDARD)
    detection = world.detection(host)
    world.validate(detection)
    case_id = await world.open(detection)
    with pytest.raises(errors.CharterMissing):
        await world.decide(case_id)


async def test_a_protected_class_is_never_switched_off(world: World) -> None:
    text = simple().replace("lines:", "protected_classes: [{class: clinical, forbid: [contain network]}]\nlines:")
    host = world.asset("host", AssetClass.STANDARD, group="office")
    await world.charter(text=text)
    detection = world.detection(host)
    world.validate(detection)
    plan = await world.decide(await world.open(detection))
    await world.preauthorise(plan.line.digest, ["contain network"], ["office"])
    # The asset turns out to be a clinical one after the plan was decided.
    world.asset("host", AssetClass.CLINICAL, group="office")
    with pytest.raises(errors.ProtectedClass):
        await world.dispatch(plan, "isolate-1")


async def test_a_connector_that_does_not_answer_gets_no_orders(world: World) -> None:
    plan = await planned(world)
    world.edr.up = False
    with pytest.raises(errors.ConnectorUnhealthy):
        await world.dispatch(plan, "keep-1")


async def test_an_unknown_connector_is_refused_before_a_charter_names_it(world: World) -> None:
    with pytest.raises(errors.CharterInvalid) as refused:
        await world.charter(text=simple(keeper="unheard-of"))
    assert refused.value.violations[0].field == "lines[0].then.steps[0].connector"


async def test_the_same_attempt_is_never_dispatched_twice(world: World) -> None:
    plan = await planned(world)
    await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.AlreadyDispatched):
        await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.AlreadyDispatched):
        await world.dispatch(plan, "keep-1", attempt=2)
    await world.settle()
    with pytest.raises(errors.StepAlreadyDone):
        await world.dispatch(plan, "keep-1", attempt=2)


async def test_what_came_to_nothing_goes_to_a_person_who_may_try_again(world: World) -> None:
    plan = await planned(world)
    world.edr.behaviour = "refuse"
    await world.dispatch(plan, "keep-1")
    await world.settle()
    assert len(world.events(ActionRefused)) == 1
    world.edr.behaviour = "lie"
    await world.dispatch(plan, "keep-1", attempt=2)
    await world.settle()
    assert len(world.events(ActionVerificationFailed)) == 1
    with pytest.raises(errors.ActionNotVerified):
        await world.complete(plan, "keep-1")
    world.edr.behaviour = "silent"
    await world.dispatch(plan, "keep-1", attempt=3)
    await world.settle()
    assert len(world.events(ActionLost)) == 1
    world.edr.behaviour = "hang_after"
    await world.dispatch(plan, "keep-1", attempt=4)
    await world.settle()
    assert world.names()[-2:] == ["ActionVerified", "StepCompleted"]
    assert len(world.edr.effects) == 1


async def test_a_rehearsal_counts_for_nothing(world: World) -> None:
    plan = await planned(world, keeper="rehearsal")
    event = await world.dispatch(plan, "keep-1")
    assert isinstance(event, ActionRehearsed)
    assert "REHEARSAL" in event.outcome
    await world.settle()
    with pytest.raises(errors.ActionNotVerified):
        await world.complete(plan, "keep-1")
    assert world.events(ActionDispatched) == []


async def test_a_task_is_done_by_a_person_and_an_unknown_step_by_nobody(world: World) -> None:
    plan = await planned(world)
    with pytest.raises(errors.NotAnAction):
        await world.dispatch(plan, "fix")
    with pytest.raises(errors.StepUnknown):
        await world.dispatch(plan, "nothing")


async def close(world: World, plan: Any, **changes: Any) -> None:
    call = world.call()
    fields = {
        "case_id": plan.case_id,
        "outcome": "resolved",
        "root_cause": "A weak password",
        "cause_addressed": True,
        "lessons": "Use keys",
        "recommendation": "Use keys",
    }
    await world.app.case_work.close_case(call, world.make(ask.CloseCase, call, **(fields | changes)))


async def test_a_case_closes_only_with_its_cause_its_lessons_and_nothing_open(world: World) -> None:
    plan = await planned(world)
    with pytest.raises(errors.CauseNotAddressed):
        await close(world, plan)
    await world.complete(plan, "fix")
    with pytest.raises(errors.CauseNotAddressed):
        await close(world, plan, cause_addressed=False)
    with pytest.raises(errors.RecommendationMissing):
        await close(world, plan, recommendation="")
    await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.ActionsOpen):
        await close(world, plan)
    await world.settle()
    await close(world, plan, recommendation="", no_recommendation_reason="The host was retired")
    with pytest.raises(errors.CaseNotOpen):
        await world.decide(plan.case_id)
    call = world.call()
    await world.app.case_work.reopen_case(
        call, world.make(ask.ReopenCase, call, case_id=plan.case_id, reason="It came back")
    )
    with pytest.raises(errors.PlanUnknown):
        await world.dispatch(plan, "isolate-1")


async def test_a_case_closes_as_withdrawn_only_once_no_verdict_stands_and_every_effect_has_ended(
    world: World,
) -> None:
    plan = await planned(world)
    withdrawn = {"outcome": "verdict_withdrawn", "cause_addressed": False}
    with pytest.raises(errors.VerdictStands):
        await close(world, plan, **withdrawn)
    await world.preauthorise(plan.line.digest, ["contain network"], ["office"])
    action = await world.dispatch(plan, "isolate-1")
    await world.settle()
    world.withdraw(plan.subject.id)
    with pytest.raises(errors.ActionsOpen):
        await close(world, plan, **withdrawn)
    call = world.call()
    await world.app.acting.reverse_action(call, world.make(ask.ReverseAction, call, action_id=action.action_id))
    await world.settle()
    await close(world, plan, **withdrawn)


async def test_what_has_no_reverse_is_not_reversed(world: World) -> None:
    plan = await planned(world)
    event = await world.dispatch(plan, "keep-1")
    call = world.call()
    with pytest.raises(errors.NotReversible):
        await world.app.acting.reverse_action(call, world.make(ask.ReverseAction, call, action_id=event.action_id))


async def test_a_tripwire_or_the_end_of_the_time_contains_what_was_left_to_go_on(world: World) -> None:
    boss = principal("boss")
    text = simple().replace(
        "lines:",
        """lines:
  - id: watch
    outcome: Learn.
    when: {desired_outcome: [observe]}
    then:
      mode: observe
      observe: {approver: boss, scope: one host, tripwires: [spreads], deadline_minutes: 10, then: any}
      steps:
        - {id: let-it-run, type: investigate, do: task, task: Watch., authority: customer, reason: Learn.}""",
    )
    assert boss in text
    host = world.asset("host", AssetClass.STANDARD, group="office")
    digest = await world.charter(text=text)
    await world.preauthorise(digest, ["contain network"], ["office"])
    detection = world.detection(host)
    world.validate(detection)
    case_id = await world.open(detection)
    await world.decide(case_id, desired_outcome="observe")
    with pytest.raises(errors.TripwireUnknown):
        await world.decide(case_id, tripwire="nonsense")
    await world.settle()
    assert world.events(ActionDispatched) == []
    world.now += timedelta(minutes=10)
    await world.settle()
    assert world.events(PlanDecided)[-1].precedence == "tripwire"
    assert world.edr.state["host"] == {"network": "isolated"}


@pytest.mark.parametrize(
    ("where", "techniques", "elsewhere", "ends"),
    [
        ("others", ("T1021",), True, True),
        ("others", ("T1021",), False, False),
        ("case", ("T1021.002",), False, True),
        ("case", ("T1021",), True, False),
        ("anywhere", ("T1486",), True, False),
    ],
)
async def test_an_observation_ends_by_itself_when_a_tripwire_is_hit(
    world: World, where: str, techniques: tuple[str, ...], elsewhere: bool, ends: bool
) -> None:
    text = simple().replace(
        "lines:",
        f"""tripwires: [{{name: spreads, techniques: [T1021], where: {where}}}]
lines:
  - id: watch
    outcome: Learn.
    when: {{desired_outcome: [observe]}}
    then:
      mode: observe
      observe: {{approver: boss, scope: one host, tripwires: [spreads], deadline_minutes: 10, then: any}}
      steps:
        - {{id: let-it-run, type: investigate, do: task, task: Watch., authority: customer, reason: Learn.}}""",
    )
    host, other = (world.asset(name, AssetClass.STANDARD, group="office") for name in ("host", "other"))
    await world.preauthorise(await world.charter(text=text), ["contain network"], ["office"])
    detection = world.detection(host)
    world.validate(detection)
    case_id = await world.open(detection)
    await world.decide(case_id, desired_outcome="observe")
    await world.settle()
    world.detection(other if elsewhere else host, techniques=techniques, name="new")
    await world.settle()
    assert (world.events(PlanDecided)[-1].precedence == "tripwire") is ends
    assert (world.edr.state.get("host") == {"network": "isolated"}) is ends


async def test_a_tenant_without_a_charter_follows_that_of_the_entity_above_it(world: World) -> None:
    above = TenantId("group")
    digest = await world.charter(text=simple(), tenant=above)
    world.parents[TENANT] = above
    host = world.asset("host", AssetClass.STANDARD, group="office")
    detection = world.detection(host)
    world.validate(detection)
    case_id = await world.open(detection)
    plan = await world.decide(case_id)
    assert plan.line.digest == digest
    await world.dispatch(plan, "keep-1")
    # Its own charter, once it has one, is the only one that counts.
    own = await world.charter(text=simple().replace("Stop it.", "Stop it here."))
    with pytest.raises(errors.CharterChanged):
        await world.dispatch(plan, "both-1")
    assert (await world.decide(case_id)).line.digest == own
