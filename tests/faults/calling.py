"""Calls that are asked again, with the same request id, until they are acknowledged."""

import asyncio
import time
from typing import Any

import grpc

from infra.auth.local_tokens import LocalIssuerUnavailable
from infra.grpc import Client, RemoteError
from tests.faults.journal import Journal

ATTEMPT_SECONDS = 15.0
GIVE_UP_AFTER_SECONDS = 180.0
PAUSE_SECONDS = 0.25

PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""What a caller may be told while something is down or contended: the same request may succeed later."""


class GivenUp(Exception):
    """A call was never acknowledged."""


async def until_acknowledged(journal: Journal, client: Client, method: Any, request: Any) -> Any:
    """The answer. A refusal that is not passing is a surprise, and raised. Raises GivenUp, RemoteError."""
    deadline = time.monotonic() + GIVE_UP_AFTER_SECONDS
    while True:
        try:
            return await client.call(method, request, deadline=ATTEMPT_SECONDS)
        except LocalIssuerUnavailable as error:
            journal.refuse(error.reason)
            last: Exception = error
        except RemoteError as error:
            if error.code not in PASSING:
                journal.surprise(f"{type(request).__name__}: {error.code.name} {error}")
                raise
            # A process that is killed while it answers leaves the caller without any reason: the transport's word.
            journal.refuse(error.reason or f"transport {error.code.name}")
            last = error
        if time.monotonic() > deadline:
            journal.surprise(f"{type(request).__name__} was never acknowledged: {last}")
            raise GivenUp(type(request).__name__) from last
        await asyncio.sleep(PAUSE_SECONDS)
