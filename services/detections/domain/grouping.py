"""Joins what fired into groups of equal activity, so that ten thousand repeats are one detection with a count.

The identity of a group is: the rule, the host and address as the record names them, the account where the record is
about one, source and destination where the record is an alert between two, and the window of time: a day, for an
anomaly detector's findings two minutes. Two records that differ in any of these stay apart, since a person would keep
them apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from contracts.events.detections import GroupIdentity, IndicatorRef, RuleKind, RuleRef
from services.detections.config import (
    GROUP_WINDOW,
    MAX_DESCRIPTION_BYTES_PER_BATCH,
    MAX_DETECTIONS_PER_BATCH,
    MAX_EVIDENCE_PER_GROUP,
    MAX_OBSERVABLES,
    MAX_SUMMARY_CHARACTERS,
)
from services.detections.domain.description import Description, describe, place_of
from services.detections.domain.errors import BatchRaisesTooMuch
from services.detections.domain.formats.records import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that matched, with what its pack or product says of it. Equal activity within one `window` is a group."""

    rule: RuleRef
    severity_id: int
    techniques: tuple[str, ...]
    kind: RuleKind = RuleKind.SIGMA
    indicator: IndicatorRef | None = None
    window: timedelta = GROUP_WINDOW


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened, as the record names it; parts that it does not name are empty."""

    host: str = ""
    address: str = ""
    account: str = ""
    source_address: str = ""
    destination_address: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names that an asset may be registered under: host, host without its domain, account."""
        short = self.host.partition(".")[0] if not self.host.replace(".", "").isdigit() else ""
        return tuple(dict.fromkeys(name for name in (self.host, short, self.account) if name))

    @property
    def addresses(self) -> tuple[str, ...]:
        candidates = (self.address, self.source_address, self.destination_address)
        return tuple(dict.fromkeys(address for address in candidates if address))


class BlindIndex(Protocol):
    """Keyed digests of names, addresses and texts, under the tenant's search key."""

    def name(self, text: str) -> str: ...

    def address(self, text: str) -> str: ...

    def text(self, kind: str, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A record as evidence: its number in a batch, what is said of it, and the batch's hash if it is an earlier one."""

    offset: int
    description: Description
    batch: str = ""


@dataclass(slots=True)
class Group:
    """Equal activity within one batch, or one hunt. `samples` are the first few records of it.

    `sensor_id` is that of the sensor that sent them, where it does not go without saying.
    """

    key: str
    identity: GroupIdentity
    fired: Fired
    source: str
    place: Place
    first: datetime
    last: datetime
    count: int = 0
    samples: list[Sample] = field(default_factory=list)
    sensor_id: str = ""

    def add(self, record: Record, moment: datetime, batch: str = "", observed: str = "") -> int:
        """Returns how many bytes of description the record added."""
        self.count += 1
        self.first = min(self.first, moment)
        self.last = max(self.last, moment)
        if len(self.samples) >= MAX_EVIDENCE_PER_GROUP:
            return 0
        description = describe(record)
        if observed:
            told = (observed, *description.observables)[:MAX_OBSERVABLES]
            description = Description(f"{observed}\n{description.summary}"[:MAX_SUMMARY_CHARACTERS], told)
        self.samples.append(Sample(record.offset, description, batch))
        return description.size


class Grouping:
    """The groups of one batch."""

    def __init__(self, index: BlindIndex) -> None:
        self._index = index
        self._groups: dict[str, Group] = {}
        self._keys: dict[tuple[object, ...], tuple[str, GroupIdentity]] = {}
        self._described = 0

    def add(
        self,
        record: Record,
        fired: Fired,
        moment: datetime,
        *,
        sensor_id: str = "",
        batch: str = "",
        observed: str = "",
    ) -> str:
        """The key of the record's group.

        `moment` is when it happened, or when it was received if the record's clock is not believable. `sensor_id` and
        `batch` (its hash) are given for records that do not come in the batch at hand; `observed` is what of the record
        fired, where that does not show by itself.

        Raises BatchRaisesTooMuch.
        """
        place = Place(*place_of(record))
        key, indexes = self._known_key(fired, place, moment)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, indexes, fired, record.source.value, place, moment, moment)
            group.sensor_id = sensor_id
        self._described += group.add(record, moment, batch, observed)
        if len(self._groups) > MAX_DETECTIONS_PER_BATCH or self._described > MAX_DESCRIPTION_BYTES_PER_BATCH:
            raise BatchRaisesTooMuch(
                "This batch touches more detections than one append can hold; send it in smaller parts.",
                metadata={"limit": str(MAX_DETECTIONS_PER_BATCH)},
            )
        return key

    def has_room_for(self, key: str, limit: int) -> bool:
        """Whether a record of that group can be taken without more than so many groups."""
        roomy = len(self._groups) < limit and self._described < MAX_DESCRIPTION_BYTES_PER_BATCH // 2
        return roomy or key in self._groups

    def key_of(self, record: Record, fired: Fired, moment: datetime) -> str:
        """The key of the group that the record would be in."""
        return self._known_key(fired, Place(*place_of(record)), moment)[0]

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def _known_key(self, fired: Fired, place: Place, moment: datetime) -> tuple[str, GroupIdentity]:
        window = window_of(moment, fired.window)
        asked = (fired.rule.rule_id, place, window)
        known = self._keys.get(asked)
        if known is None:
            identity = identity_of(self._index, place)
            known = self._keys[asked] = (group_key(self._index, fired.rule.rule_id, identity, window), identity)
        return known


def identity_of(index: BlindIndex, place: Place) -> GroupIdentity:
    return GroupIdentity(
        host=index.name(place.host) if place.host else "",
        address=index.address(place.address) if place.address else "",
        account=index.name(place.account) if place.account else "",
        source_address=index.address(place.source_address) if place.source_address else "",
        destination_address=index.address(place.destination_address) if place.destination_address else "",
    )


def group_key(index: BlindIndex, rule_id: str, identity: GroupIdentity, window: int) -> str:
    """A group's identity as one blind index."""
    parts = [
        rule_id,
        identity.host,
        identity.account,
        identity.address,
        identity.source_address,
        identity.destination_address,
        *([identity.values] if identity.values else []),
        str(window),
    ]
    return index.text("detection_group", "\x1f".join(parts))


def window_of(moment: datetime, length: timedelta = GROUP_WINDOW) -> int:
    """The number of the window, counted from 1970-01-01T00:00Z."""
    return (moment - _EPOCH) // length
