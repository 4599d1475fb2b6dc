"""One look at a MISP feed or server: the events that are new or changed since the last look, within limits.

What one look has no room or time for is left to the next. An event that cannot be read keeps no other from being read:
of a feed it is asked for again with each look, since a later one may find it mended; of a server once it is published
anew.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from contracts.errors import TenetError
from infra.outbound.refusals import FetchRefused, FetchTooLarge, FetchTooSlow, named
from infra.outbound.sessions import BoundedSession, Door
from services.detections.application.intelligence.fetch_refusals import FetchNotMisp
from services.detections.application.intelligence.fetched import Fetched
from services.detections.config import (
    MAX_INTELLIGENCE_BYTES,
    MAX_INTELLIGENCE_OBJECTS,
    MAX_MISP_ANSWER_BYTES,
    MAX_MISP_EVENTS,
    MAX_MISP_FAILURES,
    MAX_MISP_LOOK_BYTES,
    MAX_MISP_LOOK_EVENTS,
    MISP_PAGE_EVENTS,
)
from services.detections.domain.errors import IntelligenceUnreadable
from services.detections.domain.intelligence.misp_events import is_uuid
from services.detections.domain.intelligence.misp_polls import Seen, attributes_in, manifest_of, moment_of

MANIFEST, SEARCH = "manifest.json", "events/restSearch"
_GZIP = 16 + zlib.MAX_WBITS
_UNWRITTEN = 256 * 1024
"""What a packer may hold back of what it was given."""


class _Document:
    """Events as one document, packed while it grows, so that it never grows beyond what an import takes."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(wbits=_GZIP)
        self._packed = bytearray(self._packer.compress(b'{"response":['))
        self._bytes = self._attributes = 0
        self.events: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.events)

    def take(self, uuid: str, moment: int, event: bytes) -> bool:
        """Whether there was room beside what is there. Raises IntelligenceUnreadable for what is not this event,
        FetchTooLarge for what no document has room for."""
        attributes = attributes_in(event, uuid)
        room = (
            len(self.events) < MAX_MISP_LOOK_EVENTS
            and self._bytes + len(event) <= MAX_MISP_LOOK_BYTES
            and self._attributes + attributes <= MAX_INTELLIGENCE_OBJECTS
            and len(self._packed) + len(event) + _UNWRITTEN <= MAX_INTELLIGENCE_BYTES
        )
        if room:
            self._packed += self._packer.compress(b"," + event if self.events else event)
            self._bytes, self._attributes = self._bytes + len(event), self._attributes + attributes
            self.events[uuid] = moment
        elif not self.events:
            raise FetchTooLarge("The event is too large.", metadata={"event": uuid})
        return room

    def whole(self) -> bytes:
        return bytes(self._packed + self._packer.compress(b"]}") + self._packer.flush())


def fetch_feed(door: Door, seen: Seen) -> Fetched:
    """Of a feed as files. Blocking: for a thread. Raises FetchRefused where nothing at all could be read."""
    base = door.url.removesuffix(MANIFEST).rstrip("/")
    document = _Document()
    with door.session(MAX_MISP_LOOK_BYTES, MAX_MISP_ANSWER_BYTES) as session:
        try:
            manifest = manifest_of(_asked(session, f"{base}/{MANIFEST}"))
        except IntelligenceUnreadable as error:
            raise FetchNotMisp(error.message) from error
        refusal: TenetError | None = FetchNotMisp("Entries of the manifest are none.") if manifest.unread else None
        more, failures = False, 0
        for uuid, moment in manifest.news(seen):
            if failures > MAX_MISP_FAILURES or (more := session.is_over):
                break
            try:
                if more := not document.take(uuid, moment, _asked(session, f"{base}/{uuid}.json")):
                    break
            except (FetchTooLarge, FetchNotMisp, IntelligenceUnreadable) as error:
                refusal = error if isinstance(error, FetchRefused) else FetchNotMisp(error.message)
            except FetchTooSlow:
                if not document:
                    raise
                more = True
                break
            except FetchRefused as error:
                # One file that its server fails at must not keep those behind it for ever.
                refusal, failures = error, failures + 1
    kept = {uuid: moment for uuid, moment in seen.events.items() if uuid in manifest.published}
    is_news = bool(document) or len(kept) < len(seen.events)
    if refusal is not None and not is_news:
        raise refusal
    after = Seen(kept | document.events)
    return Fetched(document.whole(), is_news, None, after, manifest.published, refusal, more)


