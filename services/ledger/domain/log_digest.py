"""A digest of the heads of tenants' logs, taken once an interval."""

from dataclasses import dataclass

from contracts.commands import Command
from contracts.events.base import Event, Recorded
from contracts.events.ledger import HeadsDigested

CATEGORY = "digest"


class DigestHeads(Command):
    """Recorded in the provider's ledger; made by the ledger service itself, once an interval."""

    heads: int
    logs: int
    complete: bool
    root: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LogDigest:
    taken: bool = False


def initial() -> LogDigest:
    return LogDigest()


def evolve(_state: LogDigest, _recorded: Recorded[HeadsDigested]) -> LogDigest:
    return LogDigest(taken=True)


def take(state: LogDigest, digest_id: str, command: DigestHeads) -> list[Event]:
    """Nothing when another replica has taken the interval's digest already."""
    if state.taken:
        return []
    return [
        HeadsDigested(
            digest_id=digest_id,
            heads=command.heads,
            logs=command.logs,
            complete=command.complete,
            root=command.root,
            sha256=command.sha256,
        )
    ]
