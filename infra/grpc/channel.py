"""How anyone calls a Tenet server: with a token, a deadline and the trace; and with errors decoded."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, Self, TypeVar

import grpc
from google.protobuf.message import Message

from infra.grpc.limits import (
    DEFAULT_DEADLINE_SECONDS,
    MAX_MESSAGE_BYTES,
    MAX_METADATA_BYTES,
    MAX_RECONNECT_PAUSE_SECONDS,
)
from infra.grpc.status import RemoteError, remote_error
from infra.telemetry import current_traceparent

__all__ = ["Client", "RemoteError"]

Q_contra = TypeVar("Q_contra", bound=Message, contravariant=True)
R_co = TypeVar("R_co", bound=Message, covariant=True)
S = TypeVar("S")
Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Authorization = Callable[[], Awaitable[str]]
"""Gives the `authorization` header for the next call: `Bearer <token>` or `ApiKey <id>.<secret>`."""


class Client:
    """A channel to one server for one principal. `async with Client(...)` closes it.

    `client.stub(CasesWriteServiceStub)` makes stubs; `await client.call(stub.OpenCase, request)` calls.
    """

    def __init__(
        self,
        target: str,
        authorization: Authorization | None = None,
        *,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """`deadline` is in seconds, for calls that name none. Without `credentials` the channel is not encrypted."""
        self._authorization, self._deadline = authorization, deadline
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.max_reconnect_backoff_ms", int(MAX_RECONNECT_PAUSE_SECONDS * 1000)),
        ]
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(target, options=options)
        else:
            self.channel = grpc.aio.secure_channel(target, credentials, options=options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.channel.close()

    def stub(self, make: Callable[[grpc.aio.Channel], S]) -> S:
        return make(self.channel)

    async def call(self, method: "UnaryMethod[Q, R]", request: Q, *, deadline: float | None = None) -> R:
        """Raises RemoteError."""
        try:
            return await method(request, timeout=deadline or self._deadline, metadata=await self._metadata())
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from None

    async def send(
        self,
        method: "ClientStreamMethod[Q, R]",
        requests: AsyncIterator[Q] | Iterable[Q],
        *,
        deadline: float | None = None,
    ) -> R:
        """Sends a stream of messages and returns the one answer. Raises RemoteError."""
        try:
            return await method(requests, timeout=deadline or self._deadline, metadata=await self._metadata())
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from None

    async def stream(
        self, method: "ServerStreamMethod[Q, R]", request: Q, *, deadline: float | None = None
    ) -> AsyncIterator[R]:
        """The messages of a server stream; without a `deadline` until either side ends it. Raises RemoteError."""
        answers = method(request, timeout=deadline, metadata=await self._metadata())
        try:
            async for answer in answers:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from None
        finally:
            answers.cancel()

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        pairs = []
        if self._authorization is not None:
            pairs.append(("authorization", await self._authorization()))
        if traceparent := current_traceparent():
            pairs.append(("traceparent", traceparent))
        return tuple(pairs)


class UnaryMethod(Protocol[Q_contra, R_co]):
    def __call__(
        self, request: Q_contra, /, *, timeout: float | None = None, metadata: tuple[tuple[str, str], ...] | None = None
    ) -> Awaitable[R_co]: ...


class ClientStreamMethod(Protocol[Q_contra, R_co]):
    def __call__(
        self,
        request_iterator: AsyncIterator[Q_contra] | Iterable[Q_contra] | None = None,
        /,
        *,
        timeout: float | None = None,
        metadata: tuple[tuple[str, str], ...] | None = None,
    ) -> Awaitable[R_co]: ...


class Answers(Protocol[R_co]):
    def __aiter__(self) -> AsyncIterator[R_co]: ...
    def cancel(self) -> bool: ...


class ServerStreamMethod(Protocol[Q_contra, R_co]):
    def __call__(
        self, request: Q_contra, /, *, timeout: float | None = None, metadata: tuple[tuple[str, str], ...] | None = None
    ) -> Answers[R_co]: ...
