"""Tasks of cases, over all cases: whose they are, until when, and how they ended."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.case_work import TaskAdded, TaskAssigned, TaskCompleted, TaskDropped
from contracts.labels import Label
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp


class TaskStatus(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    DROPPED = "dropped"


class TaskRow(Value):
    """`ending` is the result of a completed task, the reason of a dropped one. The label covers both texts."""

    task_id: str
    case_id: str
    title: Sealed
    label: Label
    added: Stamp
    assignee: str | None
    due_at: Instant | None
    status: TaskStatus = TaskStatus.OPEN
    ending: Sealed | None = None
    ended: Stamp | None = None


class CaseTasks(DocumentView[TaskRow]):
    NAME = "case_tasks"
    VERSION = 1
    TABLE = "case_tasks"
    TOPICS = frozenset({TaskAdded, TaskAssigned, TaskCompleted, TaskDropped})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "case_id": "text",
        "open": "boolean",
        "assignee": "text",
        "due_at": "timestamptz",
        "added_position": "bigint",
    }
    DOCUMENT = TaskRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.task_id]

    def fold(self, key: str, document: TaskRow | None, recorded: Recorded[Any]) -> TaskRow | None:
        event, stamp = recorded.event, Stamp.of(recorded)
        if isinstance(event, TaskAdded):
            return TaskRow(
                task_id=key,
                case_id=event.case_id,
                title=event.title,
                label=event.label,
                added=stamp,
                assignee=event.assignee,
                due_at=event.due_at,
            )
        if document is None:
            return None
        match event:
            case TaskAssigned():
                return document.model_copy(update={"assignee": event.principal_id})
            case TaskCompleted():
                return document.model_copy(
                    update={"status": TaskStatus.COMPLETED, "ending": event.result, "ended": stamp}
                )
            case TaskDropped():
                return document.model_copy(
                    update={"status": TaskStatus.DROPPED, "ending": event.reason, "ended": stamp}
                )
            case _:
                return document

    def columns(self, document: TaskRow) -> Mapping[str, object]:
        return {
            "case_id": document.case_id,
            "open": document.status is TaskStatus.OPEN,
            "assignee": document.assignee,
            "due_at": document.due_at,
            "added_position": document.added.position,
        }
