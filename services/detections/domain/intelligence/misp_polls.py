"""What was read of a MISP feed or server so far, and what of it is to be read next.

A feed is published as files: `manifest.json`, which names each event with the time of its last change, and
`<uuid>.json` for each event (MISP core format). A server is asked page by page for what was published since a time
(`/events/restSearch`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import zstandard

from contracts.labels import Label
from services.detections.config import MAX_MISP_EVENTS, MAX_MISP_SEEN_BYTES
from services.detections.domain.errors import IntelligenceUnreadable
from services.detections.domain.intelligence.content import parsed
from services.detections.domain.intelligence.misp_events import events_of, is_misp, is_uuid, read_events

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """`events` are the versions that were read, by uuid: the publisher's times in seconds since 1970. Of a server only
    those since `since`, the time of publication from which on it is asked, at `page`, counted from 1."""

    events: Mapping[str, int] = field(default_factory=dict)
    since: int = 0
    page: int = 1


class NotSeen(ValueError):
    """These bytes are not what `encode` writes."""


def encode(seen: Seen) -> bytes:
    """The same bytes for the same state."""
    said = {"version": _VERSION, "events": sorted(seen.events.items()), "since": seen.since, "page": seen.page}
    return zstandard.ZstdCompressor(level=3, write_checksum=False).compress(orjson.dumps(said))


def decode(data: bytes) -> Seen:
    """Raises NotSeen."""
    try:
        said = orjson.loads(zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_MISP_SEEN_BYTES))
        return Seen({uuid: int(moment) for uuid, moment in said["events"]}, said["since"], said["page"])
    except (ValueError, TypeError, KeyError, zstandard.ZstdError) as error:
        raise NotSeen(str(error)) from error


@dataclass(frozen=True, slots=True)
class Manifest:
    """The events that a feed has with the time of their last change; `unread` are entries that say no such thing."""

    events: Mapping[str, int]
    unread: Sequence[str]

    def news(self, seen: Seen) -> list[tuple[str, int]]:
        """What was not read in its present version, the latest change first."""
        changed = [(uuid, moment) for uuid, moment in self.events.items() if seen.events.get(uuid) != moment]
        return sorted(changed, key=lambda each: (-each[1], each[0]))

    @property
    def published(self) -> frozenset[str]:
        return frozenset((*self.events, *(each for each in self.unread if is_uuid(each))))


def manifest_of(data: bytes) -> Manifest:
    """Raises IntelligenceUnreadable, also where there is no event at all: a feed that is being written looks so, and
    to believe it would end everything that was ever read of it."""
    said = parsed(data)
    if not isinstance(said, dict) or not said:
        raise IntelligenceUnreadable("The manifest names no event.")
    if len(said) > MAX_MISP_EVENTS:
        raise IntelligenceUnreadable(f"The manifest names more than {MAX_MISP_EVENTS} events.")
    events: dict[str, int] = {}
    unread: list[str] = []
    for uuid, entry in said.items():
        moment = moment_of(entry, "timestamp")
        if is_uuid(uuid) and moment is not None:
            events[uuid] = moment
        else:
            unread.append(uuid)
    return Manifest(events, unread)


def moment_of(said: object, name: str) -> int | None:
    """A time as MISP writes it, in seconds since 1970, as a number or as text."""
    value = said.get(name) if isinstance(said, dict) else None
    if isinstance(value, str) and len(value) <= 12 and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and 0 < value < 10**12 else None


def attributes_in(data: bytes, uuid: str) -> int:
    """How many attributes a document has that is to be one event and that one. Raises IntelligenceUnreadable."""
    event = _only_event(parsed(data))
    if event.get("uuid") != uuid:
        raise IntelligenceUnreadable("This is another event than the one that was asked for.")
    return read_events([event], Label.AMBER).objects


def _only_event(value: Any) -> Mapping[str, Any]:
    events = events_of(value) if is_misp(value) else []
    if len(events) != 1 or not isinstance(events[0], dict):
        raise IntelligenceUnreadable("This is not one event of MISP.")
    return events[0]
