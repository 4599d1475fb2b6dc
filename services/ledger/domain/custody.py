"""What becomes of a tenant's sealed values: legal holds and erasures, all in one stream of the tenant's ledger.

One stream, because a hold beats an erasure wherever the two are written at the same moment: whichever comes second is
decided anew on the other. Holds and erasures are rare, so it stays short.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.ledger import (
    ErasureBasis,
    ErasureCarriedOut,
    ErasureRequested,
    FieldErased,
    HoldPlaced,
    HoldReleased,
    HoldReleaseRequested,
    SubjectErased,
)
from contracts.ids import PROVIDER
from services.ledger.domain.custody_commands import ApproveErasure, Erase, PlaceHold, ReleaseHold
from services.ledger.domain.errors import (
    ErasureDecided,
    ErasureUnknown,
    HoldEnded,
    HoldStands,
    HoldUnknown,
    PersonNeeded,
    SecondPersonNeeded,
)

CATEGORY = "custody"


@dataclass(frozen=True, slots=True)
class Person:
    """The maker of a command: principal, home organisation, and whether it is a person rather than a machine."""

    id: str
    home_tenant_id: str
    is_person: bool


@dataclass(frozen=True, slots=True)
class Hold:
    hold_id: str
    subjects: tuple[str, ...]
    matter: Sealed
    placed_by: str
    position: int
    release_requested_by: str = ""
    released: bool = False

    def covers(self, subject: str) -> bool:
        return not self.released and (not self.subjects or subject in self.subjects)


@dataclass(frozen=True, slots=True)
class Erasure:
    """`position` and `path` are the field's, both None for a whole subject."""

    erasure_id: str
    subject: str
    position: int | None
    path: str | None
    basis: ErasureBasis
    reason: Sealed
    requested_by: str
    requested_position: int
    decided_position: int | None = None
    carried_out: ErasureCarriedOut | None = None
    """As it was recorded first."""
    times: int = 0
    """How often it was carried out: again where a restored backup of the key store had undone it."""


@dataclass(frozen=True, slots=True)
class Custody:
    holds: Mapping[str, Hold] = field(default_factory=dict)
    erasures: Mapping[str, Erasure] = field(default_factory=dict)


def initial() -> Custody:
    return Custody()


CustodyEvent = (
    HoldPlaced
    | HoldReleaseRequested
    | HoldReleased
    | ErasureRequested
    | SubjectErased
    | FieldErased
    | ErasureCarriedOut
)


def evolve(state: Custody, recorded: Recorded[CustodyEvent]) -> Custody:
    event, actor = recorded.event, recorded.envelope.actor.id
    match event:
        case HoldPlaced():
            return _held(state, Hold(event.hold_id, event.subjects, event.matter, actor, recorded.position))
        case HoldReleaseRequested():
            return _held(state, replace(state.holds[event.hold_id], release_requested_by=actor))
        case HoldReleased():
            return _held(state, replace(state.holds[event.hold_id], released=True))
        case ErasureRequested():
            return _erasing(
                state,
                Erasure(
                    event.erasure_id,
                    event.subject,
                    event.position,
                    event.path,
                    event.basis,
                    event.reason,
                    actor,
                    recorded.position,
                ),
            )
        case SubjectErased() | FieldErased():
            return _erasing(state, replace(state.erasures[event.erasure_id], decided_position=recorded.position))
        case ErasureCarriedOut():
            erasure = state.erasures[event.erasure_id]
            first = erasure.carried_out or event
            return _erasing(state, replace(erasure, carried_out=first, times=erasure.times + 1))
        case _ as never:
            assert_never(never)


def place_hold(hold_id: str, command: PlaceHold) -> list[Event]:
    subjects = tuple(sorted(set(command.subjects)))
    return [HoldPlaced(hold_id=hold_id, subjects=subjects, matter=Sealed.of(command.matter, subject=hold_id))]


