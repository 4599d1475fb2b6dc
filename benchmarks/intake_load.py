"""Sensors that send telemetry over HTTP to a running system, and how long each batch takes to be durable."""

import asyncio
import gzip
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.fixtures.customers import Customer

SYSMON = "Microsoft-Windows-Sysmon/Operational"
FIRES_EACH = 1_000
"""One record in so many fires a rule of Tenet's own, on one host, so that it is one detection with a growing count."""


def batches(host: str, records: int, first: int = 0, fires_each: int = FIRES_EACH) -> Iterator[bytes]:
    """Batches of process creations without end, packed as shippers pack them; every record is another one.

    One of `fires_each` is an alert (1: all are).
    """
    while True:
        body = b"".join(_record(host, number, fires_each) for number in range(first, first + records))
        yield gzip.compress(body, 1)
        first += records


def _record(host: str, number: int, fires_each: int) -> bytes:
    command = f"C:\\Windows\\System32\\svchost.exe -k group{number % 97} -p -s service{number}"
    if number % fires_each == fires_each - 1:
        command = "vssadmin.exe Delete Shadows /all /quiet"
    second = number // 1_000
    return (
        json.dumps(
            {
                "@timestamp": f"2026-11-24T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.000Z",
                "winlog": {
                    "channel": SYSMON,
                    "event_id": "1",
                    "computer_name": host,
                    "record_id": number,
                    "provider_name": "Microsoft-Windows-Sysmon",
                    "event_data": {
                        "Image": command.partition(" ")[0],
                        "CommandLine": command,
                        "ParentImage": "C:\\Windows\\System32\\services.exe",
                        "User": f"CLINIC\\user{number % 50}",
                        "ProcessId": str(number % 65_536),
                        "IntegrityLevel": "Medium",
                        "Hashes": f"SHA256={number:064x}",
                    },
                },
            }
        ).encode()
        + b"\n"
    )


@dataclass(slots=True)
class Sensor:
    """One sender. `seconds` are the times from sending a batch to its answer, `refused` those over the quota."""

    url: str
    customer: Customer
    name: str
    session: aiohttp.ClientSession
    seconds: list[float] = field(default_factory=list)
    records: int = 0
    raised: int = 0
    refused: int = 0

    async def send(self, body: bytes) -> None:
        """Raises RuntimeError for an answer that is neither taken nor over the quota."""
        headers = {
            "Authorization": f"ApiKey {self.customer.sensor}",
            "Tenet-Sensor": self.name,
            "Content-Encoding": "gzip",
        }
        began = time.perf_counter()
        async with self.session.post(f"{self.url}/v1/telemetry", data=io.BytesIO(body), headers=headers) as answer:
            said = await answer.json()
        if answer.status == 429:
            self.refused += 1
            await asyncio.sleep(min(1.0, float(answer.headers["Retry-After"])))
            return
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {said}")
        self.seconds.append(time.perf_counter() - began)
        self.records += said["accepted"]
        self.raised += said["raised"]

    async def replay(self, source: Iterator[bytes], seconds: float, every: float) -> None:
        """A batch every so many seconds (0: as fast as they are taken) until the time is over."""
        began, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - began) < seconds:
            if sent * every > now:
                await asyncio.sleep(sent * every - now)
            body = next(source, None)
            if body is None:
                return
            await self.send(body)
            sent += 1


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
