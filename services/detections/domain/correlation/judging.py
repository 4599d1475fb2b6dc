"""Whether a window meets the condition: step by step for hits that come in order, in full for any other window."""

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
from services.detections.domain.correlation.state import Group, Value


class Judge(Protocol):
    """`advance` and `insert` are told of a hit that is in `times` and `hits` already.

    A correlation whose windows are judged once they are closed never advances, so what advancing needs (`low`,
    `counts`) means nothing there.
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
        times, low, start = group.times, group.low, at - self._span
        while times[low] < start:
            low += 1
        group.low = low
        count = len(times) - low
        return count >= self._least if self._least is not None else met(self._condition, count)

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        if at < group.newest - self._span:
            group.low += 1

    def met(self, group: Group, end: int) -> bool:
        times = group.times
        return met(self._condition, bisect_right(times, end) - bisect_left(times, end - self._span))

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        if self._least is None:
            return [end for end in ends if self.met(group, end)]
        if _hits_around(group, ends, self._span) < self._least:
            return []
        return _still_or_now(ends, known, lambda end: self.met(group, end))

    def cut(self, group: Group, count: int) -> None:
        group.low = max(0, group.low - count)


class _Values:
    """How many different values."""

    def __init__(self, span: int, condition: Comparison) -> None:
        self._span, self._condition = span, condition
        self._least = _least(condition)

    def advance(self, group: Group, at: int, index: int, value: Value) -> bool:
        group.values.append(value)
        counts = group.counts
        counts[value] = counts.get(value, 0) + 1
        times, low, start = group.times, group.low, at - self._span
        while times[low] < start:
            left = group.values[low]
            if counts[left] == 1:
                del counts[left]
            else:
                counts[left] -= 1
            low += 1
        group.low = low
        count = len(counts)
        return count >= self._least if self._least is not None else met(self._condition, count)

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        group.values.insert(place, value)
        if at < group.newest - self._span:
            group.low += 1
        else:
            group.counts[value] = group.counts.get(value, 0) + 1

    def met(self, group: Group, end: int) -> bool:
        return met(self._condition, len(set(_values(group, end - self._span, end))))

    def met_among(self, group: Group, ends: Sequence[int], known: Sequence[int]) -> list[int]:
        if self._least is None:
            return [end for end in ends if self.met(group, end)]
        if _hits_around(group, ends, self._span) < self._least:
            return []
        return _still_or_now(ends, known, lambda end: self.met(group, end))

    def cut(self, group: Group, count: int) -> None:
        del group.values[:count]
        group.counts.clear()
        for value in group.values[max(0, group.low - count) :]:
            group.counts[value] = group.counts.get(value, 0) + 1
        group.low = max(0, group.low - count)


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
        if self._every:
            start = at - self._span
            for times in group.seen:
                if not times or times[-1] < start:
                    return False
            if not self._ordered:
                return True
        return self.met(group, at)

    def insert(self, group: Group, place: int, at: int, index: int, value: Value) -> None:
        insort(group.seen[index], at)

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


def _least(condition: Comparison) -> float | None:
    """The smallest whole number that meets a condition upwards; None for other conditions."""
    if condition.operator is Operator.GTE:
        return condition.threshold
    if condition.operator is Operator.GT and isinstance(condition.threshold, int):
        return condition.threshold + 1
    return None


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
