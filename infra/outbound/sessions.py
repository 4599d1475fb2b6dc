"""HTTP with the server of a source, within limits: addresses, bytes, time; no redirection is followed.

Nothing of the environment counts here: no proxy, which would connect for us, and no password file of the account.

A time-out of HTTP is one of each wait, so a server that sends a byte now and then would hold its thread for days. When
a session's time is up its connections are shut down under whatever reads from them.
"""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from infra.outbound.limits import FETCH_SECONDS, MAX_FETCH_REPLY_SECONDS
from infra.outbound.reach import Reach, ReachingAdapter
from infra.outbound.refusals import (
    FetchNotAuthorised,
    FetchTooLarge,
    FetchTooSlow,
)

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """For one host and port only, so that a schedule cannot send it elsewhere. Without a user it is a key."""

    host: str
    user: str
    secret: str

    @classmethod
    def of(cls, text: str) -> "Credential":
        """`user:password@host[:port]`, or `key@host[:port]`, which is sent as it is in `Authorization`."""
        login, _, host = text.rpartition("@")
        user, colon, password = login.partition(":")
        if not (host and user) or bool(colon) != bool(password):
            raise ValueError("a credential is written user:password@host[:port] or key@host[:port]")
        return cls(host.lower(), user if colon else "", password if colon else user)

    def auth(self) -> AuthBase:
        return HTTPBasicAuth(self.user, self.secret) if self.user else _Key(self.secret)


class _Key(AuthBase):
    """MISP's authentication: the key is the header's whole value."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._key
        return request


@dataclass(frozen=True, slots=True)
class Door:
    """Where a source is fetched from, what is shown there, and which addresses it may have."""

    url: str
    credential: Credential | None
    reach: Reach

    def session(self, max_bytes: int, max_answer_bytes: int) -> "BoundedSession":
        """Raises FetchUrlRefused, FetchAddressRefused, FetchNotAuthorised for a credential of another host."""
        self.reach.check_url(self.url)
        if self.credential is not None and self.credential.host != urlsplit(self.url).netloc.lower():
            raise FetchNotAuthorised("The credential is for another host.")
        return BoundedSession(self, max_bytes, max_answer_bytes)


class BoundedSession(requests.Session):
    """`left` is how many bytes may still come in all answers together, `deadline` until when, as `time.monotonic`."""

    def __init__(self, door: Door, max_bytes: int, max_answer_bytes: int) -> None:
        super().__init__()
        self.left, self.max_answer_bytes = max_bytes, max_answer_bytes
        self.deadline = time.monotonic() + FETCH_SECONDS
        self._connections: list[socket.socket] = []
        self._alarm = threading.Timer(FETCH_SECONDS, self._hang_up)
        self._alarm.daemon = True
        self._alarm.start()
        self.trust_env = False
        self.max_redirects = 0
        if door.credential is not None:
            self.auth = door.credential.auth()
        adapter = _Bounded(self, door.reach)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    @property
    def is_over(self) -> bool:
        """Whether there is no room for one more answer of the largest size, or no time."""
        return self.left < self.max_answer_bytes or self.is_late

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline

    def connected(self, connection: socket.socket) -> None:
        """Has a new connection end with the session's time. Raises FetchTooSlow where it is up."""
        # A second handle, since TLS takes over the first one; what is shut down by one of them is so for both.
        self._connections.append(connection.dup())
        if self.is_late:
            connection.close()
            raise _too_slow()

    def close(self) -> None:
        self._alarm.cancel()
        super().close()
        for connection in self._connections:
            connection.close()

    def _hang_up(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Bounded(ReachingAdapter):
    """Reads an answer's body itself, no more of it and no longer than is allowed."""

    def __init__(self, session: BoundedSession, reach: Reach) -> None:
        super().__init__(reach, session.connected)
        self._session = session

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # It takes what it passes on.
        try:
            return self._sent(request, options | {"timeout": MAX_FETCH_REPLY_SECONDS, "stream": True})
        except requests.exceptions.RequestException as error:
            if self._session.is_late:
                raise _too_slow() from error
            raise

    def _sent(self, request: Any, options: Mapping[str, Any]) -> requests.Response:
        response = super().send(request, **options)
        limit = min(self._session.left, self._session.max_answer_bytes)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > limit:
                response.close()
                raise FetchTooLarge("The server's answer is too large.", metadata={"limit": str(limit)})
        if self._session.is_late:
            # Also an answer that only seems to be whole, because its connection was shut down.
            response.close()
            raise _too_slow()
        self._session.left -= len(body)
        response._content = bytes(body)  # noqa: SLF001  # The one way to give an answer a body that was read.
        return response


def _too_slow() -> FetchTooSlow:
    return FetchTooSlow("The server answers too slowly.", metadata={"seconds": str(FETCH_SECONDS)})
