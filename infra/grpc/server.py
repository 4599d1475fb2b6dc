"""Hosts servicers: health, reflection, limits, and the pipeline in front of each method."""

import ipaddress
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from infra.auth.gate import Gate
from infra.grpc.limits import MAX_CONCURRENT_RPCS, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES, STOP_GRACE_SECONDS
from infra.grpc.methods import methods_of
from infra.grpc.pipeline import Clock, Pipeline, utc_now

log = structlog.get_logger()


class ServingRefused(Exception):
    """The address would carry tokens in the clear over a network, or cannot be had."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A gRPC service and what answers it. `Hosted.of(cases_read_pb2, "CasesReadService", servicer)`."""

    service: ServiceDescriptor
    servicer: object

    @classmethod
    def of(cls, module: ModuleType, name: str, servicer: object) -> "Hosted":
        return cls(module.DESCRIPTOR.services_by_name[name], servicer)


class Server:
    """One gRPC server of a process. Its health answers NOT_SERVING until `start` has returned."""

    def __init__(
        self,
        hosted: Iterable[Hosted],
        gate: Gate,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock = utc_now,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        """`port` 0 takes any free one. Without `credentials` (TLS) only a loopback address is served. Raises
        ServingRefused, ServicerIncomplete."""
        if credentials is None and not _is_loopback(host):
            raise ServingRefused(f"{host} is not a loopback address: tokens would travel in the clear without TLS.")
        self._host, self._wanted_port, self._credentials = host, port, credentials
        self._hosted = tuple(hosted)
        handlers = [_handlers(each, Pipeline(gate, clock)) for each in self._hosted]
        self._server = grpc.aio.server(
            handlers=handlers, options=_options(), maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS
        )
        self._health = health.aio.HealthServicer()
        self.port = 0
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(self._reflected(), self._server)

    async def start(self) -> int:
        """Binds and serves; returns the port. Raises ServingRefused when the address cannot be had."""
        address = f"{self._host}:{self._wanted_port}"
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError as error:
            raise ServingRefused(f"{address} cannot be served; something else may be listening there.") from error
        await self._server.start()
        await self._mark(health_pb2.HealthCheckResponse.SERVING)
        log.info(
            "grpc_serving", host=self._host, port=self.port, services=[each.service.full_name for each in self._hosted]
        )
        return self.port

    async def stop(self) -> None:
        """Answers NOT_SERVING, lets running calls finish within the grace period, and closes."""
        await self._mark(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.stop(STOP_GRACE_SECONDS)

    async def wait_for_termination(self) -> None:
        await self._server.wait_for_termination()

    async def _mark(self, state: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", *(each.service.full_name for each in self._hosted)):
            await self._health.set(name, state)

    def _reflected(self) -> Sequence[str]:
        return [*(each.service.full_name for each in self._hosted), health.SERVICE_NAME, reflection.SERVICE_NAME]


@asynccontextmanager
async def serve(
    hosted: Iterable[Hosted],
    gate: Gate,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock = utc_now,
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[Server]:
    """A server for as long as the block runs."""
    server = Server(hosted, gate, host=host, port=port, clock=clock, credentials=credentials)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _handlers(hosted: Hosted, pipeline: Pipeline) -> grpc.GenericRpcHandler:
    methods = methods_of(hosted.service, hosted.servicer)
    handlers = {method.full_name.rpartition("/")[2]: pipeline.handler(method) for method in methods}
    return grpc.method_handlers_generic_handler(hosted.service.full_name, handlers)


def _options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        # Two processes that share a port by accident would answer in turns.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
