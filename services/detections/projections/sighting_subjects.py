"""What was sighted, in the provider's ledger: when others may be told of it next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, instant
from contracts.events.intelligence import SightingContributed, SightingRetracted, SightingSubject
from infra.read_database.views import DocumentView, Due

REPORT_SIGHTINGS = "report_sightings"
"""The timer that tells of a subject."""
MAX_INTERVALS = 8


class SightingSubjectDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    subject_kind: SightingSubject
    subject_id: str
    told_from: tuple[datetime, ...]
    """For the latest intervals in which it was contributed or retracted, when each may be told of."""


class SightingSubjects(DocumentView[SightingSubjectDocument]):
    NAME = "sighting_subjects"
    VERSION = 1
    TABLE = "sighting_subjects"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({SightingContributed, SightingRetracted})
    COLUMNS: ClassVar[Mapping[str, str]] = {"told_from": "timestamptz"}
    DOCUMENT = SightingSubjectDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [f"{recorded.event.subject_kind.value}:{recorded.event.subject_id}"]

    def fold(
        self, key: str, document: SightingSubjectDocument | None, recorded: Recorded[Any]
    ) -> SightingSubjectDocument | None:
        del key
        event = recorded.event
        before = document.told_from if document is not None else ()
        times = tuple(sorted({*before, event.told_from}))[-MAX_INTERVALS:]
        return SightingSubjectDocument(subject_kind=event.subject_kind, subject_id=event.subject_id, told_from=times)

    def columns(self, document: SightingSubjectDocument) -> Mapping[str, object]:
        return {"told_from": document.told_from[-1]}

    def timers(self, key: str, document: SightingSubjectDocument) -> Sequence[Due]:
        """One for each interval: if each moved the one before it, a subject that is sighted all the time would never be
        told of."""
        del key
        subject = {"subject_kind": document.subject_kind.value, "subject_id": document.subject_id}
        return [Due(REPORT_SIGHTINGS, at, {**subject, "told_from": instant(at)}) for at in document.told_from]
