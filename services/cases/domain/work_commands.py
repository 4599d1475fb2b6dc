"""What callers ask about the work in a case. Texts that will be sealed are `Private`."""

from contracts.commands import Command, Private
from contracts.events.base import Instant
from contracts.events.case_work import ObservableKind
from contracts.events.subjects import SubjectKind
from contracts.labels import Label


class MergeCase(Command):
    case_id: str
    into_case_id: str
    reason: Private


class UnmergeCase(Command):
    case_id: str
    reason: Private


class SplitCase(Command):
    """An empty title takes that of the first subject."""

    case_id: str
    subject_ids: tuple[str, ...]
    title: Private
    label: Label
    reason: Private


class UnlinkSubject(Command):
    case_id: str
    subject_kind: SubjectKind
    subject_id: str
    reason: Private


class AddTask(Command):
    case_id: str
    title: Private
    assignee: str | None
    due_at: Instant | None
    label: Label


class AddClosingTasks(Command):
    """What the charter's checklists ask for, because of a subject that came into the case."""

    case_id: str
    subject_kind: SubjectKind
    subject_id: str


class AssignTask(Command):
    case_id: str
    task_id: str
    principal_id: str


class CompleteTask(Command):
    case_id: str
    task_id: str
    result: Private


class DropTask(Command):
    case_id: str
    task_id: str
    reason: Private


class AddObservable(Command):
    case_id: str
    kind: ObservableKind
    value: Private
    label: Label


class RemoveObservable(Command):
    case_id: str
    observable_id: str
    reason: Private


class DrawTraces(Command):
    """Asked by a policy for each subject that comes into a case."""

    case_id: str
    subject_kind: SubjectKind
    subject_id: str


class KeepEvidenceFile(Command):
    """`sha256` and `size` are those of the bytes as they were received and kept."""

    case_id: str
    label: Label
    summary: Private
    name: Private
    obtained_from: Private
    sha256: str
    size: int


class TransferCustody(Command):
    case_id: str
    evidence_id: str
    to_principal_id: str
    place: Private
    reason: Private


class CopyEvidence(Command):
    case_id: str
    evidence_id: str
    purpose: Private


class SuggestLink(Command):
    """Asked by a policy: whether these two cases are parts of one attack, by the rules of `joining`."""

    case_id: str
    with_case_id: str


class AcceptLink(Command):
    suggestion_id: str
    reason: Private


class DeclineLink(Command):
    suggestion_id: str
    reason: Private
