"""Does one tenant's flood slow the others? `python -m benchmarks.fairness [SECONDS]`, the long form of manifesto T6.

Eight tenants replay at the same pace. In every other stretch of time one of them floods: with 100,000 alerts a minute,
or with large batches from several sensors as fast as they are taken. Quiet and flooded stretches take turns, so that
whatever else the machine does falls on both alike. Compared are the others' 95th percentiles, from sending a batch to
its being durable, pair by pair of stretches; the median of the pairs counts.
"""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

import aiohttp

from benchmarks.intake_load import Sensor, batches, quantile
from benchmarks.load import Figure, run
from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system

TENANTS = 8
RECORDS = 20
EVERY_SECONDS = 0.5
"""What each tenant replays: a small batch twice a second."""
ROUNDS = 6
STRETCH_SECONDS = 10.0


@dataclass(frozen=True)
class Flood:
    """What each of the flooding sensors sends; `every` is in seconds, 0 for as fast as it is taken."""

    sensors: int
    records: int
    every: float
    fires_each: int

    def batches_in(self, seconds: float) -> int:
        """More than are taken in the time, where they are sent as fast as they are taken."""
        return max(1, int(seconds / (self.every or 0.5)))


ALERTS = Flood(sensors=2, records=417, every=0.5, fires_each=1)
"""100,080 alerts a minute, each a record that fires."""
AS_MUCH_AS_IS_TAKEN = Flood(sensors=6, records=2_000, every=0.0, fires_each=1_000)


@dataclass(frozen=True)
class Outcome:
    """The others' times in seconds, for each quiet stretch and the flooded one after it; how many records the flood
    brought, and how many of its batches were over the quota."""

    pairs: list[tuple[list[float], list[float]]]
    flood: int
    refused: int

    @property
    def quiet(self) -> float:
        return quantile([each for quiet, _ in self.pairs for each in quiet], 0.95)

    @property
    def flooded(self) -> float:
        return quantile([each for _, flooded in self.pairs for each in flooded], 0.95)

    @property
    def moved(self) -> float:
        """The flooded 95th percentile by the quiet one, the median over the pairs."""
        return median(quantile(flooded, 0.95) / quantile(quiet, 0.95) for quiet, flooded in self.pairs)


async def measure(system: RunningSystem, flood: Flood, rounds: int, stretch: float) -> Outcome:
    async with Provider(system) as provider, aiohttp.ClientSession() as session:
        await provider.deploy_rules()
        customers = [await provider.onboard(f"fair-{flood.records}-{at}") for at in range(TENANTS)]
        url = f"http://{system.web_address('detections')}"
        others = [Sensor(url, customer, "replay", session) for customer in customers[1:]]
        loud = [Sensor(url, customers[0], f"flood-{at}", session) for at in range(flood.sensors)]
        replays = [batches(f"quiet-{at}", RECORDS) for at in range(len(others))]
        sources = [batches(f"loud-{at}", flood.records, fires_each=flood.fires_each) for at in range(flood.sensors)]
        await _stretch(others, replays, 2.0)  # The first batches of a tenant find nothing prepared.
        pairs: list[tuple[list[float], list[float]]] = []
        for _ in range(rounds):
            quiet = await _stretch(others, replays, stretch)
            # Packed before it is sent: the senders share a processor, and making the flood must not slow the others.
            packed = [iter(list(islice(source, flood.batches_in(stretch)))) for source in sources]
            flooding = [
                asyncio.create_task(sensor.replay(source, stretch, flood.every))
                for sensor, source in zip(loud, packed, strict=True)
            ]
            pairs.append((quiet, await _stretch(others, replays, stretch)))
            await asyncio.gather(*flooding)
    return Outcome(pairs, sum(each.records for each in loud), sum(each.refused for each in loud))


async def _stretch(sensors: list[Sensor], sources: list[Iterator[bytes]], seconds: float) -> list[float]:
    for sensor in sensors:
        sensor.seconds.clear()
    await asyncio.gather(
        *(sensor.replay(source, seconds, EVERY_SECONDS) for sensor, source in zip(sensors, sources, strict=True))
    )
    return [each for sensor in sensors for each in sensor.seconds]


async def figures(system: RunningSystem, stretch: float) -> list[Figure]:
    found = []
    for what, flood in (("100,000 alerts a minute", ALERTS), ("as much as is taken", AS_MUCH_AS_IS_TAKEN)):
        outcome = await measure(system, flood, ROUNDS, stretch)
        per_minute = outcome.flood / (ROUNDS * stretch) * 60
        detail = (
            f"p95 {outcome.quiet * 1000:,.0f} ms quiet, {outcome.flooded * 1000:,.0f} ms while one sends"
            f" {per_minute:,.0f} records a minute"
        )
        found.append(Figure(f"the others' p95 while one sends {what}", outcome.moved, 1.2, detail, at_most=True))
    return found


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else STRETCH_SECONDS
    with running_system(TENET_TENANCY_INSECURE_ISSUERS="true") as started:
        run(figures(started, length))
