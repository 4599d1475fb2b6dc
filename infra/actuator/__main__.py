"""`python -m infra.actuator`: serves the reference actuator on loopback until it is told to stop."""

import asyncio
import signal
import sys

import structlog
from aiohttp import web

from infra.actuator.application import STAND_IN, Actuator
from infra.actuator.credentials import Credentials
from infra.actuator.state import ActuatorState
from infra.runtime.settings import LOOPBACK, Settings
from infra.telemetry import configure

log = structlog.get_logger()


def main() -> int:
    settings = Settings.from_env()
    telemetry = configure("actuator", settings)
    try:
        asyncio.run(_serve(settings))
    finally:
        telemetry.close()
    return 0


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    state = ActuatorState(settings.state / "actuator" / "state.sqlite")
    runner = web.AppRunner(Actuator(state, Credentials.of(settings.secrets_dir)).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, settings.actuator_port).start()
        log.warning("actuator_is_a_stand_in", message=STAND_IN, addresses=[str(each) for each in runner.addresses])
        await stopped.wait()
    finally:
        await runner.cleanup()
        state.close()


if __name__ == "__main__":
    sys.exit(main())
