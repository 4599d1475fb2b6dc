"""Merging cases, taking a merge back, splitting and unlinking, each with what it refuses."""

import pytest

from contracts.events.assets import AssetClass
from contracts.events.case_work import CaseAbsorbed, PlanVoided
from contracts.events.cases import ActionDispatched, PlanDecided
from contracts.events.subjects import SubjectKind
from services.cases.application.aggregates import CASE
from services.cases.domain import case, errors
from services.cases.domain.case import Case
from services.cases.projections import CASES
from services.cases.projections.cases import CaseRow
from tests.services.cases.casework import add_task, close, complete_task, link, merge, split, unlink, unmerge
from tests.services.cases.plans import simple
from tests.services.cases.world import TENANT, World


async def case_about(world: World, name: str) -> tuple[str, str, str]:
    """A case of its own about a host of its own: the case, the detection, the host."""
    host = world.asset(f"host-{name}", AssetClass.STANDARD, group="office")
    detection = world.detection(host, name=name)
    world.validate(detection)
    return await world.open(detection), detection, host


async def state_of(world: World, case_id: str) -> Case:
    state: Case = (await world.ledger.load(TENANT, CASE, case_id)).state
    return state


def row_of(world: World, case_id: str) -> CaseRow:
    row: CaseRow = world.reader.fold(CASES)[case_id]
    return row


async def test_a_merged_case_is_worked_in_the_other_one_with_its_subjects_and_assets(world: World) -> None:
    first, d1, h1 = await case_about(world, "1")
    second, d2, h2 = await case_about(world, "2")
    await merge(world, second, first)
    root = row_of(world, first)
    assert {subject.id for subject in root.subjects} == {d1, d2}
    assert set(root.asset_ids) == {h1, h2}
    assert root.case_ids == (first, second)
    assert row_of(world, second).merged_into == first
    with pytest.raises(errors.CaseMergedAway) as refused:
        await link(world, second, d1)
    assert refused.value.metadata == {"into_case_id": first}


async def test_what_a_merge_changed_is_as_before_once_it_is_taken_back(world: World) -> None:
    first, d1, h1 = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    before = [row_of(world, each) for each in (first, second)]
    assert all(row.open for row in before)
    await merge(world, second, first)
    await unmerge(world, second)
    after = [row_of(world, each).model_copy(update={"open_when_merged": False}) for each in (first, second)]
    assert after == before
    state = await state_of(world, first)
    assert [subject.id for subject in state.subjects] == [d1]
    assert state.asset_ids == (h1,)
    with pytest.raises(errors.CaseNotMerged):
        await unmerge(world, second)


async def test_what_was_withdrawn_is_not_carried_over(world: World) -> None:
    first, d1, _ = await case_about(world, "1")
    second, d2, _ = await case_about(world, "2")
    world.withdraw(d2)
    await merge(world, second, first)
    (absorbed,) = world.events(CaseAbsorbed)
    assert absorbed.brought == ()
    assert [subject.id for subject in (await state_of(world, first)).subjects] == [d1]


async def test_a_verdict_withdrawn_during_the_merge_is_not_carried_over(world: World) -> None:
    first, _, _ = await case_about(world, "1")
    second, d2, _ = await case_about(world, "2")
    world.ledger.before_append.append(lambda: world.withdraw(d2))
    await merge(world, second, first)
    assert world.ledger.conflicts == 1
    assert world.events(CaseAbsorbed)[-1].brought == ()


async def test_a_case_is_not_merged_into_itself_nor_into_a_closed_or_a_merged_one(world: World) -> None:
    first, _, _ = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    third, _, _ = await case_about(world, "3")
    with pytest.raises(errors.MergeInvalid):
        await merge(world, first, first)
    with pytest.raises(errors.CaseUnknown):
        await merge(world, first, "case-of-nobody")
    await merge(world, second, first)
    with pytest.raises(errors.CaseMergedAway):
        await merge(world, third, second)
    with pytest.raises(errors.CaseMergedAway):
        await merge(world, second, third)
    await close(world, third)
    with pytest.raises(errors.CaseNotOpen):
        await merge(world, first, third)


async def test_a_closed_case_comes_into_an_open_one_and_is_closed_again_afterwards(world: World) -> None:
    first, _, _ = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    await close(world, second)
    await merge(world, second, first)
    await unmerge(world, second)
    assert not (await state_of(world, second)).open
    assert row_of(world, second).outcome == "resolved"


async def test_cases_that_a_merged_case_had_taken_in_come_along_and_go_with_it(world: World) -> None:
    cases = [(await case_about(world, name))[0] for name in ("1", "2", "3")]
    await merge(world, cases[2], cases[1])
    await merge(world, cases[1], cases[0])
    assert (await state_of(world, cases[0])).merged_cases == (cases[1], cases[2])
    assert len((await state_of(world, cases[0])).subjects) == 3
    with pytest.raises(errors.CaseMergedAway):
        await unmerge(world, cases[2])
    await unmerge(world, cases[1])
    assert len((await state_of(world, cases[0])).subjects) == 1
    assert len((await state_of(world, cases[1])).subjects) == 2


async def test_the_plan_of_a_merged_case_falls_and_an_action_under_way_holds_the_merge_up(world: World) -> None:
    await world.charter(text=simple())
    first, _, _ = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    plan = await world.decide(second)
    await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.ActionsOpen):
        await merge(world, second, first)
    await world.settle()
    await merge(world, second, first)
    (voided,) = world.events(PlanVoided)
    assert (voided.case_id, voided.plan_id) == (second, plan.plan_id)
    with pytest.raises(errors.CaseMergedAway):
        await world.dispatch(plan, "isolate-1")
    assert row_of(world, second).plan is None


