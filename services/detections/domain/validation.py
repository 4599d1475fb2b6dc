"""What detections and customers' reports have in common: a person's verdict, given once and taken back by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from contracts.calls import AuthenticatedBy, Call
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.subjects import Evidence, Sight, Verdict
from contracts.ids import derive_id
from contracts.roles import Role
from services.detections.domain.commands import EvidenceInput
from services.detections.domain.errors import (
    AlreadyValidated,
    NotAnAnalyst,
    NotAPerson,
    NotValidated,
    RationaleMissing,
    SightInFuture,
    ValidationChanged,
    VerdictUnsuitable,
)

E = TypeVar("E", bound=Event)

VALIDATORS = frozenset({Role.ANALYST, Role.LEAD})


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict that stands: where it was recorded and by whom."""

    position: int
    verdict: Verdict
    principal_id: str


def standing_of(recorded: Recorded[E], verdict: Verdict) -> Standing:
    return Standing(recorded.position, verdict, recorded.envelope.actor.id)


def require_human(call: Call) -> None:
    """Only a person, as analyst or lead, gives a verdict or takes one back. Raises NotAPerson, NotAnAnalyst."""
    if call.actor.authenticated_by is not AuthenticatedBy.OIDC:
        raise NotAPerson("A verdict is given by a person who has signed in.")
    if not call.roles & VALIDATORS:
        raise NotAnAnalyst("A verdict is given by an analyst or a lead of this tenant.")


def require_open(standing: Standing | None) -> None:
    if standing is not None:
        raise AlreadyValidated(
            "A verdict stands. Withdraw it before giving another.",
            metadata={"validation_position": str(standing.position), "verdict": standing.verdict.value},
        )


def require_standing(standing: Standing | None, validation_position: int) -> None:
    if standing is None:
        raise NotValidated("There is no verdict that stands.")
    if standing.position != validation_position:
        raise ValidationChanged(
            "The verdict that stands is another one.", metadata={"validation_position": str(standing.position)}
        )


def require_reasoned(rationale: str) -> None:
    if not rationale.strip():
        raise RationaleMissing("A verdict, and taking one back, needs a reason in words.")


def require_suitable(verdict: Verdict) -> None:
    if verdict is Verdict.CONFIRMED_EXPOSURE:
        raise VerdictUnsuitable("`confirmed_exposure` is a verdict on findings, not on activity.")


def require_seen(seen: Sequence[Sight], head: int) -> None:
    """`head` is the next position of the ledger: nobody can have seen it or anything after it."""
    for sight in seen:
        if sight.position >= head:
            raise SightInFuture(
                f"{sight.view} cannot have been seen at {sight.position}.", metadata={"head": str(head)}
            )


def evidence_of(call: Call, subject: str, inputs: Sequence[EvidenceInput]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            id=derive_id("evidence", call.request_key, ordinal),
            label=item.label,
            summary=Sealed.of(item.summary, subject=subject),
            sha256=item.sha256,
            offset=item.offset,
            position=item.position,
        )
        for ordinal, item in enumerate(inputs)
    )
