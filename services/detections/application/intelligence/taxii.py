"""One look at a TAXII 2.1 collection: what was added since a cursor, page by page.

The client is `taxii2-client`; what it leaves to its transport is bounded there (`sessions.py`).
"""

from typing import Any

import orjson
import requests
from taxii2client.common import _HTTPConnection
from taxii2client.exceptions import TAXIIServiceException
from taxii2client.v21 import Collection

from infra.outbound.refusals import FetchTooLarge, named
from infra.outbound.sessions import BoundedSession, Door
from services.detections.application.intelligence.fetch_refusals import FetchNotTaxii
from services.detections.application.intelligence.fetched import Fetched
from services.detections.config import (
    MAX_FETCH_PAGES,
    MAX_FETCHED_OBJECTS,
    MAX_INTELLIGENCE_BYTES,
    TAXII_PAGE_OBJECTS,
)

_ADDED_LAST = "X-TAXII-Date-Added-Last"


def fetch(door: Door, cursor: str | None) -> Fetched:
    """An envelope of all that was added. Blocking: for a thread. Raises FetchRefused in all its kinds."""
    with door.session(MAX_INTELLIGENCE_BYTES, MAX_INTELLIGENCE_BYTES) as session, named(FetchNotTaxii):
        connection = _Connection(session)
        try:
            return _pages(Collection(door.url, conn=connection), connection, cursor)
        except requests.exceptions.RequestException:
            raise
        except (TAXIIServiceException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise FetchNotTaxii(f"The answer is not TAXII's: {type(error).__name__}.") from error


def _pages(collection: Any, connection: "_Connection", cursor: str | None) -> Fetched:
    objects: list[Any] = []
    added_last, page = cursor, None
    for _ in range(MAX_FETCH_PAGES):
        wanted: dict[str, Any] = {"limit": TAXII_PAGE_OBJECTS}
        if cursor is not None:
            wanted["added_after"] = cursor
        if page is not None:
            wanted["next"] = page
        envelope = collection.get_objects(**wanted)
        found = envelope.get("objects", [])
        if not isinstance(found, list):
            raise FetchNotTaxii("`objects` is no list.")
        objects += found
        added_last = _later(added_last, connection.added_last)
        if len(objects) > MAX_FETCHED_OBJECTS:
            raise FetchTooLarge("The collection holds too many objects.", metadata={"limit": str(MAX_FETCHED_OBJECTS)})
        page = envelope.get("next")
        if not envelope.get("more"):
            return Fetched(orjson.dumps({"objects": objects}), bool(objects), added_last)
        if not isinstance(page, str) or not found:
            # A server that has more and does not say where would be asked for ever.
            raise FetchNotTaxii("There is more, but the answer does not say where.")
    raise FetchTooLarge("The collection has too many pages.", metadata={"limit": str(MAX_FETCH_PAGES)})


def _later(known: str | None, said: str | None) -> str | None:
    return said if said is not None and len(said) <= 40 and (known is None or said > known) else known


class _Connection(_HTTPConnection):  # type: ignore[misc]  # The library has no types.
    """`added_last` is what the last answer says about when its last object was added."""

    def __init__(self, session: BoundedSession) -> None:
        super().__init__(version="2.1")
        self.session = session
        self.added_last: str | None = None
        session.hooks["response"].append(self._note)

    def _note(self, response: requests.Response, **_: Any) -> None:
        self.added_last = response.headers.get(_ADDED_LAST)
