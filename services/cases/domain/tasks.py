"""Tasks of a case: what a person still has to do, apart from the steps of the response plan."""

from contracts.events.base import Sealed
from contracts.events.case_work import TaskAdded, TaskAssigned, TaskCompleted, TaskDropped
from contracts.ids import derive_id
from services.cases.domain.case import Case, existing, in_work
from services.cases.domain.errors import CaseTooLarge, TaskNotOpen, TaskUnknown
from services.cases.domain.work_commands import AddTask, AssignTask, CompleteTask, DropTask

MAX_TASKS = 500
"""Most tasks that one case can have had."""


def add_task(case: Case, command: AddTask, request_key: str) -> TaskAdded:
    """Raises CaseTooLarge, and as `in_work`."""
    if in_work(case).tasks >= MAX_TASKS:
        raise CaseTooLarge(f"A case holds at most {MAX_TASKS} tasks.")
    return TaskAdded(
        case_id=case.case_id,
        task_id=derive_id("task", request_key),
        title=Sealed.of(command.title, subject=case.case_id),
        assignee=command.assignee,
        due_at=command.due_at,
        label=command.label,
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
    if not case.tasks:
        raise TaskUnknown("The case has no such task.", metadata={"task_id": task_id})
    raise TaskNotOpen("The case has no such open task.", metadata={"task_id": task_id})
