"""What is shown of the work in cases: which words are opened for it, and the messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_work_pb2 as work

from contracts.events.base import Sealed
from contracts.events.case_work import JoiningRule, ObservableKind
from contracts.labels import Label
from infra.disclosure.opener import Opened
from services.cases.domain.joining import SuggestionStatus, score
from services.cases.projections.case_marks import BY_A_PERSON, MarkKind, MarkRow
from services.cases.projections.case_tasks import TaskRow, TaskStatus
from services.cases.projections.cases import CaseRow
from services.cases.projections.evidence_files import EvidenceFileRow, Handling
from services.cases.projections.index_assets import IndexAssetRow
from services.cases.projections.link_suggestions import SuggestionRow
from services.cases.projections.recognition import Similar
from services.cases.servicer.wire import LABELS, PRIORITIES, evidence_message, stamp_message, timestamp

OBSERVABLE_KINDS = {each: work.ObservableKind.Value(f"OBSERVABLE_KIND_{each.name}") for each in ObservableKind}
TASK_STATUSES = {each: work.TaskStatus.Value(f"TASK_STATUS_{each.name}") for each in TaskStatus}
SUGGESTION_STATUSES: Mapping[SuggestionStatus, work.SuggestionStatus.ValueType] = {
    each: work.SuggestionStatus.Value(f"SUGGESTION_STATUS_{each.name}")
    for each in SuggestionStatus
    if each is not SuggestionStatus.NONE
}
JOINING_RULES = {each: work.JoiningRule.Value(f"JOINING_RULE_{each.name}") for each in JoiningRule}
HANDLINGS = {each: work.EvidenceHandling.Value(f"EVIDENCE_HANDLING_{each.name}") for each in Handling}

Words = Iterator[tuple[Sealed, Label]]


def status_of(row: CaseRow) -> pb.CaseStatus.ValueType:
    if row.merged_into is not None:
        return pb.CASE_STATUS_MERGED
    return pb.CASE_STATUS_OPEN if row.open else pb.CASE_STATUS_CLOSED


def task_words(row: TaskRow) -> Words:
    yield row.title, row.label
    if row.ending is not None:
        yield row.ending, row.label


def task_message(tenant_id: str, row: TaskRow, opened: Opened) -> work.Task:
    return work.Task(
        tenant_id=tenant_id,
        task_id=row.task_id,
        case_id=row.case_id,
        status=TASK_STATUSES[row.status],
        title=opened.text(row.title),
        label=LABELS[row.label],
        assignee_principal_id=row.assignee or "",
        due_at=timestamp(row.due_at),
        added=stamp_message(row.added),
        ended=stamp_message(row.ended),
        ending=opened.text(row.ending),
    )


def mark_words(rows: Iterable[MarkRow]) -> Words:
    for row in rows:
        if row.observable is not None:
            yield row.observable.value, row.observable.label


def observable_message(row: MarkRow, opened: Opened) -> work.Observable | None:
    """None for a mark of another kind."""
    observable = row.observable
    if observable is None:
        return None
    return work.Observable(
        observable_id=observable.observable_id,
        kind=OBSERVABLE_KINDS[observable.kind],
        value=opened.text(observable.value),
        label=LABELS[observable.label],
        strong=observable.strong,
        subject_ids=[each.subject_id for each in row.sources if each.subject_id != BY_A_PERSON],
        by_a_person=any(each.subject_id == BY_A_PERSON for each in row.sources),
        case_id=row.case_id,
        first_seen_at=timestamp(min(each.seen_at for each in row.sources)),
        last_seen_at=timestamp(max(each.seen_at for each in row.sources)),
    )


def technique_messages(rows: Iterable[MarkRow]) -> list[work.CaseTechnique]:
    """The case's place in ATT&CK: each technique once, with the subjects that showed it."""
    by_technique: dict[str, list[MarkRow]] = {}
    for row in rows:
        if row.kind is MarkKind.TECHNIQUE:
            by_technique.setdefault(row.shared, []).append(row)
    found = []
    for technique, marks in sorted(by_technique.items()):
        sources = [source for mark in marks for source in mark.sources]
        found.append(
            work.CaseTechnique(
                technique=technique,
                subject_ids=sorted({source.subject_id for source in sources}),
                first_seen_at=timestamp(min(source.seen_at for source in sources)),
                last_seen_at=timestamp(max(source.seen_at for source in sources)),
            )
        )
    return found


