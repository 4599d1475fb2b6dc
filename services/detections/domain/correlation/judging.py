"""Whether a window meets the condition: step by step for hits that come in order, in full for any other window."""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from typing import Protocol

from services.detections.domain.correlation.measures import measure, met
from services.detections.domain.correlation.rules import (
    TEMPORAL,
    Comparison,
    CompiledCorrelation,
    Formula,
    Kind,
    Operator,
    holds,
)
from services.detections.domain.correlation.state import NEVER, NOTHING, Group, Value


class Judge(Protocol):
    """`advance` and `insert` are told of a hit that is in `times` and `hits` already.

    A correlation whose windows are judged once they are closed never advances, so what advancing needs (`low`,
    `latest`) means nothing there.
    """

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        """Takes the newest hit in and tells whether the window that ends with it meets the condition."""
        ...

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        """Takes in a hit at a place among the others."""
        ...

    def met(self, group: Group, end: int) -> bool:
        """Whether the window that ends at this time meets the condition."""
        ...

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        """Those of the ends whose windows meet the condition, after a hit was inserted at the first of them.

        `known` are those whose windows met it before.
        """
        ...

    def cut(self, group: Group, count: int) -> None:
        """Lets go of the oldest hits, which are still in `times`."""
        ...


def judge_of(correlation: CompiledCorrelation) -> Judge:
    condition = correlation.condition
    if correlation.kind in TEMPORAL:
        return _Presences(correlation)
    if not isinstance(condition, Comparison):
        raise TypeError("only temporal correlations have formulas")
    if correlation.kind is Kind.EVENT_COUNT:
        return _Events(correlation.span, condition)
    if correlation.kind is Kind.VALUE_COUNT:
        return _Values(correlation.span, condition)
    return _Numbers(correlation, condition)


class _Events:
    """How many records."""

    def __init__(self, span: int, condition: Comparison) -> None:
        self._span, self._condition = span, condition
        self._least = _least(condition)

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        times, least = group.times, self._least
        return len(times) >= least and times[-least] >= at - self._span

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        pass

    def met(self, group: Group, end: int) -> bool:
        times = group.times
        return met(self._condition, bisect_right(times, end) - bisect_left(times, end - self._span))

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        if _hits_around(group, ends, self._span) < self._least:
            return []
        return _still_or_now(ends, known, lambda end: self.met(group, end))

    def cut(self, group: Group, count: int) -> None:
        pass


class _Values:
    """How many different values. They are counted again only once what was counted last does not answer any more."""

    def __init__(self, span: int, condition: Comparison) -> None:
        self._span, self._condition = span, condition
        self._least = _least(condition)

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        group.values.append(value)
        start = at - self._span
        if start <= group.sure:
            return True
        return len(group.values) >= group.enough and self._count(group, start)

    def _count(self, group: Group, start: int) -> bool:
        """Each hit that leaves the window takes one value along at most: so long, those beyond the least can spare
        one. While values are too few, each hit that comes brings one at most."""
        times, values, latest, low = group.times, group.values, group.latest, group.low
        latest.update(zip(values[group.counted :], times[group.counted :], strict=True))
        while times[low] < start:
            left = values[low]
            if latest.get(left) == times[low]:
                del latest[left]
            low += 1
        group.low, group.counted = low, len(values)
        spare = len(latest) - self._least
        if spare < 0:
            group.enough = len(values) - spare
            return False
        group.sure = times[low + spare]
        return True

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        group.values.insert(place, value)
        if place < group.counted:
            group.counted += 1
            if place < group.low:
                group.low += 1
            elif group.latest.get(value, at) <= at:
                group.latest[value] = at

    def met(self, group: Group, end: int) -> bool:
        return met(self._condition, len(set(_values(group, end - self._span, end))))

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        if _hits_around(group, ends, self._span) < self._least:
            return []
        return _still_or_now(ends, known, lambda end: self.met(group, end))

    def cut(self, group: Group, count: int) -> None:
        del group.values[:count]
        group.latest.clear()
        group.low = group.counted = max(0, group.low - count)
        group.sure, group.enough = NEVER, 0