def fetch_server(door: Door, seen: Seen) -> Fetched:
    """Of a server by its search, page by page. Blocking: for a thread. Raises FetchRefused where nothing at all could
    be read. A server does not tell what it has no more."""
    url = f"{door.url.rstrip('/').removesuffix(SEARCH).rstrip('/')}/{SEARCH}"
    document, at = _Document(), seen
    refusal: TenetError | None = None
    more = False
    with door.session(MAX_MISP_LOOK_BYTES, MAX_MISP_ANSWER_BYTES) as session:
        while not (more := session.is_over):
            try:
                found, too_large = _page(session, url, at)
            except FetchTooSlow:
                if not document:
                    raise
                more = True
                break
            except FetchRefused as error:
                refusal = error
                break
            if not found and too_large is None:
                at = _caught_up(at)
                break
            at, left, unread = _read(document, at, found)
            refusal = unread or too_large or refusal
            if more := left:
                break
            at = replace(at, page=at.page + 1)
    if refusal is not None and not document:
        raise refusal
    if more:
        # A page may have moved by then: what came last is looked at once more.
        at = replace(at, page=max(1, at.page - 1))
    return Fetched(document.whole(), bool(document), None, at, None, refusal, more)


def _asked(session: BoundedSession, url: str) -> bytes:
    with named(FetchNotMisp):
        answer = session.get(url, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return answer.content


def _page(session: BoundedSession, url: str, seen: Seen) -> tuple[list[Any], FetchTooLarge | None]:
    """The events of the next page, and why one of them is missing. A page that is too large as a whole is asked for
    event by event, so that a single one does not hide the others."""
    try:
        return _searched(session, url, seen.since, seen.page, MISP_PAGE_EVENTS), None
    except FetchTooLarge as error:
        found: list[Any] = []
        too_large = error
        for place in range(MISP_PAGE_EVENTS):
            try:
                found += _searched(session, url, seen.since, (seen.page - 1) * MISP_PAGE_EVENTS + place + 1, 1)
            except FetchTooLarge as single:
                too_large = single
        return found, too_large


def _searched(session: BoundedSession, url: str, since: int, page: int, limit: int) -> list[Any]:
    wanted: dict[str, Any] = {
        "returnFormat": "json",
        "published": True,
        "deleted": [0, 1],
        "limit": limit,
        "page": page,
    }
    if since:
        wanted["publish_timestamp"] = since
    with named(FetchNotMisp):
        answer = session.post(url, json=wanted, headers={"Accept": "application/json"})
        answer.raise_for_status()
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError as error:
        raise FetchNotMisp("The answer is no JSON.") from error
    found = said.get("response") if isinstance(said, dict) else None
    if not isinstance(found, list):
        raise FetchNotMisp("`response` is no list.")
    return found


def _read(document: _Document, seen: Seen, found: Iterable[Any]) -> tuple[Seen, bool, TenetError | None]:
    """Takes what of a page is new: what was read by then, whether something is left, and why one was not read."""
    events: dict[str, int] = dict(seen.events)
    unread: TenetError | None = None
    for each in found:
        event: Mapping[str, Any] = (
            each["Event"] if isinstance(each, dict) and isinstance(each.get("Event"), dict) else {}
        )
        uuid, moment = event.get("uuid"), moment_of(event, "publish_timestamp")
        if not is_uuid(uuid) or moment is None:
            unread = FetchNotMisp("An event has no identifier, or no time of publication.")
            continue
        if events.get(uuid) == moment:
            continue
        if len(events) >= MAX_MISP_EVENTS:
            raise FetchTooLarge("The server has too many events.", metadata={"limit": str(MAX_MISP_EVENTS)})
        try:
            if not document.take(uuid, moment, orjson.dumps(each)):
                return replace(seen, events=events), True, unread
        except (IntelligenceUnreadable, FetchTooLarge) as error:
            unread = error if isinstance(error, FetchTooLarge) else FetchNotMisp(error.message)
            continue
        events[uuid] = moment
    return replace(seen, events=events), False, unread


def _caught_up(seen: Seen) -> Seen:
    """All that was published by now is read: the next look begins at the time of the latest of it. Servers count that
    moment in, so what was read of it is remembered."""
    since = max(seen.events.values(), default=seen.since)
    return Seen({uuid: moment for uuid, moment in seen.events.items() if moment >= since}, since, 1)
