"""The envelope, sealed fields, and the closed registry of event classes with their upcasters.

An event class is a frozen pydantic model decorated with `@event(topic, category=…)`. The topic is a fixed string, so
moving or renaming the class never orphans history. A changed shape is a new version: raise `version`, add an upcaster
with `@upcaster(topic, from_version)` beside the class, and write the new schema (`python -m contracts.freeze`) and the
new sample (`python -m infra.event_store.samples`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, PrivateAttr

from contracts.calls import Actor
from contracts.errors import DataLoss
from contracts.ids import StreamName, TenantId

MAX_SEALED_LENGTH = 1_048_576
"""Longest plaintext of one sealed field, in characters. Anything larger is evidence and goes to the object store."""


class Value(BaseModel):
    """A frozen part of an event's payload or of a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sealed(Value):
    """A value that the ledger only commits to; its opening lies apart and can be destroyed.

    Made with `Sealed.of` it carries the plaintext until the append seals it. Read back from a ledger it is a reference:
    `commitment` (SHA-256, base64url without padding), and `event_id` and `path` (JSON pointer as stored) that find its
    opening. `subject` is the opaque identifier of the data subject whose key encrypts it.
    """

    subject: str
    commitment: str = ""
    event_id: str = ""
    path: str = ""
    _plaintext: str | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, plaintext: str, *, subject: str) -> "Sealed":
        if len(plaintext) > MAX_SEALED_LENGTH:
            raise SealedTooLong(f"A sealed value has {len(plaintext)} characters; the limit is {MAX_SEALED_LENGTH}.")
        value = cls(subject=subject)
        value._plaintext = plaintext
        return value

    @property
    def plaintext(self) -> str | None:
        """The value itself, only between the decision and the append; None for a reference."""
        return self._plaintext


class SealedTooLong(DataLoss):
    reason = "SEALED_VALUE_TOO_LONG"


@dataclass(frozen=True, slots=True)
class Interval:
    """When only bounds of a time are known. Both ends are instants in UTC, `earliest` ≤ `latest`."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """An outside fact that a decision relied on: its kind, the SHA-256 of its content, and where it was recorded.

    `position` is in the ledger of `tenant_id` (the provider's ledger for rule packs, intelligence, grants).
    """

    kind: str
    digest: str
    tenant_id: TenantId
    position: int


class Event(Value):
    """A thing that happened, as recorded. Subclasses are declared with `@event`."""

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int]
    CATEGORY: ClassVar[str]
    HAS_SEALED: ClassVar[bool]


class Envelope(NamedTuple):
    """Everything about an entry that is not its payload. Times are instants in UTC.

    A named tuple, because a frozen dataclass of this many fields takes far longer to make, and one is made for
    every entry that is read.
    """

    id: str
    tenant_id: TenantId
    stream: StreamName
    version: int
    topic: str
    schema_version: int
    occurred_at: datetime | Interval
    actor: Actor
    grant_id: str | None
    correlation_id: str
    causation: int | None
    trace_parent: str
    facts: tuple[Fact, ...]
    request_key: str | None
    """On the first event of a command only, with the digest of the command."""
    request_digest: str | None


E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E_co]):
    """An event at its place in a tenant's ledger: the gapless `position` from 0, `recorded_at` by the store's clock."""

    position: int
    recorded_at: datetime
    envelope: Envelope
    event: E_co

    @property
    def tenant_id(self) -> TenantId:
        return self.envelope.tenant_id

    @property
    def occurred_at(self) -> datetime:
        """The instant, or the earliest bound when only an interval is known."""
        occurred = self.envelope.occurred_at
        return occurred.earliest if isinstance(occurred, Interval) else occurred


class UnknownEvent(DataLoss):
    """An entry's topic or schema version is not in this program's registry: readers are deployed before writers."""

    reason = "UNKNOWN_EVENT"


class UndecodableEvent(DataLoss):
    """An entry's payload does not have the shape that its topic and version declare."""

    reason = "UNDECODABLE_EVENT"


Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]
C = TypeVar("C", bound=type[Event])

EVENT_CLASSES: dict[str, type[Event]] = {}
UPCASTERS: dict[tuple[str, int], Upcaster] = {}


def event(topic: str, *, category: str, version: int = 1) -> Callable[[C], C]:
    """Registers an event class under its fixed topic and the stream category that it may be recorded in."""

    def register(cls: C) -> C:
        if topic in EVENT_CLASSES:
            raise ValueError(f"two event classes claim the topic {topic}")
        cls.TOPIC, cls.VERSION, cls.CATEGORY = topic, version, category
        declared: type[Event] = cls
        cls.HAS_SEALED = any(_mentions_sealed(info.annotation) for info in declared.model_fields.values())
        EVENT_CLASSES[topic] = cls
        return cls

    return register


def upcaster(topic: str, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Registers the function that turns a payload of `from_version` into one of `from_version + 1`.

    It may move a sealed reference, never transform it; if it would have to invent a fact, record a new event instead.
    """

    def register(function: Upcaster) -> Upcaster:
        UPCASTERS[(topic, from_version)] = function
        return function

    return register


def categories_of(service: str) -> frozenset[str]:
    """The stream categories that a service owns: those of the events that its name stands in the topic of."""
    return frozenset(cls.CATEGORY for topic, cls in EVENT_CLASSES.items() if topic.split(".")[1] == service)


def decode_payload(topic: str, schema_version: int, payload: Payload) -> Event:
    """The event that a stored payload stands for, upcast to today's version. Raises UnknownEvent, UndecodableEvent."""
    cls = EVENT_CLASSES.get(topic)
    if cls is None or schema_version > cls.VERSION:
        raise UnknownEvent(f"No class for {topic} version {schema_version}.", metadata={"topic": topic})
    for version in range(schema_version, cls.VERSION):
        payload = UPCASTERS[(topic, version)](payload)
    try:
        return cls.model_validate(payload)
    except ValueError as error:
        raise UndecodableEvent(f"{topic} version {schema_version}: {error}", metadata={"topic": topic}) from error


def sealed_values(value: Any, path: str = "") -> Iterator[tuple[str, Sealed]]:
    """Every sealed field within an event with its JSON pointer, in the order of declaration."""
    if isinstance(value, Sealed):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from sealed_values(getattr(value, name), f"{path}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from sealed_values(item, f"{path}/{index}")


def _mentions_sealed(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Sealed):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_mentions_sealed(info.annotation) for info in annotation.model_fields.values())
    return get_origin(annotation) in _CONTAINERS and any(_mentions_sealed(item) for item in get_args(annotation))


_CONTAINERS = {Union, UnionType, list, tuple}


def instant(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`: the one way a time is written in an entry."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


Instant = Annotated[
    AwareDatetime,
    AfterValidator(lambda value: value.astimezone(UTC)),
    PlainSerializer(instant, return_type=str, when_used="json"),
]
"""The type of a time in a payload: an instant, held and stored in UTC."""
