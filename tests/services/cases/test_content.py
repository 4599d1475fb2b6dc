"""Tasks, observables, evidence files with their custody."""

import hashlib

import pytest

from contracts.events.assets import AssetClass
from contracts.events.case_work import ObservableKind, TracesDrawn
from contracts.labels import Label
from services.cases.domain import errors, work_commands
from services.cases.domain.observables import read_described, value_of
from services.cases.projections import CASE_MARKS, CASE_TASKS, EVIDENCE_FILES
from tests.services.cases.casework import (
    add_observable,
    add_task,
    close,
    complete_task,
    link,
    seen,
    unlink,
)
from tests.services.cases.charters import principal
from tests.services.cases.world import World

HASH = hashlib.sha256(b"a dropper of our own invention").hexdigest()


@pytest.mark.parametrize(
    ("kind", "text", "normal", "strong"),
    [
        (ObservableKind.IP, "192.168.7.9", "192.168.7.9", False),
        (ObservableKind.IP, "2001:4860:4860:0::8888", "2001:4860:4860::8888", True),
        (ObservableKind.DOMAIN, "Update.Example-CDN.net.", "update.example-cdn.net", True),
        (ObservableKind.HASH, HASH.upper(), HASH, True),
        (ObservableKind.ACCOUNT, "nurse-7", "nurse-7", True),
        (ObservableKind.ACCOUNT, "SYSTEM", "SYSTEM", False),
        (ObservableKind.HOST, "desk-4", "desk-4", False),
    ],
)
def test_a_value_has_one_form_and_says_whether_it_is_shared_by_chance(
    kind: ObservableKind, text: str, normal: str, strong: bool
) -> None:
    value = value_of(kind, text)
    assert (value.text, value.strong) == (normal, strong)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ObservableKind.IP, "300.1.1.1"),
        (ObservableKind.DOMAIN, "no domain"),
        (ObservableKind.DOMAIN, "localhost"),
        (ObservableKind.HASH, "abc"),
        (ObservableKind.HOST, "  "),
    ],
)
def test_what_is_no_value_of_its_kind_is_refused(kind: ObservableKind, text: str) -> None:
    with pytest.raises(errors.ObservableInvalid):
        value_of(kind, text)


def test_of_a_detections_words_those_are_understood_that_name_an_observable() -> None:
    words = [f"hashes: MD5=0123456789abcdef0123456789ABCDEF,SHA256={HASH}", "file: C:\\a.exe", "address: not one"]
    found = [(value.kind, value.text) for text in words for value in read_described(text)]
    assert found == [(ObservableKind.HASH, "0123456789abcdef0123456789abcdef"), (ObservableKind.HASH, HASH)]


async def test_a_subject_leaves_its_traces_once_and_they_go_with_it(world: World) -> None:
    case_id, first = await seen(world, "1", f"hashes: SHA256={HASH}", "host: desk-1")
    other = world.detection(
        world.asset("other", AssetClass.STANDARD), name="2", observables=("domain: c2.example.net",)
    )
    world.validate(other)
    await link(world, case_id, other)
    await world.settle()
    marks = world.reader.fold(CASE_MARKS)
    assert len([mark for mark in marks.values() if mark.observable]) == 3
    assert len(world.events(TracesDrawn)) == 2
    await unlink(world, case_id, first)
    left = [mark for mark in world.reader.fold(CASE_MARKS).values() if mark.observable]
    assert [mark.observable.kind for mark in left] == [ObservableKind.DOMAIN]


async def test_an_observable_is_added_once_and_taken_back_with_a_reason(world: World) -> None:
    case_id, _ = await seen(world, "1")
    added = await add_observable(world, case_id, ObservableKind.DOMAIN, "c2.example.net")
    with pytest.raises(errors.ObservableExists):
        await add_observable(world, case_id, ObservableKind.DOMAIN, "C2.example.net.")
    call = world.call()
    remove = world.make(
        work_commands.RemoveObservable, call, case_id=case_id, observable_id=added.observable_id, reason="A typo."
    )
    await world.app.content.remove_observable(call, remove)
    assert not [mark for mark in world.reader.fold(CASE_MARKS).values() if mark.observable]
    again = world.call()
    with pytest.raises(errors.ObservableUnknown):
        await world.app.content.remove_observable(again, remove.model_copy(update={"request_id": again.request_id}))


async def test_a_task_ends_once_and_holds_the_closing_of_its_case_up(world: World) -> None:
    case_id, _ = await seen(world, "1")
    task_id = await add_task(world, case_id)
    with pytest.raises(errors.TasksOpen):
        await close(world, case_id)
    await complete_task(world, case_id, task_id)
    with pytest.raises(errors.TaskNotOpen):
        await complete_task(world, case_id, task_id)
    assert world.reader.fold(CASE_TASKS)[task_id].status == "completed"
    await close(world, case_id)
    with pytest.raises(errors.CaseNotOpen):
        await add_task(world, case_id)


async def test_a_task_of_another_case_is_unknown(world: World) -> None:
    case_id, _ = await seen(world, "1")
    own, other = await add_task(world, case_id), "task-of-nobody"
    with pytest.raises(errors.TaskUnknown):
        await complete_task(world, case_id, other)
    await complete_task(world, case_id, own)
    with pytest.raises(errors.TaskUnknown):
        await complete_task(world, case_id, other)


async def test_evidence_goes_from_hand_to_hand_and_each_copy_is_on_record(world: World) -> None:
    case_id, _ = await seen(world, "1")
    content = b"\x00memory of a host, of our own invention\xff"
    keeping = world.call()
    keep = world.make(
        work_commands.KeepEvidenceFile,
        keeping,
        case_id=case_id,
        label=Label.AMBER_STRICT,
        summary="Memory",
        name="memory.bin",
        obtained_from="desk-1, by hand",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    done = await world.app.content.keep_evidence_file(keeping, keep, content)
    evidence_id = done.recorded[0].event.evidence.id
    taking = world.call("lead")
    transfer = world.make(
        work_commands.TransferCustody,
        taking,
        case_id=case_id,
        evidence_id=evidence_id,
        to_principal_id=principal("lead"),
        place="safe 2",
        reason="Kept there.",
    )
    with pytest.raises(errors.NotTheCustodian):
        await world.app.content.transfer_custody(taking, transfer)
    giving = world.call()
    await world.app.content.transfer_custody(giving, transfer.model_copy(update={"request_id": giving.request_id}))
    copying = world.call("lead")
    copy = world.make(work_commands.CopyEvidence, copying, case_id=case_id, evidence_id=evidence_id, purpose="Court")
    _, copied = await world.app.content.copy_evidence(copying, copy)
    assert copied == content
    row = world.reader.fold(EVIDENCE_FILES)[evidence_id]
    assert [entry.kind.value for entry in row.chain] == ["kept", "transferred", "copied"]
    assert row.custodian == principal("lead")
    unknown = world.call()
    with pytest.raises(errors.EvidenceUnknown):
        await world.app.content.copy_evidence(
            unknown, copy.model_copy(update={"request_id": unknown.request_id, "evidence_id": "evidence-of-nobody"})
        )
