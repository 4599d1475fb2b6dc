"""The legal holds of a tenant's ledger, as far as its closing depends on them. They are the ledger service's."""

from dataclasses import dataclass, replace
from typing import Any

from contracts.events.base import Recorded
from contracts.events.ledger import HoldPlaced, HoldReleased
from contracts.ids import TenantId, derive_id
from services.tenancy.domain.errors import HoldStands

CATEGORY = "custody"


@dataclass(frozen=True, slots=True)
class Holds:
    standing: frozenset[str] = frozenset()


def initial() -> Holds:
    return Holds()


def evolve_holds(state: Holds, recorded: Recorded[Any]) -> Holds:
    """Passes over the stream's other events, which belong to another service."""
    match recorded.event:
        case HoldPlaced() as event:
            return replace(state, standing=state.standing | {event.hold_id})
        case HoldReleased() as event:
            return replace(state, standing=state.standing - {event.hold_id})
        case _:
            return state


def holds_id_of(tenant_id: TenantId) -> str:
    """A ledger has one custody stream; `services/ledger/application/custody.py` derives it as well."""
    return derive_id(CATEGORY, tenant_id)


def check_nothing_held(state: Holds) -> None:
    """Raises HoldStands. Closing destroys every key, and a hold beats whatever destroys."""
    if state.standing:
        raise HoldStands(
            "A legal hold stands in this tenant's ledger; it has to be released first.",
            metadata={"holds": ",".join(sorted(state.standing)[:20])},
        )