def release_hold(state: Custody, command: ReleaseHold, who: Person) -> list[Event]:
    """The first person's word is a request, the second's the release. Raises HoldUnknown, HoldEnded, PersonNeeded,
    SecondPersonNeeded."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        raise HoldUnknown("There is no such hold in this ledger.")
    if hold.released:
        raise HoldEnded("The hold was released before.")
    _person(who)
    if not hold.release_requested_by:
        reason = Sealed.of(command.reason, subject=hold.hold_id)
        return [HoldReleaseRequested(hold_id=hold.hold_id, reason=reason)]
    if hold.release_requested_by == who.id:
        raise SecondPersonNeeded("Whoever asked for the release cannot grant it.")
    return [HoldReleased(hold_id=hold.hold_id, requested_by=hold.release_requested_by)]


def request_erasure(state: Custody, erasure_id: str, command: Erase, who: Person) -> list[Event]:
    """The request; and with it the erasure, where the customer answers a data subject's own request.

    The customer is the controller and may carry out what the data subject asks for alone. The provider's people never
    erase alone, and no other basis does without a second person. Raises HoldStands, PersonNeeded.
    """
    _person(who)
    _not_held(state, command.subject)
    requested = ErasureRequested(
        erasure_id=erasure_id,
        subject=command.subject,
        position=command.position,
        path=command.path,
        basis=command.basis,
        reason=Sealed.of(command.reason, subject=erasure_id),
    )
    alone = command.basis is ErasureBasis.DATA_SUBJECT_REQUEST and who.home_tenant_id != PROVIDER
    if not alone:
        return [requested]
    return [requested, _erased(erasure_id, command.subject, command.position, command.path, command.basis, who.id)]


def approve_erasure(state: Custody, command: ApproveErasure, who: Person) -> list[Event]:
    """Raises ErasureUnknown, ErasureDecided, PersonNeeded, SecondPersonNeeded, HoldStands."""
    erasure = state.erasures.get(command.erasure_id)
    if erasure is None:
        raise ErasureUnknown("There is no such erasure in this ledger.")
    if erasure.decided_position is not None:
        raise ErasureDecided("The erasure was decided before.")
    _person(who)
    if who.id == erasure.requested_by:
        raise SecondPersonNeeded("Whoever asked for the erasure cannot approve it.")
    _not_held(state, erasure.subject)
    return [
        _erased(
            erasure.erasure_id, erasure.subject, erasure.position, erasure.path, erasure.basis, erasure.requested_by
        )
    ]


def carry_out(
    state: Custody, erasure_id: str, fields: int, openings: int, exports: tuple[str, ...], times: int = 0
) -> list[Event]:
    """`times` is how often it is on record before; nothing where an earlier attempt has recorded this one."""
    if state.erasures[erasure_id].times != times:
        return []
    return [ErasureCarriedOut(erasure_id=erasure_id, fields=fields, exports=exports, openings=openings)]


def _erased(
    erasure_id: str, subject: str, position: int | None, path: str | None, basis: ErasureBasis, requested_by: str
) -> Event:
    if position is None or path is None:
        return SubjectErased(erasure_id=erasure_id, subject=subject, basis=basis, requested_by=requested_by)
    return FieldErased(
        erasure_id=erasure_id, subject=subject, position=position, path=path, basis=basis, requested_by=requested_by
    )


def _person(who: Person) -> None:
    if not who.is_person:
        raise PersonNeeded("Only a person can give this word.")


def _not_held(state: Custody, subject: str) -> None:
    standing = sorted(hold.hold_id for hold in state.holds.values() if hold.covers(subject))
    if standing:
        raise HoldStands("A legal hold forbids this erasure.", metadata={"hold_id": standing[0]})


def _held(state: Custody, hold: Hold) -> Custody:
    return replace(state, holds={**state.holds, hold.hold_id: hold})


def _erasing(state: Custody, erasure: Erasure) -> Custody:
    return replace(state, erasures={**state.erasures, erasure.erasure_id: erasure})
