"""Events of the cases service about the work in a case: merging and splitting, tasks, observables, evidence, joining.

None of them is a response. What brings subjects into a case cites their standing validations, as opening one does.
"""

from enum import StrEnum

from contracts.events.base import Event, Instant, Sealed, Value, event
from contracts.events.subjects import Evidence, SubjectKind, SubjectRef
from contracts.labels import Label


class LinkedSubject(Value):
    """A validated subject with the assets that it is about."""

    subject: SubjectRef
    asset_ids: tuple[str, ...]


@event("tenet.cases.CaseMerged", category="case")
class CaseMerged(Event):
    """From here on the case is worked in `into_case_id`, and counts there."""

    case_id: str
    into_case_id: str
    reason: Sealed


@event("tenet.cases.CaseAbsorbed", category="case")
class CaseAbsorbed(Event):
    """The other side of CaseMerged. `merged_before` are the cases that the merged one had taken in itself.

    `brought` are those of its subjects that stand, each cited anew; what was withdrawn is not carried over.
    """

    case_id: str
    merged_case_id: str
    merged_before: tuple[str, ...]
    brought: tuple[LinkedSubject, ...]


@event("tenet.cases.CaseUnmerged", category="case")
class CaseUnmerged(Event):
    case_id: str
    from_case_id: str
    reason: Sealed


@event("tenet.cases.CaseSeparated", category="case")
class CaseSeparated(Event):
    """The other side of CaseUnmerged: what the case had brought has gone with it."""

    case_id: str
    unmerged_case_id: str


@event("tenet.cases.CaseSplit", category="case")
class CaseSplit(Event):
    """These subjects are worked in a case of their own from here on."""

    case_id: str
    into_case_id: str
    subject_ids: tuple[str, ...]
    reason: Sealed


@event("tenet.cases.SubjectUnlinked", category="case")
class SubjectUnlinked(Event):
    case_id: str
    subject_kind: SubjectKind
    subject_id: str
    reason: Sealed


class VoidedBecause(StrEnum):
    """Why a plan fell without a decision about it."""

    CASE_MERGED = "case_merged"
    SUBJECT_GONE = "subject_gone"
    """The plan rests on a subject, or aims at an asset, that the case does not have any more."""


@event("tenet.cases.PlanVoided", category="case")
class PlanVoided(Event):
    """Nothing of the plan is done any more; every approval of it is void. The case's plan is decided anew."""

    case_id: str
    plan_id: str
    because: VoidedBecause


@event("tenet.cases.TaskAdded", category="case")
class TaskAdded(Event):
    case_id: str
    task_id: str
    title: Sealed
    assignee: str | None
    due_at: Instant | None
    label: Label


@event("tenet.cases.TaskAssigned", category="case")
class TaskAssigned(Event):
    case_id: str
    task_id: str
    principal_id: str


@event("tenet.cases.TaskCompleted", category="case")
class TaskCompleted(Event):
    case_id: str
    task_id: str
    result: Sealed


@event("tenet.cases.TaskDropped", category="case")
class TaskDropped(Event):
    case_id: str
    task_id: str
    reason: Sealed


class ObservableKind(StrEnum):
    IP = "ip"
    DOMAIN = "domain"
    HASH = "hash"
    ACCOUNT = "account"
    HOST = "host"


class Observable(Value):
    """`index` is the blind index of the value under the tenant's search key. `strong`: hardly shared by chance."""

    observable_id: str
    kind: ObservableKind
    value: Sealed
    index: str
    strong: bool
    label: Label


@event("tenet.cases.ObservableAdded", category="case")
class ObservableAdded(Event):
    """A person says that this belongs to the attack."""

    case_id: str
    observable: Observable


@event("tenet.cases.ObservableRemoved", category="case")
class ObservableRemoved(Event):
    """It does not belong here after all, whoever or whatever added it."""

    case_id: str
    observable_id: str
    reason: Sealed


@event("tenet.cases.TracesDrawn", category="case")
class TracesDrawn(Event):
    """By what other cases of the same attack can be recognised, drawn from a subject that was opened or linked."""

    case_id: str
    subject_kind: SubjectKind
    subject_id: str
    asset_ids: tuple[str, ...]
    rule_id: str
    techniques: tuple[str, ...]
    seen_at: Instant | None
    observables: tuple[Observable, ...]


@event("tenet.cases.EvidenceFileKept", category="case")
class EvidenceFileKept(Event):
    """A file lies in the object store under `evidence.sha256`. Whoever handed it in has the custody."""

    case_id: str
    evidence: Evidence
    name: Sealed
    size: int
    obtained_from: Sealed


@event("tenet.cases.CustodyTransferred", category="case")
class CustodyTransferred(Event):
    """From here on this person answers for the evidence."""

    case_id: str
    evidence_id: str
    to_principal_id: str
    place: Sealed
    reason: Sealed


@event("tenet.cases.EvidenceCopied", category="case")
class EvidenceCopied(Event):
    """A copy of the file was handed out, after its hash was found to be right."""

    case_id: str
    evidence_id: str
    sha256: str
    purpose: Sealed


class JoiningRule(StrEnum):
    """By what two cases are taken for parts of one attack."""

    SAME_ASSET = "same_asset"
    SAME_OBSERVABLE = "same_observable"
    SAME_STRONG_OBSERVABLE = "same_strong_observable"


class JoiningReason(Value):
    """`shared` is the asset's identifier or the observable's blind index, `apart_seconds` the time between the two."""

    rule: JoiningRule
    shared: str
    apart_seconds: int


@event("tenet.cases.LinkSuggested", category="suggestion")
class LinkSuggested(Event):
    """Two cases look like parts of one attack. A person accepts it, which merges them, or declines it."""

    suggestion_id: str
    case_id: str
    with_case_id: str
    reasons: tuple[JoiningReason, ...]


@event("tenet.cases.LinkAccepted", category="suggestion")
class LinkAccepted(Event):
    suggestion_id: str
    merged_case_id: str
    into_case_id: str


@event("tenet.cases.LinkDeclined", category="suggestion")
class LinkDeclined(Event):
    suggestion_id: str
    reason: Sealed