async def test_a_case_is_not_closed_while_an_action_or_a_task_of_a_merged_one_is_open(world: World) -> None:
    await world.charter(text=simple())
    first, _, _ = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    task_id = await add_task(world, second)
    await merge(world, second, first)
    with pytest.raises(errors.TasksOpen):
        await close(world, first)
    await complete_task(world, second, task_id)
    await close(world, first)


async def test_a_split_takes_subjects_into_a_case_of_their_own(world: World) -> None:
    first, d1, h1 = await case_about(world, "1")
    host = world.asset("host-2", AssetClass.STANDARD, group="office")
    d2 = world.detection(host, name="2")
    world.validate(d2)
    await link(world, first, d2)
    new = await split(world, first, d2)
    assert [subject.id for subject in row_of(world, first).subjects] == [d1]
    assert row_of(world, first).asset_ids == (h1,)
    assert [subject.id for subject in row_of(world, new).subjects] == [d2]
    assert (row_of(world, new).split_from, row_of(world, first).split_into) == (first, (new,))
    with pytest.raises(errors.CaseExists):
        await world.open(d2)
    with pytest.raises(errors.CaseNeedsSubject):
        await split(world, first, d1)
    with pytest.raises(errors.SubjectNotLinked):
        await split(world, first, d2)


async def test_the_first_subject_of_a_case_can_be_split_off_as_well(world: World) -> None:
    first, d1, _ = await case_about(world, "1")
    d2 = world.detection(world.asset("host-2", AssetClass.STANDARD, group="office"), name="2")
    world.validate(d2)
    await link(world, first, d2)
    new = await split(world, first, d1)
    assert new != first
    assert [subject.id for subject in row_of(world, new).subjects] == [d1]
    assert [subject.id for subject in row_of(world, first).subjects] == [d2]


async def test_nothing_is_split_off_whose_verdict_does_not_stand(world: World) -> None:
    first, _, _ = await case_about(world, "1")
    d2 = world.detection(world.asset("host-2", AssetClass.STANDARD, group="office"), name="2")
    world.validate(d2)
    await link(world, first, d2)
    world.withdraw(d2)
    with pytest.raises(errors.ValidationWithdrawn):
        await split(world, first, d2)


async def test_a_subject_leaves_a_case_and_the_plan_that_rests_on_it_falls(world: World) -> None:
    await world.charter(text=simple())
    first, d1, _ = await case_about(world, "1")
    d2 = world.detection(world.asset("host-2", AssetClass.STANDARD, group="office"), name="2")
    world.validate(d2)
    await link(world, first, d2)
    plan = await world.decide(first)
    await unlink(world, first, d1)
    assert world.events(PlanVoided)[-1].plan_id == plan.plan_id
    with pytest.raises(errors.PlanUnknown):
        await world.dispatch(plan, "keep-1")
    with pytest.raises(errors.CaseNeedsSubject):
        await unlink(world, first, d2)
    with pytest.raises(errors.SubjectNotLinked):
        await unlink(world, first, d1)


async def test_a_subject_that_a_merge_brought_leaves_with_that_merge_only(world: World) -> None:
    first, _, _ = await case_about(world, "1")
    second, d2, _ = await case_about(world, "2")
    await merge(world, second, first)
    with pytest.raises(errors.SubjectNotLinked):
        await unlink(world, first, d2)


async def test_a_case_that_takes_another_one_in_without_a_plan_gets_one_where_the_charter_says_so(
    world: World,
) -> None:
    await world.charter(text=simple().replace("      mode: stop\n", "      mode: stop\n      automatic: true\n"))
    first, _, _ = await case_about(world, "1")
    second, _, _ = await case_about(world, "2")
    world.reacted = len(world.ledger.entries)
    await merge(world, second, first)
    await world.settle()
    (plan,) = world.events(PlanDecided)
    assert plan.case_id == first
    assert len({step.target_asset_id for step in plan.steps if step.target_asset_id}) == 2


async def test_a_second_try_of_a_step_that_worked_settles_the_first_that_did_not(world: World) -> None:
    await world.charter(text=simple())
    first, _, _ = await case_about(world, "1")
    plan = await world.decide(first)
    await world.complete(plan, "fix")
    world.edr.behaviour = "lie"
    await world.dispatch(plan, "keep-1")
    await world.settle()
    with pytest.raises(errors.ActionsOpen):
        await close(world, first)
    world.edr.behaviour = "obey"
    world.edr.taken.clear()
    await world.dispatch(plan, "keep-1", attempt=2)
    await world.settle()
    assert len(world.events(ActionDispatched)) == 2
    await close(world, first)


async def test_what_leaves_a_case_is_recorded_as_what_it_is(world: World) -> None:
    case_id, _, _ = await case_about(world, "1")
    other = world.detection(world.asset("host-2", AssetClass.STANDARD, group="office"), name="2")
    world.validate(other)
    await link(world, case_id, other)
    with pytest.raises(errors.SubjectNotLinked):
        await unlink(world, case_id, other, SubjectKind.FINDING)
    await unlink(world, case_id, other)


async def test_a_full_case_takes_a_subjects_new_verdict_in_and_no_further_subject(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, detection, host = await case_about(world, "1")
    monkeypatch.setattr(case, "MAX_SUBJECTS", 1)
    further = world.detection(host, name="2")
    world.validate(further)
    with pytest.raises(errors.CaseTooLarge):
        await link(world, case_id, further)
    world.withdraw(detection)
    position = world.validate(detection)
    await link(world, case_id, detection)
    assert [each.validation_position for each in (await state_of(world, case_id)).subjects] == [position]
