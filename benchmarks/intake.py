"""Events a second through the service, from HTTP to the durable detection: `python -m benchmarks.intake`.

A whole system as `./tenet up` starts it, with Tenet's own rules. Sensors of one tenant send packed batches of 1,000
records, each only once the one before is durable with what it raised. The senders run beside it on the same processors
and pack their batches before the clock runs.
"""

import asyncio
import time
from itertools import islice

import aiohttp

from benchmarks.intake_load import Sensor, batches, quantile
from benchmarks.load import Figure, run
from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system

SENSORS = 4
RECORDS = 1_000
BATCHES = 60
"""Per sensor; the first are not counted, since they fill the rules' memory."""
WARM = 5


async def figures(system: RunningSystem) -> list[Figure]:
    async with Provider(system) as provider, aiohttp.ClientSession() as session:
        await provider.deploy_rules()
        customer = await provider.onboard("bench")
        url = f"http://{system.web_address('detections')}"
        sensors = [Sensor(url, customer, f"sensor-{at}", session) for at in range(SENSORS)]
        packed = [list(islice(batches(f"host-{at}", RECORDS), WARM + BATCHES)) for at in range(SENSORS)]

        async def send(sensor: Sensor, bodies: list[bytes]) -> None:
            for body in bodies:
                await sensor.send(body)

        await asyncio.gather(*(send(sensor, bodies[:WARM]) for sensor, bodies in zip(sensors, packed, strict=True)))
        for sensor in sensors:
            sensor.seconds.clear()
            sensor.records = 0
        began = time.perf_counter()
        await asyncio.gather(*(send(sensor, bodies[WARM:]) for sensor, bodies in zip(sensors, packed, strict=True)))
        seconds = time.perf_counter() - began
    times = [each for sensor in sensors for each in sensor.seconds]
    rate = sum(sensor.records for sensor in sensors) / seconds
    median = quantile(times, 0.5) * 1000
    detail = f"{SENSORS} sensors of one tenant, batches of {RECORDS:,} records, median {median:,.0f} ms a batch"
    return [
        Figure("from HTTP to the durable detection", rate, 20_000, detail, unit="/s"),
        Figure("from HTTP to the durable detection, p99", quantile(times, 0.99), 2.0, at_most=True, unit=" s"),
    ]


if __name__ == "__main__":
    with running_system(TENET_TENANCY_INSECURE_ISSUERS="true", TENET_INTAKE_QUOTAS="bench=1000000") as started:
        run(figures(started))
