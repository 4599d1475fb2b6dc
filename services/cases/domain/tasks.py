"""Tasks of a case: what a person still has to do, apart from the steps of the response plan."""

from contracts.events.base import Sealed
from contracts.events.case_work import TaskAdded, TaskAssigned, TaskCompleted, TaskDropped
from contracts.ids import derive_id
from contracts.labels import Label
from services.cases.domain.case import Case, existing, in_work
from services.cases.domain.charter import Charter, Checklist
from services.cases.domain.errors import CaseTooLarge, TaskNotOpen, TaskUnknown
from services.cases.domain.ruling import is_technique
from services.cases.domain.subjects import Subject
from services.cases.domain.work_commands import AddTask, AssignTask, CompleteTask, DropTask

MAX_TASKS = 500
"""Most tasks that one case can have had."""


def add_task(case: Case, command: AddTask, request_key: str) -> TaskAdded:
    """Raises CaseTooLarge, and as `in_work`."""
    if len(in_work(case).tasks) >= MAX_TASKS:
        raise CaseTooLarge(f"A case holds at most {MAX_TASKS} tasks.")
    return TaskAdded(
        case_id=case.case_id,
        task_id=derive_id("task", request_key),
        title=Sealed.of(command.title, subject=case.case_id),
        assignee=command.assignee,
        due_at=command.due_at,
        label=command.label,
    )


def closing_tasks(case: Case, subject: Subject, charter: Charter) -> list[TaskAdded]:
    """What the charter's checklists ask for because of this subject, each once in a case. Raises as `in_work`."""
    known = in_work(case).tasks
    asked = {
        derive_id("task", case.case_id, "closing", checklist.id, str(number)): item
        for checklist in charter.closing
        if _applies(checklist, subject)
        for number, item in enumerate(checklist.items)
    }
    missing = {task_id: item for task_id, item in asked.items() if task_id not in known}
    if len(known) + len(missing) > MAX_TASKS:
        raise CaseTooLarge(f"A case holds at most {MAX_TASKS} tasks.")
    return [
        TaskAdded(
            case_id=case.case_id,
            task_id=task_id,
            title=Sealed.of(item, subject=case.case_id),
            assignee=None,
            due_at=None,
            label=Label.AMBER,
        )
        for task_id, item in missing.items()
    ]


def _applies(checklist: Checklist, subject: Subject) -> bool:
    kind = not checklist.kinds or subject.event_kind in checklist.kinds
    return kind and (
        not checklist.techniques or any(is_technique(found, checklist.techniques) for found in subject.techniques)
    )


def assign_task(case: Case, command: AssignTask) -> TaskAssigned:
    _is_open(case, command.task_id)
    return TaskAssigned(case_id=case.case_id, task_id=command.task_id, principal_id=command.principal_id)


def complete_task(case: Case, command: CompleteTask) -> TaskCompleted:
    """Also on a merged case: its tasks stay its own, and hold up the closing of the case that it is worked in."""
    _is_open(case, command.task_id)
    result = Sealed.of(command.result, subject=case.case_id)
    return TaskCompleted(case_id=case.case_id, task_id=command.task_id, result=result)


def drop_task(case: Case, command: DropTask) -> TaskDropped:
    _is_open(case, command.task_id)
    reason = Sealed.of(command.reason, subject=case.case_id)
    return TaskDropped(case_id=case.case_id, task_id=command.task_id, reason=reason)


def _is_open(case: Case, task_id: str) -> None:
    if task_id in existing(case).open_tasks:
        return
    if task_id not in case.tasks:
        raise TaskUnknown("The case has no such task.", metadata={"task_id": task_id})
    raise TaskNotOpen("The case has no such open task.", metadata={"task_id": task_id})