class _Numbers:
    """A number made from the values: sum, mean, median, percentile."""

    def __init__(self, correlation: CompiledCorrelation, condition: Comparison) -> None:
        self._correlation, self._condition = correlation, condition
        self._span = correlation.span

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        group.values.append(value)
        return self.met(group, at)

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        group.values.insert(place, value)

    def met(self, group: Group, end: int) -> bool:
        numbers = [value for value in _values(group, end - self._span, end) if isinstance(value, float)]
        return met(self._condition, measure(self._correlation, numbers))

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        return [end for end in ends if self.met(group, end)]

    def cut(self, group: Group, count: int) -> None:
        del group.values[:count]


class _Presences:
    """Which of the referenced rules have a hit, and whether in their order."""

    def __init__(self, correlation: CompiledCorrelation) -> None:
        self._span, self._condition = correlation.span, correlation.condition
        self._ordered = correlation.kind is Kind.TEMPORAL_ORDERED
        self._every = _wants_every(correlation.condition, len(correlation.references))

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        group.seen[index].append(at)
        if not self._every:
            return self.met(group, at)
        if group.lacking not in (index, NOTHING):
            return False
        start = at - self._span
        return start <= group.sure or self._look(group, start)

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        insort(group.seen[index], at)
        if index == group.lacking:
            group.lacking = NOTHING

    def met(self, group: Group, end: int) -> bool:
        start = end - self._span
        present = self._in_order(group, start, end) if self._ordered else self._present(group, start, end)
        if isinstance(self._condition, Comparison):
            return met(self._condition, sum(present))
        return holds(self._condition, present.__getitem__)

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        if self._every and not self._ordered:
            return _still_or_now(ends, known, lambda end: self.met(group, end))
        return [end for end in ends if self.met(group, end)]

    def cut(self, group: Group, count: int) -> None:
        """The hits that stay are not older than the last that goes; of equal times all go or all stay."""
        last = group.times[count - 1]
        for times in group.seen:
            del times[: bisect_right(times, last)]
        group.sure = NEVER

    def _look(self, group: Group, start: int) -> bool:
        """Finds up to when every rule has a hit, in order where that counts, or which one has none."""
        latest = group.newest
        for slot in range(len(group.seen) - 1, -1, -1):
            times = group.seen[slot]
            if not times or times[-1] < start:
                group.lacking = slot
                return False
            if not self._ordered:
                latest = min(latest, times[-1])
                continue
            place = bisect_right(times, latest) - 1
            if place < 0 or times[place] < start:
                group.lacking = NOTHING
                return False
            latest = times[place]
        group.sure, group.lacking = latest, NOTHING
        return True

    def _present(self, group: Group, start: int, end: int) -> list[bool]:
        return [_first(times, start, end) is not None for times in group.seen]

    def _in_order(self, group: Group, start: int, end: int) -> list[bool]:
        """A rule counts as present if it has a hit that is not before the first that counts of the one before it."""
        present: list[bool] = []
        for times in group.seen:
            first = _first(times, start, end)
            present.append(first is not None)
            start = start if first is None else first
        return present


def _least(condition: Comparison) -> int:
    """The smallest number of what a window has that meets a condition upwards, which all are that judge step by step.

    A window has at least the hit that it ends with.
    """
    above = condition.operator is Operator.GT
    return max(1, math.floor(condition.threshold) + 1 if above else math.ceil(condition.threshold))


def _wants_every(condition: Comparison | Formula, references: int) -> bool:
    return (
        isinstance(condition, Comparison) and condition.operator is Operator.GTE and condition.threshold == references
    )


def _hits_around(group: Group, ends: Sequence[int], span: int) -> int:
    """How many hits lie in any of the windows that end at these times."""
    return bisect_right(group.times, ends[-1]) - bisect_left(group.times, ends[0] - span)


def _still_or_now(ends: Sequence[int], known: Sequence[int], meets: Callable[[int], bool]) -> list[int]:
    """For conditions that one more hit can only bring about: windows that met it before are not judged again."""
    if len(known) == len(ends):
        return list(ends)
    still = set(known)
    return [end for end in ends if end in still or meets(end)]


def _values(group: Group, start: int, end: int) -> Sequence[Value]:
    return group.values[bisect_left(group.times, start) : bisect_right(group.times, end)]


def _first(times: Sequence[int], start: int, end: int) -> int | None:
    place = bisect_left(times, start)
    return times[place] if place < len(times) and times[place] <= end else None
