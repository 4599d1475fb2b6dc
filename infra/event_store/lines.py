"""One waiting line per tenant, served in groups: what makes group commit, and one query for many readers.

Two groups of one tenant may be under way at a time: while the server works on one, this process takes in the answers of
the other and prepares the next. When many wait and nobody is served, each takes half of them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from contracts.errors import StoreOverloaded, StoreUnavailable
from contracts.ids import TenantId

R = TypeVar("R")

SPLIT_FROM = 16
"""With fewer than this waiting, one group is quicker than two."""


class Ask(Generic[R]):
    """Something that waits to be done, and the future of its result. `weight` is in bytes."""

    __slots__ = ("future", "weight")

    def __init__(self, weight: int = 0) -> None:
        self.future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.weight = weight

    def answer(self, result: R) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


A = TypeVar("A", bound=Ask[Any])


class Lines(Generic[A]):
    """Runs `serve(tenant, group)` for groups of asks; what arrives while groups are under way makes up the next one."""

    def __init__(
        self,
        serve: Callable[[TenantId, list[A]], Awaitable[None]],
        *,
        max_waiting: int,
        max_group: int,
        max_weight: int,
    ) -> None:
        self._serve = serve
        self._max_waiting = max_waiting
        self._max_group = max_group
        self._max_weight = max_weight
        self._waiting: dict[TenantId, deque[A]] = {}
        self._tasks: dict[TenantId, set[asyncio.Task[None]]] = {}
        self._closed = False

    def put(self, tenant_id: TenantId, ask: A) -> None:
        """Raises StoreOverloaded when too many wait for this tenant, StoreUnavailable after `close`."""
        if self._closed:
            raise _stopping()
        line = self._waiting.get(tenant_id)
        if line is None:
            line = self._waiting[tenant_id] = deque()
            self._tasks[tenant_id] = set()
        elif len(line) >= self._max_waiting:
            raise StoreOverloaded("Too many commands wait for this tenant's ledger.", metadata={"tenant": tenant_id})
        line.append(ask)
        if not self._tasks[tenant_id]:
            self._start(tenant_id, line)

    @property
    def waiting(self) -> int:
        """How many asks wait for their turn, over all tenants."""
        return sum(len(line) for line in self._waiting.values())

    async def close(self) -> None:
        """Lets everything that waits be served, and takes nothing new."""
        self._closed = True
        while self._tasks:
            under_way = [task for tasks in self._tasks.values() for task in tasks]
            await asyncio.gather(*under_way, return_exceptions=True)

    def _start(self, tenant_id: TenantId, line: deque[A]) -> None:
        task = asyncio.create_task(self._drain(tenant_id, line))
        self._tasks[tenant_id].add(task)

    async def _drain(self, tenant_id: TenantId, line: deque[A]) -> None:
        tasks = self._tasks[tenant_id]
        try:
            while line:
                alone = len(tasks) == 1 and len(line) >= SPLIT_FROM
                group = self._take(line, len(line) // 2 if alone else self._max_group)
                if alone:
                    self._start(tenant_id, line)
                try:
                    await self._serve(tenant_id, group)
                except BaseException as error:
                    for ask in group:
                        ask.fail(error if isinstance(error, Exception) else _stopping())
                    if not isinstance(error, Exception):
                        raise
                # Those who were just answered may ask again at once; let them join the next group.
                await asyncio.sleep(0)
        finally:
            tasks.discard(asyncio.current_task())
            if not tasks:
                del self._waiting[tenant_id], self._tasks[tenant_id]
                for ask in line:
                    ask.fail(_stopping())

    def _take(self, line: deque[A], most: int) -> list[A]:
        most = min(most, self._max_group)
        group = [line.popleft()]
        weight = group[0].weight
        while line and len(group) < most and weight + line[0].weight <= self._max_weight:
            ask = line.popleft()
            weight += ask.weight
            group.append(ask)
        return group


def _stopping() -> StoreUnavailable:
    return StoreUnavailable("This process is stopping.")
