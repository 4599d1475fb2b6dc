"""A service's process: telemetry first, then what the wiring opens, then serving until a signal says stop."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from contracts.errors import TenetError
from infra.grpc import Hosted, serve
from infra.grpc.tls import server_credentials
from infra.hosting.foundation import Foundation
from infra.hosting.operations import operations_of
from infra.read_database.read_side import ReadSide
from infra.runtime.settings import Settings
from infra.telemetry import configure

YOUNG_OBJECTS = 5_000
"""So many new objects are looked over at once for cycles; Python's 700 are those of a few calls that are under way."""
EXIT_REFUSED = 3
"""The exit status of a service that cannot start with what it found; its log says why."""

log = structlog.get_logger()


async def serve_until_stopped(foundation: Foundation, hosted: Iterable[Hosted], read_side: ReadSide) -> None:
    """Serves the service's gRPC services, and those that all services have, until SIGTERM or SIGINT.

    Running calls get their grace period.
    """
    settings, stopped, loop = foundation.settings, asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    everything = (*hosted, *operations_of(foundation.access_log, read_side))
    _spare_what_the_start_made()
    async with serve(
        everything,
        foundation.authority,
        host=settings.grpc_host,
        port=settings.grpc_port,
        clock=foundation.clock,
        credentials=server_credentials(settings),
    ):
        await stopped.wait()


def _spare_what_the_start_made() -> None:
    """Takes everything that is there now out of the collector's sight: it stays until the process ends.

    Every full collection would go over all of it again, and nobody is answered meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def run_service(service: str, start: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    """The body of a service's `__main__`: reads the settings, runs `start`, and answers the exit status."""
    if sys.argv[1:] != ["serve"]:
        print(f"usage: python -m services.{service} serve", file=sys.stderr)  # This is for a person.
        return 2
    settings = Settings.from_env()
    telemetry = configure(service, settings, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host)
    try:
        asyncio.run(start(settings))
    except TenetError as error:
        log.error("service_cannot_start", reason=error.reason, detail=error.message)  # noqa: TRY400  # Reason says it all.
        return EXIT_REFUSED
    finally:
        telemetry.close()
    return 0
