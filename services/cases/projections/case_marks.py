"""What each case can be recognised by: its assets, observables, rules and techniques, one row a case and mark."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Value
from contracts.events.case_work import (
    CaseSplit,
    Observable,
    ObservableAdded,
    ObservableRemoved,
    SubjectUnlinked,
    TracesDrawn,
)
from contracts.events.ledger import SubjectErased
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView

BY_A_PERSON = ""


class MarkKind(StrEnum):
    ASSET = "asset"
    OBSERVABLE = "observable"
    RULE = "rule"
    TECHNIQUE = "technique"


class Source(Value):
    """The subject that the mark comes from, or BY_A_PERSON, and when it was seen there."""

    subject_id: str
    seen_at: Instant


class MarkRow(Value):
    """`shared` is an asset's or a rule's identifier, a technique, or an observable's blind index."""

    case_id: str
    kind: MarkKind
    shared: str
    sources: tuple[Source, ...]
    observable: Observable | None = None

    @property
    def strong(self) -> bool:
        return self.observable is not None and self.observable.strong


class CaseMarks(DocumentView[MarkRow]):
    NAME = "case_marks"
    VERSION = 2
    READABLE_VERSIONS = frozenset({1})
    TABLE = "case_marks"
    TOPICS = frozenset({TracesDrawn, ObservableAdded, ObservableRemoved, SubjectUnlinked, CaseSplit})
    ERASURES = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "case_id": "text",
        "kind": "text",
        "shared": "text",
        "sealed_for": "text",
    }
    DOCUMENT = MarkRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        match event:
            case TracesDrawn():
                return [_key(event.case_id, kind, shared) for kind, shared in _drawn(event)]
            case ObservableAdded():
                return [_key(event.case_id, MarkKind.OBSERVABLE, event.observable.index)]
            case _:
                return []

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """What leaves a case may have left a mark of any kind."""
        leaving = isinstance(recorded.event, ObservableRemoved | SubjectUnlinked | CaseSplit)
        return [equal("case_id", recorded.event.case_id)] if leaving else []

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The observables whose values were sealed under the erased subject's key."""
        return [equal("sealed_for", recorded.event.subject)]

    def fold(self, key: str, document: MarkRow | None, recorded: Recorded[Any]) -> MarkRow | None:
        event = recorded.event
        match event:
            case TracesDrawn():
                source = Source(subject_id=event.subject_id, seen_at=event.seen_at or recorded.occurred_at)
                kind, shared = next(each for each in _drawn(event) if _key(event.case_id, *each) == key)
                found = next((each for each in event.observables if each.index == shared), None)
                return _seen(
                    document,
                    MarkRow(case_id=event.case_id, kind=kind, shared=shared, sources=(source,), observable=found),
                )
            case ObservableAdded():
                source = Source(subject_id=BY_A_PERSON, seen_at=recorded.occurred_at)
                added = event.observable
                return _seen(
                    document,
                    MarkRow(
                        case_id=event.case_id,
                        kind=MarkKind.OBSERVABLE,
                        shared=added.index,
                        sources=(source,),
                        observable=added,
                    ),
                )
        if document is None:
            return None
        match event:
            case SubjectErased():
                return None
            case ObservableRemoved():
                mine = document.observable
                return None if mine and mine.observable_id == event.observable_id else document
            case SubjectUnlinked():
                return _left(document, {event.subject_id})
            case CaseSplit():
                return _left(document, set(event.subject_ids))
            case _:
                return document

    def columns(self, document: MarkRow) -> Mapping[str, object]:
        return {
            "case_id": document.case_id,
            "kind": document.kind.value,
            "shared": document.shared,
            "sealed_for": document.observable.value.subject if document.observable else None,
        }


def _key(case_id: str, kind: MarkKind, shared: str) -> str:
    return f"{kind.value}:{shared}/{case_id}"


def _drawn(event: TracesDrawn) -> list[tuple[MarkKind, str]]:
    return [
        *((MarkKind.ASSET, asset_id) for asset_id in dict.fromkeys(event.asset_ids)),
        *((MarkKind.OBSERVABLE, index) for index in dict.fromkeys(each.index for each in event.observables)),
        *([(MarkKind.RULE, event.rule_id)] if event.rule_id else []),
        *((MarkKind.TECHNIQUE, technique) for technique in dict.fromkeys(event.techniques)),
    ]


def _seen(document: MarkRow | None, found: MarkRow) -> MarkRow:
    if document is None:
        return found
    others = tuple(each for each in document.sources if each.subject_id != found.sources[0].subject_id)
    return document.model_copy(update={"sources": (*others, *found.sources)})


def _left(document: MarkRow, subject_ids: set[str]) -> MarkRow | None:
    left = tuple(each for each in document.sources if each.subject_id not in subject_ids)
    if len(left) == len(document.sources):
        return document
    return document.model_copy(update={"sources": left}) if left else None
