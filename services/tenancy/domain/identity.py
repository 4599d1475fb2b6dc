"""An identity: one (issuer, subject), as a blind index, that belongs to one principal for ever."""

from dataclasses import dataclass

from contracts.events.base import Event, Recorded
from contracts.events.tenancy import IdentityClaimed
from contracts.ids import derive_id
from services.tenancy.domain.errors import IdentityTaken

CATEGORY = "identity"


@dataclass(frozen=True, slots=True)
class Identity:
    principal_id: str = ""


def initial() -> Identity:
    return Identity()


def evolve(_state: Identity, recorded: Recorded[IdentityClaimed]) -> Identity:
    return Identity(recorded.event.principal_id)


def identity_id_of(index: str) -> str:
    return derive_id("identity", index)


def claim(state: Identity, index: str, principal_id: str) -> list[Event]:
    if state.principal_id:
        raise IdentityTaken("This identity belongs to a principal already.")
    return [IdentityClaimed(identity_id=identity_id_of(index), principal_id=principal_id)]
