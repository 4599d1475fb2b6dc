"""Does one tenant's flood slow the others? `python -m benchmarks.fairness [SECONDS]`, the long form of manifesto T6.

Eight tenants replay at the same pace. In every other stretch of time one of them floods: it sends large batches from
several sensors as fast as they are taken, and raises alerts by the thousand. Quiet and flooded stretches take turns, so
that whatever else the machine does falls on both alike. Compared are the others' 95th percentiles, from sending a batch
to its being durable.
"""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import aiohttp

from benchmarks.intake_load import Sensor, batches, quantile
from benchmarks.load import Figure, run
from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system

TENANTS = 8
RECORDS = 20
EVERY_SECONDS = 0.5
"""What each tenant replays: a small batch twice a second."""
FLOODING_SENSORS = 6
FLOOD_RECORDS = 2_000
FLOOD_PER_SECOND = 2
"""Batches that each flooding sensor has ready, more than are taken in the time."""
ROUNDS = 6
STRETCH_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """The others' times in seconds in quiet and in flooded stretches, and how many records the flood brought."""

    quiet: list[float]
    flooded: list[float]
    flood: int
    refused: int

    @property
    def moved(self) -> float:
        """The flooded 95th percentile by the quiet one."""
        return quantile(self.flooded, 0.95) / quantile(self.quiet, 0.95)


async def measure(system: RunningSystem, rounds: int, stretch: float) -> Outcome:
    async with Provider(system) as provider, aiohttp.ClientSession() as session:
        await provider.deploy_rules()
        customers = [await provider.onboard(f"fair-{at}") for at in range(TENANTS)]
        url = f"http://{system.web_address('detections')}"
        others = [Sensor(url, customer, "replay", session) for customer in customers[1:]]
        flood = [Sensor(url, customers[0], f"flood-{at}", session) for at in range(FLOODING_SENSORS)]
        replays = [batches(f"quiet-{at}", RECORDS) for at in range(len(others))]
        floods = [batches(f"loud-{at}", FLOOD_RECORDS) for at in range(FLOODING_SENSORS)]
        await _stretch(others, replays, 2.0)  # The first batches of a tenant find nothing prepared.
        quiet: list[float] = []
        flooded: list[float] = []
        for _ in range(rounds):
            quiet += await _stretch(others, replays, stretch)
            # Packed before it is sent: the senders share a processor, and making the flood must not slow the others.
            packed = [iter(list(islice(source, max(1, int(stretch * FLOOD_PER_SECOND))))) for source in floods]
            flooding = [
                asyncio.create_task(sensor.replay(source, stretch, 0.0))
                for sensor, source in zip(flood, packed, strict=True)
            ]
            flooded += await _stretch(others, replays, stretch)
            await asyncio.gather(*flooding)
    return Outcome(quiet, flooded, sum(each.records for each in flood), sum(each.refused for each in flood))


async def _stretch(sensors: list[Sensor], sources: list[Iterator[bytes]], seconds: float) -> list[float]:
    for sensor in sensors:
        sensor.seconds.clear()
    await asyncio.gather(
        *(sensor.replay(source, seconds, EVERY_SECONDS) for sensor, source in zip(sensors, sources, strict=True))
    )
    return [each for sensor in sensors for each in sensor.seconds]


async def figures(system: RunningSystem, stretch: float) -> list[Figure]:
    outcome = await measure(system, ROUNDS, stretch)
    p95 = quantile(outcome.quiet, 0.95) * 1000, quantile(outcome.flooded, 0.95) * 1000
    per_minute = outcome.flood / (ROUNDS * stretch) * 60
    detail = f"p95 {p95[0]:,.0f} ms quiet, {p95[1]:,.0f} ms while one sends {per_minute:,.0f} records a minute"
    return [Figure("the others' p95 while one tenant floods", outcome.moved, 1.2, detail, at_most=True)]


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else STRETCH_SECONDS
    with running_system(TENET_TENANCY_INSECURE_ISSUERS="true") as started:
        run(figures(started, length))
