"""By whose word anything may be done, as known so far: charters and pre-authorisations."""

from dataclasses import dataclass, field

from contracts.events.base import Event, Recorded
from contracts.events.cases import (
    CharterApproved,
    CharterProposed,
    PreauthorisationRevoked,
    PreauthorisationSigned,
)
from services.reporting.domain.chronicle.marks import Mark


@dataclass(slots=True)
class Charter:
    event: CharterProposed
    proposed: Mark
    approved: Mark | None = None
    approved_by: str | None = None


@dataclass(slots=True)
class Preauthorisation:
    event: PreauthorisationSigned
    signed: Mark
    signed_by: str
    revoked: Mark | None = None


@dataclass(slots=True)
class Mandates:
    """Versions of charters by (charter, version), in the order of their proposals."""

    charters: dict[tuple[str, int], Charter] = field(default_factory=dict)
    preauthorisations: dict[str, Preauthorisation] = field(default_factory=dict)

    def observe(self, recorded: Recorded[Event]) -> None:
        mark, actor_id = Mark.of(recorded), recorded.envelope.actor.id
        match recorded.event:
            case CharterProposed() as event:
                self.charters[(event.charter_id, event.charter_version)] = Charter(event, mark)
            case CharterApproved() as event:
                if charter := self.charters.get((event.charter_id, event.charter_version)):
                    charter.approved, charter.approved_by = mark, actor_id
            case PreauthorisationSigned() as event:
                self.preauthorisations[event.preauthorisation_id] = Preauthorisation(event, mark, actor_id)
            case PreauthorisationRevoked() as event:
                if signed := self.preauthorisations.get(event.preauthorisation_id):
                    signed.revoked = mark
            case _:
                return

    @property
    def awaiting(self) -> Charter | None:
        """The latest version of the charter, while nobody has approved it."""
        latest = next(reversed(self.charters.values()), None)
        return latest if latest and latest.approved is None else None
