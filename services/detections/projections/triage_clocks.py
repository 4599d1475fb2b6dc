"""By detection, how old its activity was when it was raised, and how long people took with it.

What a hunt has raised is counted apart: how old its activity is says nothing of how fast we were. The first look is the
first claim, or the verdict where nobody had claimed; the first verdict counts, also where it was taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded
from contracts.events.detections import DetectionClaimed, DetectionFoundByHunt, DetectionRaised, DetectionValidated
from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from infra.read_database.views import DocumentView
from services.detections.projections.ages import Ages, place_of


class TriageClock(BaseModel):
    """`raised`, `triaged` and `judged` are classes of ages: of the newest activity when it was raised, and from there
    to the first look and the first verdict; None while there was none."""

    model_config = ConfigDict(frozen=True)

    sensor_id: str
    raised_at: datetime
    raised_position: int
    raised: int
    retrospective: bool = False
    triaged: int | None = None
    judged: int | None = None


class TriageClocks(DocumentView[TriageClock]):
    NAME = "triage_clocks"
    VERSION = 1
    TABLE = "triage_clocks"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {DetectionRaised, DetectionFoundByHunt, DetectionClaimed, DetectionValidated}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "sensor_id": "text",
        "retrospective": "boolean",
        "raised": "integer",
        "triaged": "integer",
        "judged": "integer",
    }
    DOCUMENT = TriageClock

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.detection_id]

    def fold(self, key: str, document: TriageClock | None, recorded: Recorded[Any]) -> TriageClock | None:
        event = recorded.event
        if isinstance(event, DetectionRaised):
            return TriageClock(
                sensor_id=event.sensor_id,
                raised_at=recorded.recorded_at,
                raised_position=recorded.position,
                raised=place_of(recorded.recorded_at - event.last_seen_at),
            )
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was raised")
        took = place_of(recorded.recorded_at - document.raised_at)
        update: dict[str, object] = {}
        if isinstance(event, DetectionFoundByHunt):
            # The mark of a hunt directly follows what the hunt has raised; others were added to what was there.
            update["retrospective"] = document.retrospective or recorded.position == document.raised_position + 1
        elif document.triaged is None:
            update["triaged"] = took
        if isinstance(event, DetectionValidated) and document.judged is None:
            update["judged"] = took
        return document.model_copy(update=update)

    def columns(self, document: TriageClock) -> Mapping[str, object]:
        return {
            "sensor_id": document.sensor_id,
            "retrospective": document.retrospective,
            "raised": document.raised,
            "triaged": document.triaged,
            "judged": document.judged,
        }


@dataclass(frozen=True, slots=True)
class Stages:
    """The detections of one source. `waiting` are those that nobody has looked at."""

    raised: Ages = field(default_factory=Ages)
    triaged: Ages = field(default_factory=Ages)
    judged: Ages = field(default_factory=Ages)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class SourceStages:
    """Apart, what was found as it happened, and what hunts have found."""

    live: Stages = field(default_factory=Stages)
    retrospective: Stages = field(default_factory=Stages)


class StagesBySource:
    """Counts the view over several tenants at once."""

    def __init__(self, view: TriageClocks, database: ReadDatabase) -> None:
        self._view, self._database = view, database

    async def of(
        self, sources: Sequence[tuple[TenantId, str]], at: int | None = None
    ) -> Mapping[tuple[TenantId, str], SourceStages]:
        """By tenant and sensor; sources without any detection are left out. `at` is a position of their one tenant."""
        tenant_ids = list(dict.fromkeys(tenant_id for tenant_id, _ in sources))
        found: dict[tuple[TenantId, str], dict[bool, Stages]] = {}
        async with self._database.reading(tenant_ids) as conn:
            cursor = await conn.execute(
                "SELECT v.tenant_id, v.sensor_id, v.retrospective, v.raised, v.triaged, v.judged, count(*)"
                " FROM triage_clocks v JOIN projection_builds b USING (tenant_id, build)"
                " WHERE b.projection = %(view)s AND b.active AND b.code_version = %(version)s"
                " AND v.sensor_id = ANY (%(sensors)s) AND CASE WHEN %(at)s::bigint IS NULL THEN v.to_position IS NULL"
                " ELSE v.from_position <= %(at)s AND (v.to_position IS NULL OR v.to_position > %(at)s) END"
                " GROUP BY v.tenant_id, v.sensor_id, v.retrospective, v.raised, v.triaged, v.judged",
                {
                    "view": self._view.NAME,
                    "version": self._view.VERSION,
                    "sensors": list({sensor_id for _, sensor_id in sources}),
                    "at": at,
                },
            )
            for tenant_id, sensor_id, retrospective, raised, triaged, judged, count in await cursor.fetchall():
                kinds = found.setdefault((tenant_id, sensor_id), {False: Stages(), True: Stages()})
                known = kinds[retrospective]
                kinds[retrospective] = Stages(
                    known.raised.with_more(raised, count),
                    known.triaged if triaged is None else known.triaged.with_more(triaged, count),
                    known.judged if judged is None else known.judged.with_more(judged, count),
                    known.waiting + (count if triaged is None else 0),
                )
        return {source: SourceStages(kinds[False], kinds[True]) for source, kinds in found.items()}
