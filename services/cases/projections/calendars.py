"""Business calendars, each in its latest version."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Recorded, Value
from contracts.events.people import CalendarPublished
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp


class CalendarRow(Value):
    calendar: CalendarPublished
    published: Stamp


class Calendars(DocumentView[CalendarRow]):
    NAME = "calendars"
    VERSION = 1
    TABLE = "calendars"
    TOPICS = frozenset({CalendarPublished})
    COLUMNS: ClassVar[Mapping[str, str]] = {"name": "text"}
    DOCUMENT = CalendarRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.calendar_id]

    def fold(self, key: str, document: CalendarRow | None, recorded: Recorded[Any]) -> CalendarRow | None:
        return CalendarRow(calendar=recorded.event, published=Stamp.of(recorded))

    def columns(self, document: CalendarRow) -> Mapping[str, object]:
        return {"name": document.calendar.definition.name}
