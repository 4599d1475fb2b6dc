"""One look at a TAXII 2.1 collection: what was added since a cursor, page by page, within limits.

The client is `taxii2-client`; what it leaves to its transport is bounded here: bytes, pages, time, and redirections, of
which none is followed.
"""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from taxii2client.common import _HTTPConnection
from taxii2client.exceptions import TAXIIServiceException
from taxii2client.v21 import Collection

from contracts.errors import FailedPrecondition
from services.detections.config import (
    FETCH_SECONDS,
    MAX_FETCH_PAGES,
    MAX_FETCH_REPLY_SECONDS,
    MAX_FETCHED_OBJECTS,
    MAX_INTELLIGENCE_BYTES,
    TAXII_PAGE_OBJECTS,
)

_CHUNK = 64 * 1024
_ADDED_LAST = "X-TAXII-Date-Added-Last"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class FetchRefused(FailedPrecondition):
    """A collection that was not read; the reason is that of the subclass."""

    reason = "FETCH_FAILED"


class FetchUrlRefused(FetchRefused):
    """Only https is spoken with others."""

    reason = "FETCH_URL_REFUSED"


class FetchNotAuthorised(FetchRefused):
    reason = "FETCH_NOT_AUTHORISED"


class FetchUnreachable(FetchRefused):
    reason = "FETCH_UNREACHABLE"


class FetchTooLarge(FetchRefused):
    reason = "FETCH_TOO_LARGE"


class FetchTooSlow(FetchRefused):
    reason = "FETCH_TOO_SLOW"


class FetchNotTaxii(FetchRefused):
    """What answers does not speak TAXII 2.1."""

    reason = "FETCH_NOT_TAXII"


@dataclass(frozen=True, slots=True)
class Credential:
    """For one host and port only, so that a schedule cannot send it elsewhere."""

    host: str
    user: str
    password: str

    @classmethod
    def of(cls, text: str) -> "Credential":
        """`user:password@host[:port]`."""
        login, _, host = text.rpartition("@")
        user, _, password = login.partition(":")
        if not (host and user and password):
            raise ValueError("a credential is written user:password@host[:port]")
        return cls(host.lower(), user, password)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An envelope of all that was added, as JSON, and the cursor to go on from; no objects: nothing is new."""

    envelope: bytes
    objects: int
    cursor: str | None


def check_url(url: str) -> None:
    """Raises FetchUrlRefused."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.username or parts.password:
        raise FetchUrlRefused("A collection is fetched over https, from a URL without a user in it.")


def fetch(url: str, credential: Credential | None, cursor: str | None) -> Fetched:
    """Blocking: for a thread. Raises FetchRefused in all its kinds."""
    check_url(url)
    if credential is not None and credential.host != urlsplit(url).netloc.lower():
        raise FetchNotAuthorised("The credential is for another host.")
    connection = _Connection(credential)
    try:
        return _pages(Collection(url, conn=connection), connection, cursor)
    except FetchRefused:
        raise
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise FetchNotAuthorised(f"The server answers {status}.") from error
        raise FetchNotTaxii(f"The server answers {status}.") from error
    except requests.exceptions.TooManyRedirects as error:
        raise FetchNotTaxii("The server leads elsewhere, which is not followed.") from error
    except requests.exceptions.JSONDecodeError as error:
        raise FetchNotTaxii("The answer is no JSON.") from error
    except requests.exceptions.RequestException as error:
        raise FetchUnreachable(type(error).__name__) from error
    except (TAXIIServiceException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FetchNotTaxii(f"The answer is not TAXII's: {type(error).__name__}.") from error
    finally:
        connection.close()


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
            return Fetched(orjson.dumps({"objects": objects}), len(objects), added_last)
        if not isinstance(page, str) or not found:
            # A server that has more and does not say where would be asked for ever.
            raise FetchNotTaxii("There is more, but the answer does not say where.")
    raise FetchTooLarge("The collection has too many pages.", metadata={"limit": str(MAX_FETCH_PAGES)})


def _later(known: str | None, said: str | None) -> str | None:
    return said if said is not None and len(said) <= 40 and (known is None or said > known) else known


class _Connection(_HTTPConnection):  # type: ignore[misc]  # The library has no types.
    """`added_last` is what the last answer says about when its last object was added."""

    def __init__(self, credential: Credential | None) -> None:
        user, password = (credential.user, credential.password) if credential else (None, None)
        super().__init__(user=user, password=password, version="2.1")
        self.added_last: str | None = None
        self.session.max_redirects = 0
        adapter = _Bounded(self, time.monotonic() + FETCH_SECONDS)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)


class _Bounded(HTTPAdapter):
    """Reads an answer's body itself, no more of it and no longer than is allowed, over all answers together."""

    def __init__(self, connection: _Connection, deadline: float) -> None:
        super().__init__()
        self._connection, self._deadline, self._left = connection, deadline, MAX_INTELLIGENCE_BYTES

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # It takes what it passes on.
        options |= {"timeout": MAX_FETCH_REPLY_SECONDS, "stream": True}
        response = super().send(request, **options)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._left:
                response.close()
                limit = str(MAX_INTELLIGENCE_BYTES)
                raise FetchTooLarge("The collection's answers are too large.", metadata={"limit": limit})
            if time.monotonic() > self._deadline:
                response.close()
                raise FetchTooSlow("The collection answers too slowly.", metadata={"seconds": str(FETCH_SECONDS)})
        self._left -= len(body)
        response._content = bytes(body)  # noqa: SLF001  # The one way to give an answer a body that was read.
        self._connection.added_last = response.headers.get(_ADDED_LAST)
        return response