def file_words(row: EvidenceFileRow) -> Words:
    label = row.evidence.label
    yield row.evidence.summary, label
    yield row.name, label
    for entry in row.chain:
        yield entry.words, label
        if entry.place is not None:
            yield entry.place, label


def file_message(row: EvidenceFileRow, opened: Opened) -> work.EvidenceFile:
    return work.EvidenceFile(
        case_id=row.case_id,
        evidence=evidence_message(row.evidence, opened),
        name=opened.text(row.name),
        size=row.size,
        custodian_principal_id=row.custodian,
        chain=[
            work.CustodyEntry(
                handling=HANDLINGS[entry.kind],
                stamp=stamp_message(entry.stamp),
                to_principal_id=entry.to_principal_id,
                words=opened.text(entry.words),
                place=opened.text(entry.place),
            )
            for entry in row.chain
        ],
    )


def similar_words(similar: Similar) -> Words:
    yield similar.case.title, similar.case.label
    yield from mark_words(each.mark for each in similar.shared)


def similar_message(similar: Similar, opened: Opened) -> work.SimilarCase:
    row = similar.case
    return work.SimilarCase(
        case_id=row.case_id,
        status=status_of(row),
        priority=PRIORITIES[row.priority],
        title=opened.text(row.title),
        outcome=row.outcome,
        score=similar.score,
        shared=[
            work.SharedMark(
                kind=each.mark.kind.value,
                id="" if each.mark.observable is not None else each.mark.shared,
                observable=observable_message(each.mark, opened),
                weight=each.weight,
            )
            for each in similar.shared
        ],
    )


def scope_messages(
    case: CaseRow, marks: Sequence[MarkRow], rows: Iterable[IndexAssetRow], opened: Opened
) -> list[work.AssetInScope]:
    """Every asset once, with the case's observables that it shares."""
    observables = {mark.shared: message for mark in marks if (message := observable_message(mark, opened)) is not None}
    by_asset: dict[str, list[IndexAssetRow]] = {}
    for row in rows:
        by_asset.setdefault(row.asset_id, []).append(row)
    return [
        work.AssetInScope(
            asset_id=asset_id,
            in_case=asset_id in case.asset_ids,
            observables=[observables[row.index] for row in known],
            registered=any("registered" in row.how for row in known),
        )
        for asset_id, known in sorted(by_asset.items())
    ]


def suggestion_words(row: SuggestionRow, marks: Mapping[str, MarkRow]) -> Words:
    yield from mark_words(marks[each.shared] for each in row.reasons if each.shared in marks)
    if row.why_declined is not None:
        yield row.why_declined, Label.AMBER


def suggestion_message(
    tenant_id: str, row: SuggestionRow, marks: Mapping[str, MarkRow], opened: Opened
) -> work.LinkSuggestion:
    return work.LinkSuggestion(
        tenant_id=tenant_id,
        suggestion_id=row.suggestion_id,
        status=SUGGESTION_STATUSES[row.status],
        case_id=row.case_id,
        with_case_id=row.with_case_id,
        score=score(row.reasons),
        reasons=[
            work.JoiningReason(
                rule=JOINING_RULES[each.rule],
                asset_id=each.shared if each.rule is JoiningRule.SAME_ASSET else "",
                observable=observable_message(marks[each.shared], opened) if each.shared in marks else None,
                apart_seconds=each.apart_seconds,
            )
            for each in row.reasons
        ],
        suggested=stamp_message(row.suggested),
        settled=stamp_message(row.settled),
        into_case_id=row.into_case_id,
        why_declined=opened.text(row.why_declined),
    )
