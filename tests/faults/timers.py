"""Timers under kill -9 and jumps of the clock: `python -m tests.faults.timers` runs 10,000 of them.

Each page of a rota with three people has three timers in turn: the second is called, the third is called, nobody has
answered. While they fire, the process that fires them is killed again and again, and its clock is put forward and back.
Afterwards the ledger alone is asked: each page has each of the three events once, in their order.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.cases import Priority
from contracts.events.people import (
    Layer,
    PageAbout,
    PageEscalated,
    PageSent,
    PageUnanswered,
    RotaDefinition,
    Shift,
)
from contracts.ids import PROVIDER, TenantId, derive_id
from infra.event_store.ledger import Ledger
from services.cases.application.calling import Calling
from services.cases.application.rotas import Rotas
from services.cases.domain.people_commands import PublishRota, SendPage
from tests.fixtures.platform import Platform, new_platform, request_id

CHECKOUT = Path(__file__).parents[2]
PEOPLE = tuple(derive_id("principal", name) for name in ("first", "second", "lead"))
TIMERS_OF_A_PAGE = 3
LONG_TIMERS, LONG_LIMIT_SECONDS = 10_000, 1_500.0
SENDING_AT_ONCE = 64
MIN_KILLS = 2
"""And one more for every thousand timers that have fired."""
DUE, LATER = 660.0, 720.0
"""Seconds ahead at which the first timers are due, and by which the clock goes on so that those after them are."""
BACK = -1_200.0


@dataclass
class Outcome:
    pages: int
    kills: int = 0
    jumps: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        fired = self.pages * TIMERS_OF_A_PAGE
        head = f"{fired} timers of {self.pages} pages, {self.kills} kill -9, {self.jumps} jumps, {self.seconds:.0f} s"
        return [head, *(self.problems or ["none lost, none fired twice"])]


class Worker:
    """The process under test. It is started again after each kill. `more`: as `timer_worker` takes it."""

    def __init__(self, settings: Path, ahead: Path, log: Path, *more: str) -> None:
        self._arguments = [sys.executable, "-m", "tests.faults.timer_worker", str(settings), str(ahead), *more]
        self._ahead, self._log = ahead, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, cwd=CHECKOUT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def put(self, seconds: float) -> None:
        """Moves its clock, whether it runs or not."""
        fresh = self._ahead.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._ahead)


async def run(platform: Platform, directory: Path, timers: int, seed: int, limit: float) -> Outcome:
    """Raises TimeoutError when not every timer has fired within `limit` seconds."""
    began, chance = time.monotonic(), random.Random(seed)
    outcome = Outcome(-(-timers // TIMERS_OF_A_PAGE))
    await platform.prepare()
    settings, ahead = directory / "settings.json", directory / "ahead"
    settings.write_text(platform.settings_of("cases").model_dump_json())
    async with platform.running() as running:
        tenant_id = TenantId(await running.onboard())
        await _send(running.cases, tenant_id, outcome.pages)
        worker = Worker(settings, ahead, directory / "worker.log")
        worker.put(0.0)
        worker.start()
        try:
            await _torment(worker, running.cases, tenant_id, outcome, chance, limit)
        finally:
            worker.kill()
        outcome.problems = await _problems(running.cases, tenant_id, outcome.pages)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _torment(
    worker: Worker, ledger: Ledger, tenant_id: TenantId, outcome: Outcome, chance: random.Random, limit: float
) -> None:
    wanted = outcome.pages * (TIMERS_OF_A_PAGE + 1)
    forward = DUE
    worker.put(forward)
    outcome.jumps += 1
    async with asyncio.timeout(limit):
        while (head := await ledger.feed.head(tenant_id)) < wanted:
            await asyncio.sleep(chance.uniform(1.0, 3.0))
            if outcome.kills < MIN_KILLS + (head - outcome.pages) // 1_000:
                worker.kill()
                outcome.kills += 1
                # Down, the clock goes back; running again, it goes forward past everything that is due.
                worker.put(chance.choice((BACK, DUE, forward)))
                worker.start()
                await asyncio.sleep(chance.uniform(0.5, 2.0))
            forward += LATER
            worker.put(forward)
            outcome.jumps += 2
        # Whatever would fire twice has its time to.
        worker.put(forward + LATER)
        await asyncio.sleep(3.0)


async def _send(ledger: Ledger, tenant_id: TenantId, pages: int) -> None:
    """A rota of three people, and so many pages for whoever is on call."""
    rotas = Rotas(ledger.handler, ledger.repository)
    layers = tuple(
        Layer(
            name=f"layer-{index}",
            time_zone="UTC",
            shifts=(
                Shift(
                    principal_id=principal,
                    starts="2026-01-01T00:00:00",
                    ends="2026-01-02T00:00:00",
                    recurrence="FREQ=DAILY",
                    exceptions=(),
                ),
            ),
        )
        for index, principal in enumerate(PEOPLE[:2])
    )
    definition = RotaDefinition(
        name=f"group-{tenant_id}",
        tenant_ids=(tenant_id,),
        layers=layers,
        leads=PEOPLE[2:],
        answer_minutes=10,
        probe_minutes=None,
        horizon_days=1,
        desks=(),
    )
    call = _call(PROVIDER)
    await rotas.publish_rota(call, PublishRota(tenant_id=PROVIDER, request_id=call.request_id, definition=definition))
    calling, places = Calling(ledger.handler, rotas), asyncio.Semaphore(SENDING_AT_ONCE)

    async def send(number: int) -> None:
        async with places:
            call = _call(tenant_id)
            command = SendPage(
                tenant_id=tenant_id,
                request_id=call.request_id,
                about=PageAbout.QUESTION,
                about_id=f"question-{number}",
                priority=Priority.P3,
                cause=str(number),
            )
            await calling.send_page(call, command)

    await asyncio.gather(*(send(number) for number in range(pages)))


def _call(tenant_id: TenantId) -> Call:
    actor = Actor(PEOPLE[0], AuthenticatedBy.OIDC, PROVIDER)
    return Call(tenant_id, actor, "/test/Timers", request_id(), datetime.now(UTC))


async def _problems(ledger: Ledger, tenant_id: TenantId, pages: int) -> list[str]:
    """What the ledger shows of timers that were lost or fired twice."""
    seen: dict[str, list[str]] = {}
    position = 0
    while page := await ledger.feed.read(tenant_id, position, 1_000):
        for recorded in page:
            event = recorded.event
            if isinstance(event, PageSent):
                seen.setdefault(event.page_id, []).append("sent")
            elif isinstance(event, PageEscalated):
                seen[event.page_id].append(f"rung {event.rung}")
            elif isinstance(event, PageUnanswered):
                seen[event.page_id].append("unanswered")
        position += len(page)
    wrong = Counter(" ".join(events) for events in seen.values() if events != _EXPECTED)
    found = [f"{count} page(s): {events}" for events, count in wrong.items()]
    return found if len(seen) == pages else [*found, f"{len(seen)} pages instead of {pages}"]


_EXPECTED = ["sent", "rung 2", "rung 3", "unanswered"]


def main() -> int:
    with new_platform() as platform, TemporaryDirectory(prefix="tenet-timers-") as directory:
        outcome = asyncio.run(run(platform, Path(directory), LONG_TIMERS, int(time.time()), LONG_LIMIT_SECONDS))
    print("\n".join(outcome.lines()))
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
