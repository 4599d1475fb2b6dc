"""Merging cases, taking a merge back, splitting a case, and unlinking a subject.

A merged case is worked in the other one, and counts there: its subjects that stand come along, its plan falls. Taking
the merge back restores it as it was, except for the plan, which is decided anew.
"""

from collections.abc import Sequence

from contracts.events.base import Event, Sealed
from contracts.events.case_work import (
    CaseAbsorbed,
    CaseMerged,
    CaseSeparated,
    CaseSplit,
    CaseUnmerged,
    LinkedSubject,
    PlanVoided,
    SubjectUnlinked,
    VoidedBecause,
)
from contracts.events.cases import CaseOpened, CharterLine, Priority, SubjectLinked
from contracts.events.subjects import SubjectKind, SubjectRef
from contracts.ids import TenantId, derive_id
from services.cases.domain.case import Case, case_id_of, evolve_merging, fits, in_work, unmerged, without
from services.cases.domain.errors import (
    CaseNeedsSubject,
    CaseNotMerged,
    CaseTooLarge,
    MergeInvalid,
    SubjectNotLinked,
)
from services.cases.domain.subjects import Subject, cite
from services.cases.domain.work_commands import MergeCase, SplitCase, UnlinkSubject, UnmergeCase

MAX_MERGED = 100
"""Most cases that are worked in one."""


def merge_case(
    case: Case, into: Case, command: MergeCase, brought: Sequence[LinkedSubject]
) -> tuple[list[Event], list[Event]]:
    """What is recorded of the merged case, and of the one that takes it in. `brought` are its subjects that stand.

    A closed case can be merged too: the first stage of an attack may long be over. Raises MergeInvalid, CaseMergedAway,
    CaseNotOpen, CaseTooLarge. Whether actions are under way is for `action.settled` to find.
    """
    if unmerged(case).case_id == in_work(into).case_id:
        raise MergeInvalid("A case cannot be merged into itself.")
    if len(into.merged_cases) + len(case.merged_cases) + 1 > MAX_MERGED:
        raise CaseTooLarge(f"At most {MAX_MERGED} cases are worked in one.")
    links = {reference.id for reference in into.subjects} | {each.subject.id for each in brought}
    fits(len(links), len({*into.asset_ids, *(asset_id for each in brought for asset_id in each.asset_ids)}))
    merged = CaseMerged(
        case_id=case.case_id,
        into_case_id=into.case_id,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )
    absorbed = CaseAbsorbed(
        case_id=into.case_id,
        merged_case_id=case.case_id,
        merged_before=case.merged_cases,
        brought=tuple(brought),
    )
    fallen = [_voided(case, VoidedBecause.CASE_MERGED)] if case.open and case.plan else []
    return [*fallen, merged], [absorbed]


def unmerge_case(case: Case, root: Case, command: UnmergeCase) -> tuple[list[Event], list[Event]]:
    """What is recorded of the case, and of the one that it was merged into. Raises CaseNotMerged and as `in_work`."""
    if not case.merged_into or case.merged_into != in_work(root).case_id:
        raise CaseNotMerged("This case is not merged into another one.")
    unmerging = CaseUnmerged(
        case_id=case.case_id, from_case_id=root.case_id, reason=Sealed.of(command.reason, subject=case.case_id)
    )
    separated = CaseSeparated(case_id=root.case_id, unmerged_case_id=case.case_id)
    return [unmerging], [separated, *fallen_plan(root, evolve_merging(root, separated))]


def split_case(
    case: Case,
    command: SplitCase,
    taken: Sequence[tuple[Subject, int]],
    first_case: Case,
    request_key: str,
    priority: tuple[Priority, CharterLine | None],
) -> tuple[str, list[Event], list[Event]]:
    """The new case's identifier, its events, and those of the case that these subjects leave.

    `taken` are the subjects with the versions of their streams. `first_case` is the case that the first of them would
    have by itself: its identifier is taken where it is free. Raises SubjectNotLinked, CaseNeedsSubject, and what
    `standing_validation` raises.
    """
    own = {link.reference.id for link in in_work(case).links if not link.via}
    for subject_id in command.subject_ids:
        _is_own(case, subject_id)
    if not own - set(command.subject_ids):
        raise CaseNeedsSubject("At least one subject has to stay; this case is about nothing else.")
    (first, version), others = taken[0], taken[1:]
    new_id = derive_id("case", request_key) if first_case.case_id else case_id_of(TenantId(command.tenant_id), first)
    level, line = priority
    opened = CaseOpened(
        case_id=new_id,
        subject=cite(first, version),
        priority=level,
        severity_id=first.severity_id,
        event_kind=first.event_kind,
        asset_ids=first.asset_ids,
        title=Sealed.of(command.title or first.title, subject=new_id),
        label=command.label,
        charter=line,
    )
    linked = [
        SubjectLinked(case_id=new_id, subject=cite(subject, version), asset_ids=subject.asset_ids)
        for subject, version in others
    ]
    split = CaseSplit(
        case_id=case.case_id,
        into_case_id=new_id,
        subject_ids=command.subject_ids,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )
    fallen = fallen_plan(case, without(case, frozenset(command.subject_ids)))
    return new_id, [opened, *linked], [split, *fallen]


def unlink_subject(case: Case, command: UnlinkSubject) -> list[Event]:
    """Raises SubjectNotLinked, CaseNeedsSubject."""
    in_work(case)
    _is_own(case, command.subject_id, command.subject_kind)
    left = without(case, frozenset({command.subject_id}))
    if not any(not link.via for link in left.links):
        raise CaseNeedsSubject("A case rests on at least one subject of its own; close it instead.")
    gone = SubjectUnlinked(
        case_id=case.case_id,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )
    return [gone, *fallen_plan(case, left)]


def linked(subject: Subject, version: int) -> LinkedSubject:
    """The citation that a merge carries over. Raises what `standing_validation` raises."""
    reference: SubjectRef = cite(subject, version)
    return LinkedSubject(subject=reference, asset_ids=subject.asset_ids)


def fallen_plan(before: Case, after: Case) -> list[Event]:
    """The end of a plan that rests on, or still aims at, what the case does not have any more; nothing otherwise."""
    plan = before.plan
    if plan is None:
        return []
    assets = set(after.asset_ids)
    aimed = {step.target_asset_id for step in plan.steps if step.step_id not in plan.completed}
    rests = any(reference.id == plan.subject.id for reference in after.subjects)
    if rests and all(asset_id is None or asset_id in assets for asset_id in aimed):
        return []
    return [_voided(before, VoidedBecause.SUBJECT_GONE)]


def _voided(case: Case, because: VoidedBecause) -> PlanVoided:
    assert case.plan is not None
    return PlanVoided(case_id=case.case_id, plan_id=case.plan.plan_id, because=because)


def _is_own(case: Case, subject_id: str, kind: SubjectKind | None = None) -> None:
    own = (link.reference for link in case.links if not link.via and kind in (None, link.reference.kind))
    if not any(reference.id == subject_id for reference in own):
        raise SubjectNotLinked("The case does not rest on this subject by itself.", metadata={"subject_id": subject_id})
