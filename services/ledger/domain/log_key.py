"""The signing keys of a tenant's log, by generation; the log is born with generation 1."""

from dataclasses import dataclass

from contracts.commands import Command
from contracts.events.base import Event, Recorded
from contracts.events.ledger import LogKeyIntroduced

CATEGORY = "logkey"


class RotateLogKey(Command):
    """Recorded in the provider's ledger; `log_tenant_id` is the tenant whose log it is."""

    log_tenant_id: str


class RecordFirstKey(Command):
    """Made by the ledger service itself, once it has signed a log's first head."""

    log_tenant_id: str


@dataclass(frozen=True, slots=True)
class LogKey:
    """`recorded`: an event names a key of this log already."""

    generation: int = 1
    recorded: bool = False


def initial() -> LogKey:
    return LogKey()


def evolve(_state: LogKey, recorded: Recorded[LogKeyIntroduced]) -> LogKey:
    return LogKey(recorded.event.generation, recorded=True)


def record_first(state: LogKey, command: RecordFirstKey, verifier_key: str, fingerprint: str) -> list[Event]:
    """Nothing when it is on record, or when a later key is: that one was introduced by it."""
    if state.recorded:
        return []
    return [
        LogKeyIntroduced(
            log_tenant_id=command.log_tenant_id,
            generation=state.generation,
            verifier_key=verifier_key,
            fingerprint=fingerprint,
        )
    ]


def rotate(state: LogKey, command: RotateLogKey, verifier_key: str, fingerprint: str) -> list[Event]:
    """`verifier_key` is that of the next generation."""
    return [
        LogKeyIntroduced(
            log_tenant_id=command.log_tenant_id,
            generation=state.generation + 1,
            verifier_key=verifier_key,
            fingerprint=fingerprint,
        )
    ]
