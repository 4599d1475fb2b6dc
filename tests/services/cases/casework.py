"""What people ask about the work in cases, of the service over a ledger in memory."""

from typing import Any

from contracts.events.assets import AssetClass
from contracts.events.case_work import ObservableKind
from contracts.events.subjects import SubjectKind
from contracts.labels import Label
from infra.event_store.handler import Committed
from services.cases.domain import commands, work_commands
from tests.services.cases.world import World


async def merge(world: World, case_id: str, into: str) -> Committed:
    call = world.call()
    command = world.make(work_commands.MergeCase, call, case_id=case_id, into_case_id=into, reason="One attack.")
    return await world.app.merging.merge_case(call, command)


async def unmerge(world: World, case_id: str) -> Committed:
    call = world.call()
    command = world.make(work_commands.UnmergeCase, call, case_id=case_id, reason="Two attacks.")
    return await world.app.merging.unmerge_case(call, command)


async def split(world: World, case_id: str, *subjects: str) -> str:
    call = world.call()
    command = world.make(
        work_commands.SplitCase,
        call,
        case_id=case_id,
        subject_ids=subjects,
        title="",
        label=Label.AMBER,
        reason="Another one.",
    )
    return str((await world.app.merging.split_case(call, command)).recorded[0].event.case_id)


async def unlink(world: World, case_id: str, detection_id: str, kind: SubjectKind = SubjectKind.DETECTION) -> Committed:
    call = world.call()
    command = world.make(
        work_commands.UnlinkSubject,
        call,
        case_id=case_id,
        subject_kind=kind,
        subject_id=detection_id,
        reason="Not of it.",
    )
    return await world.app.merging.unlink_subject(call, command)


async def link(world: World, case_id: str, detection_id: str) -> Committed:
    call = world.call()
    command = world.make(
        commands.LinkSubject, call, case_id=case_id, subject_kind=SubjectKind.DETECTION, subject_id=detection_id
    )
    return await world.app.case_work.link_subject(call, command)


async def add_task(world: World, case_id: str) -> str:
    call = world.call()
    command = world.make(
        work_commands.AddTask, call, case_id=case_id, title="Look.", assignee=None, due_at=None, label=Label.AMBER
    )
    return str((await world.app.content.add_task(call, command)).recorded[0].event.task_id)


async def complete_task(world: World, case_id: str, task_id: str) -> Committed:
    call = world.call()
    command = world.make(work_commands.CompleteTask, call, case_id=case_id, task_id=task_id, result="Seen.")
    return await world.app.content.complete_task(call, command)


async def add_observable(world: World, case_id: str, kind: ObservableKind, value: str) -> Any:
    call = world.call()
    command = world.make(work_commands.AddObservable, call, case_id=case_id, kind=kind, value=value, label=Label.AMBER)
    return (await world.app.content.add_observable(call, command)).recorded[0].event.observable


async def close(world: World, case_id: str, outcome: str = "resolved") -> Committed:
    call = world.call()
    command = world.make(
        commands.CloseCase,
        call,
        case_id=case_id,
        outcome=outcome,
        root_cause="A hole.",
        cause_addressed=True,
        lessons="Patch.",
        recommendation="Patch sooner.",
        no_recommendation_reason="",
    )
    return await world.app.case_work.close_case(call, command)


async def accept(world: World, suggestion_id: str) -> Committed:
    call = world.call()
    command = world.make(work_commands.AcceptLink, call, suggestion_id=suggestion_id, reason="One attack.")
    return await world.app.suggesting.accept_link(call, command)


async def decline(world: World, suggestion_id: str) -> Committed:
    call = world.call()
    command = world.make(work_commands.DeclineLink, call, suggestion_id=suggestion_id, reason="A proxy.")
    return await world.app.suggesting.decline_link(call, command)


async def seen(world: World, name: str, *observables: str, asset: str = "") -> tuple[str, str]:
    """A validated detection with its case, once everything has reacted: the case and the detection."""
    host = asset or world.asset(f"host-{name}", AssetClass.STANDARD, group="office")
    detection = world.detection(host, name=name, observables=observables, techniques=(f"T{len(name):04}",))
    world.validate(detection)
    case_id = await world.open(detection)
    await world.settle()
    return case_id, detection
