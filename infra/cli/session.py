"""Calls as one person or machine: which RPC a request belongs to, where its service is, and safe repeats.

A request message says by itself which RPC it is for, since each RPC has a request type of its own. So one method makes
every call, and nothing here lists the RPCs.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from contracts.ids import PROVIDER
from infra.grpc.channel import Authorization, Client
from infra.grpc.status import RemoteError

R = TypeVar("R", bound=Message)

MAX_REPEATS = 4
"""How often a call is sent again when its server did not answer. Harmless: a write keeps its request id."""
FIRST_PAUSE_SECONDS = 0.25
PROVIDER_SERVICES = frozenset({"tenancy"})
"""Services whose positions are those of the provider's ledger, whatever tenant their requests name."""


class Positions(dict[str, int]):
    """The last position of each tenant's ledger that a caller has heard of, so that its reads include its writes."""

    def heard(self, tenant_id: str, position: int) -> None:
        self[tenant_id] = max(position, self.get(tenant_id, -1))


class Session:
    """One caller. `addresses` are the services' by name; callers that share `positions` see each other's writes."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        authorization: Authorization | None,
        positions: Positions | None = None,
        *,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._addresses, self._authorization, self._credentials = addresses, authorization, credentials
        self.positions = Positions() if positions is None else positions
        self._clients: dict[str, Client] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.close()

    async def ask(self, request: Message, answer: type[R], *, deadline: float | None = None, service: str = "") -> R:
        """Makes the call that the request is for. A write without a request id is given one. Raises RemoteError.

        `answer` is the RPC's response type. `deadline` is in seconds. `service` asks that one, for RPCs that all have.
        """
        method = _method(request, answer)
        ledger = _ledger_of(method, request)
        self._fill(request, ledger)
        client = self._client(service or _service(method))
        call = client.channel.unary_unary(
            _path(method), request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        pause = FIRST_PAUSE_SECONDS
        for _ in range(MAX_REPEATS):
            try:
                return self._noted(ledger, await client.call(call, request, deadline=deadline))
            except RemoteError as error:
                if error.code is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(pause)
            pause *= 2
        return self._noted(ledger, await client.call(call, request, deadline=deadline))

    def _noted(self, ledger: str, response: R) -> R:
        if ledger and "position" in response.DESCRIPTOR.fields_by_name:
            self.positions.heard(ledger, getattr(response, "position"))  # noqa: B009  # The type is only known to be a message.
        return response

    async def stream(self, request: Message, answer: type[R], *, deadline: float | None = None) -> AsyncIterator[R]:
        """The messages of a server stream. Raises RemoteError."""
        method = _method(request, answer)
        client = self._client(_service(method))
        call = client.channel.unary_stream(
            _path(method), request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        async for message in client.stream(call, request, deadline=deadline):
            yield message

    def _client(self, service: str) -> Client:
        if service not in self._clients:
            if service not in self._addresses:
                raise RemoteError(grpc.StatusCode.UNAVAILABLE, f"The address of the service {service} is not known.")
            self._clients[service] = Client(
                self._addresses[service], self._authorization, credentials=self._credentials
            )
        return self._clients[service]

    def _fill(self, request: Any, ledger: str) -> None:
        fields = request.DESCRIPTOR.fields_by_name
        if "request_id" in fields and not request.request_id:
            request.request_id = str(uuid.uuid4())
        of_the_past = "at_position" in fields and request.HasField("at_position")
        if "min_position" in fields and not of_the_past and not request.HasField("min_position"):
            heard = self.positions.get(ledger, -1)
            if heard >= 0:
                request.min_position = heard


def _method(request: Message, answer: type[Message]) -> Any:
    """The descriptor of the RPC, of whichever implementation of protobuf is in use."""
    name = request.DESCRIPTOR.full_name
    for service in request.DESCRIPTOR.file.services_by_name.values():
        for method in service.methods:
            if method.input_type.full_name == name:
                if method.output_type.full_name != answer.DESCRIPTOR.full_name:
                    raise TypeError(f"{method.full_name} answers with {method.output_type.full_name}")
                return method
    raise TypeError(f"no RPC takes {name}")


def _path(method: Any) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _service(method: Any) -> str:
    """`cases` for `tenet.cases.v1.CasesReadService`."""
    return str(method.containing_service.full_name.split(".")[1])


def _ledger_of(method: Any, request: Any) -> str:
    """The tenant in whose ledger the positions of this call are; empty where there are several."""
    fields = request.DESCRIPTOR.fields_by_name
    if _service(method) in PROVIDER_SERVICES or ("tenant_id" not in fields and "tenant_ids" not in fields):
        return PROVIDER
    if "tenant_id" in fields:
        return str(request.tenant_id)
    return str(request.tenant_ids[0]) if len(request.tenant_ids) == 1 else ""
