"""The smallest parts of a chronicle: when something was recorded and where, and one line of a history."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from contracts.events.base import Event, Recorded, Sealed
from contracts.labels import Label


class Mark(NamedTuple):
    """An entry as a point in time: its position, and `recorded_at` by the store's clock, which never runs backwards."""

    position: int
    at: datetime

    @classmethod
    def of(cls, recorded: Recorded[Event]) -> "Mark":
        return cls(recorded.position, recorded.recorded_at)

    def milliseconds_until(self, later: "Mark | datetime") -> int:
        """Whole milliseconds from here to there, negative when `later` is earlier."""
        end = later.at if isinstance(later, Mark) else later
        delta = end - self.at
        return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


@dataclass(slots=True)
class Moment:
    """One entry in a history: both clocks, who, what in clear terms, and the sealed words under their labels."""

    position: int
    topic: str
    recorded_at: datetime
    occurred_at: datetime
    actor_id: str
    facts: dict[str, Any]
    sealed: list[tuple[str, Sealed, Label]] = field(default_factory=list)

    @classmethod
    def of(
        cls, recorded: Recorded[Event], facts: dict[str, Any], sealed: list[tuple[str, Sealed, Label]] | None = None
    ) -> "Moment":
        return cls(
            recorded.position,
            recorded.envelope.topic,
            recorded.recorded_at,
            recorded.occurred_at,
            recorded.envelope.actor.id,
            facts,
            sealed or [],
        )
