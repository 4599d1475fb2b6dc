"""What happens to every request: authenticate, validate, authorise, call; and to every error: a status."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import Message

from contracts.calls import Call
from contracts.errors import DeadlineExceeded, FieldViolation, TenetError
from contracts.ids import is_opaque_id, new_id
from infra.auth.gate import Caller, Gate
from infra.grpc import requests
from infra.grpc.context import Context
from infra.grpc.limits import DEFAULT_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS, MAX_STREAM_SECONDS
from infra.grpc.methods import Method
from infra.grpc.status import CODES, refusal_of
from infra.telemetry import current_traceparent, is_traceparent, span
from infra.telemetry.metrics import RPC_SECONDS, RPC_UNEXPECTED_ERRORS, RPCS_IN_FLIGHT

Clock = Callable[[], datetime]
Answering = Callable[[dict[str, str], float], Awaitable[Any]]
_ServicerContext: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

CORRELATION_HEADER = "tenet-correlation-id"

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class InternalError(TenetError):
    """A bug. The caller gets a reference under which the log holds the frames."""


class NoMessage(requests.MalformedRequest):
    """A client stream ended before its first message."""

    reason = "NO_MESSAGE"


class Pipeline:
    """Makes a gRPC handler of a method of a servicer."""

    def __init__(self, gate: Gate, clock: Clock = utc_now) -> None:
        self._gate, self._clock = gate, clock

    def handler(self, method: Method) -> "grpc.RpcMethodHandler[Any, Any]":
        make = {
            (False, False): (grpc.unary_unary_rpc_method_handler, self._unary_unary),
            (False, True): (grpc.unary_stream_rpc_method_handler, self._unary_stream),
            (True, False): (grpc.stream_unary_rpc_method_handler, self._stream_unary),
            (True, True): (grpc.stream_stream_rpc_method_handler, self._stream_stream),
        }
        wrap, behave = make[(method.client_streams, method.server_streams)]
        return wrap(
            behave(method),
            request_deserializer=method.request_class.FromString,
            response_serializer=method.response_class.SerializeToString,
        )

    def _unary_unary(self, method: Method) -> Callable[..., Awaitable[Any]]:
        async def answer(request: Message, servicer: _ServicerContext) -> Any:
            async def call(metadata: dict[str, str], deadline: float) -> Any:
                context = await self._admit(method, request, metadata, deadline)
                return await method.behaviour(request, context)

            return await self._answer(method, servicer, call)

        return answer

    def _unary_stream(self, method: Method) -> Callable[..., Awaitable[None]]:
        async def answer(request: Message, servicer: _ServicerContext) -> None:
            async def call(metadata: dict[str, str], deadline: float) -> None:
                context = await self._admit(method, request, metadata, deadline)
                await _write_all(method.behaviour(request, context), servicer)

            await self._answer(method, servicer, call)

        return answer

    def _stream_unary(self, method: Method) -> Callable[..., Awaitable[Any]]:
        async def answer(messages: AsyncIterator[Message], servicer: _ServicerContext) -> Any:
            async def call(metadata: dict[str, str], deadline: float) -> Any:
                incoming, context = await self._admit_stream(method, messages, metadata, deadline)
                return await method.behaviour(incoming, context)

            return await self._answer(method, servicer, call)

        return answer

    def _stream_stream(self, method: Method) -> Callable[..., Awaitable[None]]:
        async def answer(messages: AsyncIterator[Message], servicer: _ServicerContext) -> None:
            async def call(metadata: dict[str, str], deadline: float) -> None:
                incoming, context = await self._admit_stream(method, messages, metadata, deadline)
                await _write_all(method.behaviour(incoming, context), servicer)

            await self._answer(method, servicer, call)

        return answer

    async def _admit_stream(
        self, method: Method, messages: AsyncIterator[Message], metadata: dict[str, str], deadline: float
    ) -> tuple[AsyncIterator[Message], Context]:
        """A client stream is admitted by its first message; every later one must be about the same tenant."""
        first = await anext(aiter(messages), None)
        if first is None:
            raise NoMessage([FieldViolation(".", "the stream holds no message")])
        context = await self._admit(method, first, metadata, deadline)
        return _checked(method, first, messages), context

    async def _admit(self, method: Method, request: Message, metadata: dict[str, str], deadline: float) -> Context:
        """Raises what the gate and the schema's rules raise; nothing of the tenant has been read by then."""
        caller: Caller | None = None
        try:
            caller = await self._gate.authenticate(metadata.get("authorization", ""))
            requests.validate(request)
            addressed = requests.addressed(request, method.shape)
            request_id = requests.request_id(request, method.shape)
            admission = await self._gate.admit(caller, method.full_name, addressed)
        except TenetError as error:
            self._gate.note_refusal(caller, method.full_name, error)
            raise
        structlog.contextvars.bind_contextvars(tenant=admission.tenant_id)
        call = Call(
            tenant_id=admission.tenant_id,
            actor=caller.actor,
            rpc=method.full_name,
            request_id=request_id,
            now=self._clock(),
            grant_id=admission.grant_id,
            roles=admission.roles.get(admission.tenant_id, frozenset()),
            correlation_id=_correlation_id(metadata),
            trace_parent=current_traceparent(),
            authentication=caller.authentication,
        )
        return Context(call, admission.tenants, admission.roles, deadline)

    async def _answer(self, method: Method, servicer: _ServicerContext, call: Answering) -> Any:
        """Runs the call within its deadline, span and figures, and turns what it raises into a status."""
        metadata = {key: value for key, value in servicer.invocation_metadata() or () if isinstance(value, str)}
        parent = metadata.get("traceparent", "")
        structlog.contextvars.bind_contextvars(rpc=method.full_name)
        started = time.perf_counter()
        code = grpc.StatusCode.CANCELLED
        RPCS_IN_FLIGHT.labels(method.full_name).inc()
        try:
            with span(method.full_name, parent=parent if is_traceparent(parent) else None):
                answer = await _logged(method, _within_deadline(method, servicer, metadata, call))
            code = grpc.StatusCode.OK
            return answer
        except TenetError as error:
            refusal = refusal_of(error)
            code = refusal.code
        finally:
            RPCS_IN_FLIGHT.labels(method.full_name).dec()
            RPC_SECONDS.labels(method.full_name, code.name).observe(time.perf_counter() - started)
        return await servicer.abort(refusal.code, refusal.message, refusal.trailers)


