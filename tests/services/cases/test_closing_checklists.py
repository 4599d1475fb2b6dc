"""R7: what the charter wants seen to before a case of this kind is closed, item by item, or waived with a reason."""

from typing import Any

import pytest

from contracts.events.assets import AssetClass
from contracts.events.case_work import TaskAdded
from contracts.events.cases import CaseClosed, CaseOpened
from contracts.events.subjects import SubjectKind
from services.cases.domain import commands as ask
from services.cases.domain.charter import charter_digest, read_charter
from services.cases.domain.charter_check import contradictions
from services.cases.domain.errors import CharterInvalid, TasksOpen
from services.cases.domain.work_commands import CompleteTask, DropTask
from tests.services.cases.plans import simple
from tests.services.cases.world import World

CLOSING = """
closing:
  - id: ransomware
    techniques: [T1486]
    items: [Every credential used on the device is new., Backups were restored and checked.]
  - id: anything-detected
    kinds: [detection]
    items: [The rule that found it was looked at again.]
  - id: exposure
    kinds: [exposure]
    items: [The scan was repeated.]
"""


def with_checklists(text: str = CLOSING) -> str:
    return simple() + text


async def opened(world: World, technique: str = "T1486") -> str:
    host = world.asset("host", AssetClass.STANDARD, group="office")
    await world.charter(text=with_checklists())
    world.validate(world.detection(host, techniques=(technique,)))
    await world.settle()
    (event,) = world.events(CaseOpened)
    return str(event.case_id)


def titles(world: World) -> list[str]:
    return [event.title.plaintext for event in world.events(TaskAdded)]


async def close(world: World, case_id: str) -> Any:
    call = world.call()
    command = world.make(
        ask.CloseCase,
        call,
        case_id=case_id,
        outcome="resolved",
        root_cause="A phishing mail.",
        cause_addressed=True,
        lessons="None.",
        recommendation="Filter attachments.",
    )
    return await world.app.case_work.close_case(call, command)


async def test_a_case_has_the_items_of_its_kind_of_attack_and_is_not_closed_while_one_is_open(world: World) -> None:
    case_id = await opened(world)
    assert titles(world) == [
        "Every credential used on the device is new.",
        "Backups were restored and checked.",
        "The rule that found it was looked at again.",
    ]
    first, *others = [event.task_id for event in world.events(TaskAdded)]
    with pytest.raises(TasksOpen) as refused:
        await close(world, case_id)
    assert refused.value.metadata == {"tasks": "3"}
    call = world.call()
    await world.app.content.complete_task(
        call, world.make(CompleteTask, call, case_id=case_id, task_id=first, result="All reset.")
    )
    for task_id in others:
        call = world.call()
        await world.app.content.drop_task(
            call, world.make(DropTask, call, case_id=case_id, task_id=task_id, reason="Nothing was encrypted.")
        )
    await close(world, case_id)
    assert len(world.events(CaseClosed)) == 1


async def test_another_kind_of_attack_has_other_items(world: World) -> None:
    await opened(world, "T1078")
    assert titles(world) == ["The rule that found it was looked at again."]


async def test_a_further_subject_of_the_same_kind_adds_nothing_and_one_of_another_kind_its_own(world: World) -> None:
    case_id = await opened(world, "T1078")
    for name, technique in (("second", "T1078"), ("third", "T1486")):
        detection = world.detection(world.asset(name, AssetClass.STANDARD), techniques=(technique,), name=name)
        world.validate(detection)
        call = world.call()
        command = world.make(
            ask.LinkSubject, call, case_id=case_id, subject_kind=SubjectKind.DETECTION, subject_id=detection
        )
        await world.app.case_work.link_subject(call, command)
        await world.settle()
    assert len(titles(world)) == 3
    world.reacted = 0
    await world.settle()
    assert len(titles(world)) == 3


def test_a_charter_keeps_its_digest_where_it_says_nothing_of_closing() -> None:
    assert "closing" not in read_charter(simple()).model_dump(mode="json", by_alias=True)
    assert charter_digest(read_charter(with_checklists())) != charter_digest(read_charter(simple()))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("closing: [{id: a, items: []}]", "closing[0].items"),
        ("closing: [{id: a, techniques: [T1], items: [x]}]", "closing[0].techniques[0]"),
        ("closing: [{id: a, kinds: [weather], items: [x]}]", "closing[0].kinds[0]"),
    ],
)
def test_a_wrong_checklist_is_named_by_its_place(text: str, place: str) -> None:
    with pytest.raises(CharterInvalid) as refused:
        read_charter(with_checklists(text))
    assert refused.value.violations[0].field == place


def test_two_checklists_of_one_name_contradict_each_other() -> None:
    text = "closing: [{id: a, items: [x]}, {id: a, items: [y]}]"
    assert [each.field for each in contradictions(read_charter(with_checklists(text)))] == ["closing[1].id"]
