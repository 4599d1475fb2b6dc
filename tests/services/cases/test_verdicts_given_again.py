"""A verdict that is withdrawn, and given again: what becomes of the case, and of the plan that rested on the first."""

import pytest

from contracts.events.assets import AssetClass
from contracts.events.cases import CaseReopened
from services.cases.domain import errors
from services.cases.projections import CASES
from tests.services.cases.casework import link
from tests.services.cases.plans import planned
from tests.services.cases.test_refusals import close
from tests.services.cases.world import World


async def test_what_a_person_does_to_a_target_rests_on_the_plans_own_verdict(world: World) -> None:
    plan = await planned(world)
    other = world.detection(world.asset("host-2", AssetClass.STANDARD, group="office"), name="2")
    world.validate(other)
    await link(world, plan.case_id, other)
    world.withdraw(plan.subject.id)
    # The case stands, by its other subject; this plan does not.
    with pytest.raises(errors.ValidationWithdrawn):
        await world.complete(plan, "fix")


async def test_a_verdict_given_again_takes_its_case_up_again_and_opens_no_second_one(world: World) -> None:
    plan = await planned(world)
    detection = plan.subject.id
    world.withdraw(detection)
    await world.settle()
    second = world.validate(detection)
    await world.settle()
    (case,) = world.reader.fold(CASES).values()
    assert [each.validation_position for each in case.subjects] == [second]
    world.withdraw(detection)
    await world.settle()
    await close(world, plan, outcome="verdict_withdrawn", cause_addressed=False)
    third = world.validate(detection)
    await world.settle()
    (case,) = world.reader.fold(CASES).values()
    assert case.open
    assert [each.validation_position for each in case.subjects] == [third]
    assert len(world.events(CaseReopened)) == 1
    assert "CASE_EXISTS" not in world.refused


async def test_a_further_verdict_on_what_was_resolved_opens_nothing_again(world: World) -> None:
    plan = await planned(world)
    await world.complete(plan, "fix")
    await close(world, plan)
    world.validate(plan.subject.id)
    await world.settle()
    (case,) = world.reader.fold(CASES).values()
    assert not case.open
    assert world.refused[-1] == "CASE_EXISTS"
