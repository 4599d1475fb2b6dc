"""What callers ask about erasing a tenant's sealed values, and about holding them."""

from contracts.commands import Command, Private
from contracts.events.ledger import ErasureBasis


class PlaceHold(Command):
    """On these subjects; on the whole ledger where none is named."""

    subjects: tuple[str, ...]
    matter: Private


class ReleaseHold(Command):
    """The first person's asks for the release, the second's releases."""

    hold_id: str
    reason: Private


class Erase(Command):
    """Everything sealed under the subject's key; or, with `position` and `path`, one field that an entry sealed."""

    subject: str
    position: int | None
    path: str | None
    basis: ErasureBasis
    reason: Private


class ApproveErasure(Command):
    erasure_id: str


class CarryOutErasure(Command):
    """Made by the ledger service itself once an erasure is recorded."""

    erasure_id: str


class CarryOutErasureAgain(Command):
    """Made by the ledger service itself where the key store holds again what was destroyed, `times` times by then."""

    erasure_id: str
    times: int
