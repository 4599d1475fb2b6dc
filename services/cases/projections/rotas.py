"""Rotas with what overrides them, the hours ahead that nobody covers, and when each is looked at next."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.people import (
    CoverageChecked,
    CoverageGapClosed,
    CoverageGapFound,
    PageAbout,
    PageSent,
    RotaDefinition,
    RotaOverridden,
    RotaOverrideRemoved,
    RotaPublished,
)
from infra.read_database.views import DocumentView, Due
from services.cases.projections.stamp import Stamp

CHECK_COVERAGE = "check_coverage"
SEND_PROBE = "send_probe"
CHECK_EVERY = timedelta(days=1)
"""Coverage is looked at with every change of the rota, and this often besides, since time goes on."""


class OverrideRow(Value):
    override_id: str
    principal_id: str
    starts_at: Instant
    ends_at: Instant
    reason: Sealed
    stamp: Stamp


class GapRow(Value):
    gap_id: str
    starts_at: Instant
    ends_at: Instant
    found: Stamp


class RotaRow(Value):
    rota_id: str
    rota_version: int
    digest: str
    definition: RotaDefinition
    published: Stamp
    overrides: tuple[OverrideRow, ...] = ()
    """Those that were not over when the last one was added."""
    gaps: tuple[GapRow, ...] = ()
    covered_through: Instant | None = None
    checked_at: Instant | None = None
    probed_at: Instant | None = None


class Rotas(DocumentView[RotaRow]):
    NAME = "rotas"
    VERSION = 1
    TABLE = "rotas"
    TOPICS = frozenset(
        {
            RotaPublished,
            RotaOverridden,
            RotaOverrideRemoved,
            CoverageGapFound,
            CoverageGapClosed,
            CoverageChecked,
            PageSent,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"name": "text", "gaps": "integer"}
    DOCUMENT = RotaRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, PageSent):
            return [event.rota_id] if event.about is PageAbout.PROBE else []
        return [event.rota_id]

    def fold(self, key: str, document: RotaRow | None, recorded: Recorded[Any]) -> RotaRow | None:
        event = recorded.event
        if isinstance(event, RotaPublished):
            return _published(document, event, Stamp.of(recorded))
        if document is None:
            return None
        match event:
            case RotaOverridden():
                kept = tuple(each for each in document.overrides if each.ends_at > recorded.recorded_at)
                return document.model_copy(update={"overrides": (*kept, _override(event, Stamp.of(recorded)))})
            case RotaOverrideRemoved():
                kept = tuple(each for each in document.overrides if each.override_id != event.override_id)
                return document.model_copy(update={"overrides": kept})
            case CoverageGapFound():
                others = tuple(each for each in document.gaps if each.gap_id != event.gap_id)
                return document.model_copy(update={"gaps": (*others, _gap(event, Stamp.of(recorded)))})
            case CoverageGapClosed():
                left = tuple(each for each in document.gaps if each.gap_id != event.gap_id)
                return document.model_copy(update={"gaps": left})
            case CoverageChecked():
                # By the clock that timers are due by, so that one that runs ahead of the store's begins no race.
                update = {"covered_through": event.through, "checked_at": recorded.occurred_at}
                return document.model_copy(update=update)
            case _:
                return document.model_copy(update={"probed_at": recorded.occurred_at})

    def columns(self, document: RotaRow) -> Mapping[str, object]:
        return {"name": document.definition.name, "gaps": len(document.gaps)}

    def timers(self, key: str, document: RotaRow) -> Sequence[Due]:
        wanted = []
        if document.checked_at is not None:
            wanted.append(Due(CHECK_COVERAGE, document.checked_at + CHECK_EVERY, {"rota_id": key}))
        every = document.definition.probe_minutes
        if every is not None:
            since = document.probed_at or document.published.occurred_at
            at = since + timedelta(minutes=every)
            wanted.append(Due(SEND_PROBE, at, {"rota_id": key, "cause": at.isoformat()}))
        return wanted


def _published(document: RotaRow | None, event: RotaPublished, stamp: Stamp) -> RotaRow:
    changed = {
        "rota_id": event.rota_id,
        "rota_version": event.rota_version,
        "digest": event.digest,
        "definition": event.definition,
        "published": stamp,
    }
    return document.model_copy(update=changed) if document is not None else RotaRow.model_validate(changed)


def _override(event: RotaOverridden, stamp: Stamp) -> OverrideRow:
    return OverrideRow(
        override_id=event.override_id,
        principal_id=event.principal_id,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        reason=event.reason,
        stamp=stamp,
    )


def _gap(event: CoverageGapFound, stamp: Stamp) -> GapRow:
    return GapRow(gap_id=event.gap_id, starts_at=event.starts_at, ends_at=event.ends_at, found=stamp)
