"""A service's whole read side in one process: reader, projections, policies and timers, started together."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from infra.read_database.database import ReadDatabase
from infra.read_database.policies import Clock, Policy
from infra.read_database.policy_runner import PolicyRunner
from infra.read_database.reader.queries import Reader
from infra.read_database.reader.waiting import Applied
from infra.read_database.runner import ProjectionRunner
from infra.read_database.sources import LedgerFeed, Tenants
from infra.read_database.timers import TimerHandler, TimerRunner
from infra.read_database.turns import in_background
from infra.read_database.views import DocumentView

MAX_SETTLING_ROUNDS = 20


class ReadSide:
    """Made by a service's wiring. `reader` answers queries; the runners work between `running` and its end."""

    def __init__(
        self,
        database: ReadDatabase,
        feed: LedgerFeed,
        tenants: Tenants,
        *,
        clock: Clock,
        views: Sequence[DocumentView[Any]] = (),
        policies: Sequence[Policy] = (),
        timers: Mapping[str, TimerHandler] | None = None,
    ) -> None:
        self._feed, self._tenants = feed, tenants
        applied = Applied()
        self.database = database
        self.views = tuple(views)
        self.reader = Reader(database, views, applied, feed.heads)
        self.projections = ProjectionRunner(database, feed, tenants, views, applied)
        self.policies = PolicyRunner(database, feed, tenants, policies, clock)
        self.timers = TimerRunner(database, timers or {}, clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Activates the policies, then runs everything in the background until the block ends."""
        await self.policies.activate()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(in_background("projections", self.projections.run()))
            await stack.enter_async_context(in_background("policies", self.policies.run()))
            await stack.enter_async_context(in_background("timers", self.timers.run()))
            yield self

    async def settle(self) -> None:
        """Without `running`: applies, reacts and fires until nothing is left to do. For tests and one-off commands.

        Raises TimeoutError when policies keep causing each other's events.
        """
        for _ in range(MAX_SETTLING_ROUNDS):
            before = await self._feed.heads(await self._tenants.list())
            await self.projections.catch_up()
            await self.policies.catch_up()
            fired = await self.timers.fire_due()
            if not fired and before == await self._feed.heads(await self._tenants.list()):
                return
        raise TimeoutError(f"The read side did not settle in {MAX_SETTLING_ROUNDS} rounds.")
