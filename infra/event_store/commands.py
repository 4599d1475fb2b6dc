"""What goes into an append and what comes out: entries ready to be stored, and the ledger's verdict on a command."""

from dataclasses import dataclass, field

from contracts.errors import EntryTooLarge, InvalidArgument
from contracts.ids import StreamName
from infra.event_store.limits import MAX_COMMAND_BYTES, MAX_COMMAND_EVENTS, MAX_ENTRY_BYTES


class MalformedCommand(InvalidArgument):
    """A command that no ledger could take: nothing in it, too much in it, or stream versions that do not follow."""

    reason = "MALFORMED_COMMAND"


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """One entry with the fields that are indexed beside it. `version` counts from 1 within the stream."""

    stream: StreamName
    version: int
    topic: str
    event_id: str
    entry: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens one sealed field: AES-256-GCM under the subject's key. `path` is a JSON pointer into the payload."""

    event_id: str
    path: str
    subject: str
    key_id: str
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class PreparedCommand:
    """A command's events, all or nothing. `request_key` and `request_digest` are SHA-256 values, 32 bytes, or None.

    `preconditions` name streams, written by the command or not, that must still be at a version (0: without events).
    """

    events: tuple[PreparedEvent, ...]
    request_key: bytes | None = None
    request_digest: bytes | None = None
    preconditions: tuple[tuple[StreamName, int], ...] = ()
    openings: tuple[Opening, ...] = ()
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        weight = 0
        for event in self.events:
            weight += len(event.entry)
        for opening in self.openings:
            weight += len(opening.ciphertext)
        object.__setattr__(self, "weight", weight)

    def check(self) -> None:
        """Raises MalformedCommand or EntryTooLarge for what would make a whole group fail."""
        if not 1 <= len(self.events) <= MAX_COMMAND_EVENTS:
            raise MalformedCommand(f"A command has {len(self.events)} events; 1 to {MAX_COMMAND_EVENTS} are possible.")
        if self.weight > MAX_COMMAND_BYTES:
            raise MalformedCommand(f"A command has {self.weight} bytes; the limit is {MAX_COMMAND_BYTES}.")
        if (self.request_key is None) != (self.request_digest is None):
            raise MalformedCommand("A request key and a request digest come together.")
        versions: dict[StreamName, int] = {}
        for event in self.events:
            if len(event.entry) > MAX_ENTRY_BYTES:
                raise EntryTooLarge(
                    f"An event has {len(event.entry)} bytes; one entry holds {MAX_ENTRY_BYTES}.",
                    metadata={"topic": event.topic},
                )
            if (
                "\0" in event.stream
                or event.version < 1
                or event.version != versions.get(event.stream, event.version - 1) + 1
            ):
                raise MalformedCommand(f"Version {event.version} does not follow in {event.stream}.")
            versions[event.stream] = event.version


@dataclass(frozen=True, slots=True)
class Accepted:
    """Recorded and durable: `first_position` is that of the first event, the others follow without a gap."""

    first_position: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The request was recorded before, by a command with the same digest, from this position on."""

    first_position: int


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The request key belongs to another command, recorded from this position on."""

    first_position: int


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """A stream that the command writes is at another version than the command was decided on."""

    stream: StreamName
    actual_version: int


@dataclass(frozen=True, slots=True)
class PreconditionFailed:
    """A stream that the command relies on is at another version than the command was decided on."""

    stream: StreamName
    actual_version: int


Verdict = Accepted | Duplicate | KeyReused | VersionConflict | PreconditionFailed
