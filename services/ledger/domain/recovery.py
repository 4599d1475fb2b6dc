"""Opening a ledger again that was closed because it contradicts its log: two administrators, and a new origin.

What was signed under the earlier origin is never extended, so no position is used twice under one origin. One stream a
ledger, in the provider's.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.commands import Command, Private
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.ledger import LedgerReopened, ReopeningProposed
from services.ledger.domain.custody import Person
from services.ledger.domain.errors import PersonNeeded, ReopeningOutdated, ReopeningUnknown, SecondPersonNeeded

CATEGORY = "recovery"


class ProposeReopening(Command):
    """Recorded in the provider's ledger; `log_tenant_id` is the tenant whose ledger is closed."""

    log_tenant_id: str
    reason: Private


class ApproveReopening(Command):
    log_tenant_id: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A closed ledger: the origin and the head that it contradicts, root in hexadecimal, and what it holds now."""

    origin: str
    signed_size: int
    signed_root: str
    entries: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """`number` counts the log's origins, from 1. `proposed` stands until somebody else approves it."""

    number: int = 1
    proposed: Broken | None = None
    proposed_by: str = ""


def initial() -> Recovery:
    return Recovery()


def evolve(state: Recovery, recorded: Recorded[ReopeningProposed | LedgerReopened]) -> Recovery:
    event = recorded.event
    match event:
        case ReopeningProposed():
            broken = Broken(event.origin, event.signed_size, event.signed_root, event.entries)
            return replace(state, proposed=broken, proposed_by=recorded.envelope.actor.id)
        case LedgerReopened():
            return Recovery(event.origin_number)
        case _ as never:
            assert_never(never)


def propose(command: ProposeReopening, broken: Broken, recovery_id: str, who: Person) -> list[Event]:
    """A later proposal takes the place of one that nobody has approved. Raises PersonNeeded."""
    _person(who)
    return [
        ReopeningProposed(
            log_tenant_id=command.log_tenant_id,
            origin=broken.origin,
            signed_size=broken.signed_size,
            signed_root=broken.signed_root,
            entries=broken.entries,
            reason=Sealed.of(command.reason, subject=recovery_id),
        )
    ]


def approve(
    state: Recovery, command: ApproveReopening, broken: Broken, begun: tuple[str, str, str], who: Person
) -> list[Event]:
    """`begun` are the new origin, the verifier key that signs under it and that key's fingerprint.

    Raises ReopeningUnknown, ReopeningOutdated, PersonNeeded, SecondPersonNeeded.
    """
    _person(who)
    if state.proposed is None:
        raise ReopeningUnknown("Nobody has proposed to reopen this ledger.")
    if state.proposed_by == who.id:
        raise SecondPersonNeeded("Whoever proposed the reopening cannot approve it.")
    if state.proposed != broken:
        raise ReopeningOutdated("The ledger is not as it was when its reopening was proposed; propose it anew.")
    origin, verifier_key, fingerprint = begun
    return [
        LedgerReopened(
            log_tenant_id=command.log_tenant_id,
            origin_number=state.number + 1,
            origin=origin,
            verifier_key=verifier_key,
            fingerprint=fingerprint,
            earlier_origin=broken.origin,
            signed_size=broken.signed_size,
            signed_root=broken.signed_root,
            entries=broken.entries,
            proposed_by=state.proposed_by,
        )
    ]


def _person(who: Person) -> None:
    if not who.is_person:
        raise PersonNeeded("A machine cannot reopen a ledger.")