async def _within_deadline(
    method: Method, servicer: _ServicerContext, metadata: dict[str, str], call: Answering
) -> Any:
    streams = method.client_streams or method.server_streams
    longest = MAX_STREAM_SECONDS if streams else MAX_DEADLINE_SECONDS
    # The library's stubs leave out that it is None when the caller named no deadline.
    asked = cast("float | None", servicer.time_remaining())
    if asked is None:
        asked = MAX_STREAM_SECONDS if streams else DEFAULT_DEADLINE_SECONDS
    deadline = asyncio.get_running_loop().time() + min(asked, longest)
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            return await call(metadata, deadline)
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded(
                "The deadline passed. A write may have been recorded: ask with the same request id."
            ) from None
        raise


async def _logged(method: Method, answering: Awaitable[Any]) -> Any:
    """Logs what goes wrong while the call's span is current, so that the entry carries its trace.

    A bug must reach the log and the caller, and leave the server up: it is raised as InternalError.
    """
    try:
        return await answering
    except TenetError as error:
        log.info("rpc_refused", reason=error.reason, code=CODES[error.kind].name)
        raise
    except Exception as error:
        reference = new_id("failure")
        RPC_UNEXPECTED_ERRORS.labels(method.full_name).inc()
        log.error("rpc_failed_unexpectedly", reference=reference, exc_info=error)  # noqa: TRY400  # Without its message.
        message = f"Something went wrong inside; the operators find it as {reference}."
        raise InternalError(message, metadata={"reference": reference}) from error


async def _checked(method: Method, first: Message, later: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """The first message and the later ones, each of which is validated and may not speak of another tenant."""
    yield first
    tenant_id = getattr(first, "tenant_id", "")
    async for message in later:
        requests.validate(message)
        if method.shape.tenant_id and getattr(message, "tenant_id", "") not in ("", tenant_id):
            raise requests.MalformedRequest([FieldViolation("tenant_id", "differs from the first message's")])
        yield message


def _correlation_id(metadata: dict[str, str]) -> str:
    """What ties together the calls of one piece of work: the caller's, when it has our form, else a new one."""
    given = metadata.get(CORRELATION_HEADER, "")
    return given if is_opaque_id(given, "correlation") else new_id("correlation")


async def _write_all(answers: AsyncIterator[Message], servicer: _ServicerContext) -> None:
    async with aclosing(answers):  # type: ignore[type-var]  # `methods` has checked that it is a generator.
        async for answer in answers:
            await servicer.write(answer)
