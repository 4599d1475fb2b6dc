"""A bounded cache whose entries expire soon, so that a key that another process destroyed is forgotten here too."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ExpiringCache(Generic[K, V]):
    """Least recently used out first. `forget` also voids loads under way: they carry an older `epoch`."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] < self._clock():
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def expired(self, key: K) -> V | None:
        """What is held of the key however old, for a caller who finds out whether it still holds."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None else None

    def put(self, key: K, value: V, epoch: int) -> None:
        """Keeps a value that was loaded since `epoch`, unless something was forgotten in the meantime."""
        if epoch != self.epoch:
            return
        self._entries[key] = (self._clock() + self._seconds, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def forget(self, belongs: Callable[[K], bool]) -> None:
        self.epoch += 1
        for key in [key for key in self._entries if belongs(key)]:
            del self._entries[key]
