"""HTTP with the server of a source, within limits: addresses, bytes, time; no redirection is followed.

Nothing of the environment counts here: no proxy, which would connect for us, and no password file of the account.
"""

import time
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
        return self.left < self.max_answer_bytes or time.monotonic() > self.deadline


class _Bounded(ReachingAdapter):
    """Reads an answer's body itself, no more of it and no longer than is allowed."""

    def __init__(self, session: BoundedSession, reach: Reach) -> None:
        super().__init__(reach)
        self._session = session

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # It takes what it passes on.
        options |= {"timeout": MAX_FETCH_REPLY_SECONDS, "stream": True}
        response = super().send(request, **options)
        limit = min(self._session.left, self._session.max_answer_bytes)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > limit:
                response.close()
                raise FetchTooLarge("The server's answer is too large.", metadata={"limit": str(limit)})
            if time.monotonic() > self._session.deadline:
                response.close()
                raise FetchTooSlow("The server answers too slowly.", metadata={"seconds": str(FETCH_SECONDS)})
        self._session.left -= len(body)
        response._content = bytes(body)  # noqa: SLF001  # The one way to give an answer a body that was read.
        return response
