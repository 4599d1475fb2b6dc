"""A TCP proxy before a service that passes requests on and loses the answers, as a broken network does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536


@dataclass
class Cutting:
    """`address` is the proxy's. `cut` loses every answer from now on; connections look alive until they are dropped."""

    address: str
    cut: bool = False
    lost_bytes: int = 0
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    def drop(self) -> None:
        """Closes all connections."""
        for writer in self._connections:
            writer.close()


@contextlib.asynccontextmanager
async def cutting_proxy(target: str) -> AsyncIterator[Cutting]:
    host, _, port = target.rpartition(":")
    proxy = Cutting("")
    pumps: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
        proxy._connections.update((writer, onward_writer))
        for pump in (_pump(reader, onward_writer, None), _pump(onward_reader, writer, proxy)):
            task = asyncio.create_task(pump)
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.drop()
        for task in list(pumps):
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: Cutting | None) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            if losing is not None and losing.cut:
                losing.lost_bytes += len(data)
                continue
            writer.write(data)
            await writer.drain()
    writer.close()
