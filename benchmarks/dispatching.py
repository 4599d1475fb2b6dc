"""From a verdict to the dispatch of a pre-authorised action, 200 cases a minute: `python -m benchmarks.dispatching`.

The cases service runs whole, with its views, policies and outbox, against the reference actuator. Each verdict opens a
case, whose charter's line has the plan decided at once. Measured between the two entries, by the store's clock.
"""

import asyncio
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from benchmarks.intake_load import quantile
from benchmarks.load import Figure, run
from contracts.events.assets import AssetClass
from contracts.events.cases import ActionDispatched
from contracts.events.detections import DetectionValidated
from contracts.ids import TenantId
from tests.fixtures.platform import new_platform
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_service import preauthorise

CASES = 200
EVERY_SECONDS = 0.3
"""200 a minute."""
AFTERWARDS_SECONDS = 10.0
WANTED_SECONDS = 2.0
CHARTER = """
charter: 1
title: An office
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}]}
lines:
  - id: any
    outcome: Stop it.
    then:
      mode: stop
      automatic: true
      steps:
        - {id: cut, type: contain, do: contain network, on: devices, authority: preauthorised, connector: edr,
           limit_seconds: 600, reason: Cut.}
        - {id: fix, type: remediate, do: task, task: Fix., authority: provider, reason: Cause.}
"""


async def judge(service: CasesService, cases: int) -> None:
    """Gives one verdict after another, each on a detection of a host of its own; one in forty shares a domain."""
    digest = await service.approve(CHARTER.replace("@boss", service.approver_id))
    await preauthorise(service, digest, ["contain network"], ["office"])
    detections = []
    for number in range(cases):
        host = await service.asset(f"host-{number}", AssetClass.STANDARD, "office")
        words = (f"domain: host-{number % 40}.example.net", f"host: host-{number}")
        detections.append(await service.detection(host, techniques=("T1059",), observables=words))
    for detection in detections:
        await asyncio.gather(service.validate(detection), asyncio.sleep(EVERY_SECONDS))
    await asyncio.sleep(AFTERWARDS_SECONDS)


async def latencies(service: CasesService) -> list[float]:
    """Seconds from each verdict to the dispatch that rests on it."""
    entries = await service.foundation.ledger.feed.read(TenantId(service.tenant_id), 0, 1_000_000)
    judged: dict[int, datetime] = {}
    found: list[float] = []
    for entry in entries:
        if isinstance(entry.event, DetectionValidated):
            judged[entry.position] = entry.recorded_at
        elif isinstance(entry.event, ActionDispatched):
            waited = entry.recorded_at - judged[entry.event.basis.subject.validation_position]
            found.append(waited.total_seconds())
    return found


async def figures(cases: int = CASES) -> list[Figure]:
    with new_platform() as platform, tempfile.TemporaryDirectory() as directory:
        async with cases_service(platform, Path(directory)) as service:
            await judge(service, cases)
            taken = await latencies(service)
    detail = f"{len(taken)} of {cases} dispatched, median {quantile(taken, 0.5):.2f} s, slowest {max(taken):.2f} s"
    figure = Figure("verdict to dispatch, p99", quantile(taken, 0.99), WANTED_SECONDS, detail, at_most=True, unit=" s")
    print(figure, detail, flush=True)
    return [figure]


if __name__ == "__main__":
    # How many cases, where another number than CASES is wanted.
    run(figures(int(sys.argv[1]) if len(sys.argv) > 1 else CASES))
