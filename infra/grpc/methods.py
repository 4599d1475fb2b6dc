"""The RPCs of a gRPC service, read from its descriptor, bound to the servicer that answers them."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from infra.grpc.requests import RequestShape


class ServicerIncomplete(Exception):
    """A servicer lacks the method of an RPC that its service declares, or has it in another form."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC. `full_name` is `/package.Service/Method`, as the wire and the authorisation table name it.

    `behaviour` is `async def (request, context) -> answer`; a server stream is an asynchronous generator instead, and
    the request of a client stream an asynchronous iterator of messages.
    """

    full_name: str
    request_class: type[Message]
    response_class: type[Message]
    client_streams: bool
    server_streams: bool
    shape: RequestShape
    behaviour: Callable[..., Any]


def methods_of(service: ServiceDescriptor, servicer: object) -> Iterator[Method]:
    """Binds every RPC of the service. Raises ServicerIncomplete."""
    for descriptor in service.methods:
        yield Method(
            full_name_of(descriptor),
            message_factory.GetMessageClass(descriptor.input_type),
            message_factory.GetMessageClass(descriptor.output_type),
            descriptor.client_streaming,
            descriptor.server_streaming,
            RequestShape.of(descriptor.input_type),
            _behaviour(descriptor, servicer),
        )


def full_name_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _behaviour(method: MethodDescriptor, servicer: object) -> Callable[..., Any]:
    behaviour = getattr(servicer, method.name, None)
    if behaviour is None:
        raise ServicerIncomplete(f"{type(servicer).__name__} does not answer {full_name_of(method)}.")
    right = inspect.isasyncgenfunction if method.server_streaming else inspect.iscoroutinefunction
    if not right(behaviour):
        wanted = "an asynchronous generator" if method.server_streaming else "a coroutine function"
        raise ServicerIncomplete(f"{type(servicer).__name__}.{method.name} must be {wanted}.")
    return behaviour  # type: ignore[no-any-return]  # getattr knows no types; the form was checked just above.
