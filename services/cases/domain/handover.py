"""A handover of a shift: complete only when the person who comes on has accepted every single item that is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.people import (
    HandoverCompleted,
    HandoverItem,
    HandoverItemAccepted,
    HandoverStarted,
    LedgerPosition,
)
from services.cases.domain.people_commands import AcceptHandoverItem, StartHandover
from services.cases.domain.people_errors import (
    HandoverIncomplete,
    HandoverInvalid,
    HandoverItemAcceptedAlready,
    HandoverItemUnknown,
    HandoverOver,
    HandoverUnknown,
    NotIncoming,
)
from services.cases.domain.rota import Rota, members
from services.cases.domain.who import Who

MAX_ITEMS = 400
"""Most open items of one handover: one event holds them all."""
MAX_NAMED = 20

HandoverEvent = HandoverStarted | HandoverItemAccepted | HandoverCompleted


@dataclass(frozen=True, slots=True)
class Handover:
    started: HandoverStarted | None = None
    accepted: frozenset[HandoverItem] = frozenset()
    completed: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """What is open in the group, and up to where each ledger was looked at."""

    items: Sequence[HandoverItem]
    positions: Sequence[LedgerPosition]


def evolve_handover(state: Handover, recorded: Recorded[HandoverEvent]) -> Handover:
    event = recorded.event
    match event:
        case HandoverStarted():
            return Handover(event)
        case HandoverItemAccepted():
            return replace(state, accepted=state.accepted | {event.item})
        case HandoverCompleted():
            return replace(state, completed=True)
        case _:
            assert_never(event)


def start_handover(handover_id: str, rota: Rota, command: StartHandover) -> HandoverStarted:
    """Raises RotaUnknown, HandoverInvalid."""
    here = members(rota)
    if command.from_principal_id == command.to_principal_id:
        raise HandoverInvalid("A shift is handed over to somebody else.")
    if command.to_principal_id not in here:
        raise HandoverInvalid("The person who comes on is not in the rota.")
    return HandoverStarted(
        handover_id=handover_id,
        rota_id=rota.rota_id,
        rota_version=rota.version,
        from_principal_id=command.from_principal_id,
        to_principal_id=command.to_principal_id,
    )


def accept_item(handover: Handover, command: AcceptHandoverItem, found: Open, who: Who) -> HandoverItemAccepted:
    """Raises HandoverUnknown, HandoverOver, NotIncoming, HandoverItemUnknown, HandoverItemAcceptedAlready."""
    under_way(handover, who)
    if command.item not in found.items:
        raise HandoverItemUnknown("The item is not open, or not in this version; look at the handover again.")
    if command.item in handover.accepted:
        raise HandoverItemAcceptedAlready("The item is accepted.")
    position = next(each for each in found.positions if each.tenant_id == command.item.tenant_id)
    return HandoverItemAccepted(handover_id=command.handover_id, item=command.item, position=position)


def complete_handover(handover: Handover, found: Open, who: Who) -> HandoverCompleted:
    """Raises HandoverUnknown, HandoverOver, NotIncoming, HandoverIncomplete with what is left to accept."""
    started = under_way(handover, who)
    left = unaccepted(handover, found.items)
    if left:
        named = " ".join(f"{item.kind.value}:{item.tenant_id}:{item.id}" for item in left[:MAX_NAMED])
        raise HandoverIncomplete(
            f"{len(left)} open item(s) are not accepted yet.", metadata={"open": str(len(left)), "items": named}
        )
    return HandoverCompleted(
        handover_id=started.handover_id,
        rota_id=started.rota_id,
        to_principal_id=started.to_principal_id,
        items=tuple(found.items),
        positions=tuple(found.positions),
    )


def under_way(handover: Handover, who: Who) -> HandoverStarted:
    started = known(handover)
    if handover.completed:
        raise HandoverOver("The handover is complete.")
    if who.id != started.to_principal_id or not who.person:
        raise NotIncoming("Only the person who comes on can accept.")
    return started


def known(handover: Handover) -> HandoverStarted:
    """Raises HandoverUnknown."""
    if handover.started is None:
        raise HandoverUnknown("There is no such handover.")
    return handover.started


def unaccepted(handover: Handover, items: Iterable[HandoverItem]) -> list[HandoverItem]:
    return [item for item in items if item not in handover.accepted]
