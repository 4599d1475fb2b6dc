"""How the runners take turns: backoff after failures, and a background task that ends with its owner."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, assert_never

import structlog

FIRST_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
IDLE_SECONDS = 1.0
"""Longest wait for news of the ledgers before a runner looks at tenants and its own rows again."""
GATHERING_SECONDS = 0.02
"""How long a runner lets appends gather after the first one before its next round: a round costs much the same for one
entry as for twenty. Readers who wait for a position cut it short."""
LATER_SECONDS = 0.05
"""Pause before a runner asks again for a turn that another one holds, or that waits for its next attempt."""

log = structlog.get_logger()


class Outcome(Enum):
    """What a turn, or a round of turns, leaves to be done."""

    DONE = "done"
    MORE = "more"
    LATER = "later"
    """Another runner has the turn, or a pause after a failure is not over."""


def pause_between_rounds(outcome: Outcome) -> float:
    """Seconds for which a runner waits for news before its next round."""
    match outcome:
        case Outcome.MORE:
            return 0.0
        case Outcome.LATER:
            return LATER_SECONDS
        case Outcome.DONE:
            return IDLE_SECONDS
        case _:
            assert_never(outcome)


class Backoff:
    """Who has to wait after failures, on the event loop's clock: jumps of the wall clock change nothing."""

    def __init__(self, time: Callable[[], float] | None = None) -> None:
        self._time = time or (lambda: asyncio.get_running_loop().time())
        self._failures: dict[Hashable, tuple[int, float]] = {}

    def failed(self, who: Hashable) -> None:
        failures = self._failures.get(who, (0, 0.0))[0] + 1
        pause = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 16), MAX_BACKOFF_SECONDS)
        self._failures[who] = (failures, self._time() + pause)

    def succeeded(self, who: Hashable) -> None:
        self._failures.pop(who, None)

    def ready(self, who: Hashable) -> bool:
        return who not in self._failures or self._failures[who][1] <= self._time()

    async def sit_out(self, who: Hashable) -> None:
        """Counts a failure and sleeps through the pause that follows it."""
        self.failed(who)
        await asyncio.sleep(max(0.0, self._failures[who][1] - self._time()))


@asynccontextmanager
async def in_background(name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs the work beside the block and cancels it at its end.

    Work that ends by an error is an alarm at once, for the block goes on without it; the error is raised at its end.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell_of_the_end)
    try:
        yield
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            if not task.cancelled():
                raise


def _tell_of_the_end(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("background_work_ended", alarm=True, work=task.get_name(), error=type(error).__name__)
