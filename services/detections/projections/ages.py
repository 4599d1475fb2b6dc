"""Ages, counted by the classes that AGES bounds: how old something was when it came, or how long somebody took."""

from bisect import bisect_left
from datetime import timedelta

from contracts.events.base import Value

AGES = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 15, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400))
"""Upper bounds of the classes that ages are counted in; one class more takes what is older than the last."""


class Ages(Value):
    """How many fell into each class of AGES."""

    counts: tuple[int, ...] = (0,) * (len(AGES) + 1)

    def with_one(self, age: timedelta) -> "Ages":
        return self.with_more(place_of(age), 1)

    def with_more(self, place: int, count: int) -> "Ages":
        return Ages(counts=(*self.counts[:place], self.counts[place] + count, *self.counts[place + 1 :]))


def place_of(age: timedelta) -> int:
    """The class of an age among the counts."""
    return bisect_left(AGES, max(age, timedelta()))
