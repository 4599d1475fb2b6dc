"""Earlier reports of the tenant, and what the customer said of them, as known so far."""

from dataclasses import dataclass, field

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.reporting import ReportConfirmed, ReportDisputed, ReportPublished
from services.reporting.domain.chronicle.marks import Mark


@dataclass(slots=True)
class Reply:
    """A confirmation (`figure` is None) or the dispute of a figure."""

    mark: Mark
    actor_id: str
    figure: str | None
    words: Sealed | None


@dataclass(slots=True)
class Publication:
    published: Mark
    event: ReportPublished
    replies: list[Reply] = field(default_factory=list)


@dataclass(slots=True)
class Publications:
    by_id: dict[str, Publication] = field(default_factory=dict)

    def observe(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case ReportPublished() as event:
                self.by_id[event.report_id] = Publication(Mark.of(recorded), event)
            case ReportConfirmed() as event:
                self._reply(recorded, event.report_id, None, event.comment)
            case ReportDisputed() as event:
                self._reply(recorded, event.report_id, event.figure, event.reason)
            case _:
                return

    def _reply(self, recorded: Recorded[Event], report_id: str, figure: str | None, words: Sealed | None) -> None:
        if publication := self.by_id.get(report_id):
            publication.replies.append(Reply(Mark.of(recorded), recorded.envelope.actor.id, figure, words))
