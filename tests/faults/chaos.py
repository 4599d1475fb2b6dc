"""Kills, as `kill -9` does, what the system consists of, at random moments; never anything else."""

import asyncio
import random

from infra.runtime.settings import SERVICES
from tests.faults.journal import Journal
from tests.fixtures.running_system import RunningSystem

SUPERVISOR = "supervisor"
POSTGRES = "postgres"
KILLS_PER_SUPERVISOR = 8
"""Every so many kills it is the supervisor, and everything with it."""
SHORTEST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 4.0
WEIGHTS = {POSTGRES: 3, **dict.fromkeys(SERVICES, 1), "cases": 2, "actuator": 1, "issuer": 1}


class Chaos:
    """`run` goes on until it is cancelled. The same seed chooses the same victims and pauses."""

    def __init__(self, system: RunningSystem, journal: Journal, seed: int) -> None:
        self._system, self._journal = system, journal
        self._random = random.Random(seed)
        self.met_first = asyncio.Event()
        """Set once those that were to be killed first have been, however long that took."""

    async def run(self, first: tuple[str, ...] = ()) -> None:
        """Kills the `first` ones in that order, then at random."""
        killed = 0
        queue = list(first)
        while True:
            if not queue:
                self.met_first.set()
            await asyncio.sleep(self._random.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
            victim = queue.pop(0) if queue else self._choose(killed)
            if victim == SUPERVISOR:
                await self.replace_supervisor()
            elif not self._system.kill(victim):
                continue
            self._journal.kill(victim)
            killed += 1

    async def replace_supervisor(self) -> None:
        """The next one finds what the first has left. Also lets programs begin anew that were killed too often."""
        await asyncio.to_thread(self._system.kill_supervisor)
        self._system.launch()
        await asyncio.to_thread(self._system.wait_until_ready)

    def _choose(self, killed: int) -> str:
        if killed % KILLS_PER_SUPERVISOR == KILLS_PER_SUPERVISOR - 1:
            return SUPERVISOR
        return self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
