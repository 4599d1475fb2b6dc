"""How the supervisor sees that a process works: by its gRPC health service, or by an HTTP address that answers."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PROBE_TIMEOUT_SECONDS = 5.0


class GrpcHealth:
    """Asks `grpc.health.v1.Health/Check` for the server as a whole, over one channel that reconnects by itself."""

    def __init__(self, address: str) -> None:
        # A process that was not there yet is asked again at once, not after gRPC's default of up to two minutes.
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._stub = health_pb2_grpc.HealthStub(self._channel)

    async def __call__(self) -> bool:
        try:
            answer = await self._stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        await self._channel.close()


class HttpAnswer:
    """Gets a path from a loopback port and takes any answer below 500 for life."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path

    async def __call__(self) -> bool:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(f"GET {self._path} HTTP/1.0\r\nHost: {self._host}\r\n\r\n".encode())
                await writer.drain()
                status = (await reader.readline()).split()
            finally:
                writer.close()
        return len(status) > 1 and status[1].isdigit() and int(status[1]) < 500

    async def close(self) -> None:
        """Nothing is kept open between two questions."""
