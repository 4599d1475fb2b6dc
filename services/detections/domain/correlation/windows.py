"""The windows of one correlation in one tenant: a sliding window per group, in event time.

A window ends at the time of a hit and reaches back by the timespan, both ends included. A hit that comes in order
costs a few steps; one that comes late is put where it belongs, and every window that it lies in is judged again. ADR
0019 says what this means, and `tests/services/detections/correlation/oracle.py` says it a second time, by brute force.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import islice

from services.detections.config import (
    CORRELATION_LATENESS,
    MAX_GROUPS_PER_CORRELATION,
    MAX_HITS_PER_CORRELATION,
    MAX_HITS_PER_CORRELATION_GROUP,
)
from services.detections.domain.correlation.hits import Firing, GroupKey, Hit, Losses
from services.detections.domain.correlation.judging import Judge, judge_of
from services.detections.domain.correlation.measures import number_of
from services.detections.domain.correlation.rules import MICROSECONDS, NUMERIC, TEMPORAL, CompiledCorrelation
from services.detections.domain.correlation.state import NEVER, Group, Value

LATENESS = int(CORRELATION_LATENESS.total_seconds()) * MICROSECONDS
FIRST_ROOM = 32
"""Hits that a group takes before it is first looked at for what has left its windows."""

Key = str | GroupKey


class Windows:
    """`take` adds a hit; `drain` gives what fired since. What came before is forgotten by time and by number."""

    def __init__(
        self,
        correlation: CompiledCorrelation,
        *,
        max_hits: int = MAX_HITS_PER_CORRELATION_GROUP,
        max_groups: int = MAX_GROUPS_PER_CORRELATION,
        max_room: int = MAX_HITS_PER_CORRELATION,
    ) -> None:
        self.correlation = correlation
        self.losses = Losses()
        self.room = 0
        """Hits that the groups have room for before they are looked at again: never fewer than they hold."""
        self._max_hits, self._max_groups, self._max_room = max_hits, max_groups, max_room
        self._span = correlation.span
        self._deferred = correlation.deferred
        self._sources = {rule_id: _Source(correlation, index) for index, rule_id in enumerate(correlation.references)}
        self._slot_of = {rule_id: source.slot for rule_id, source in self._sources.items()}
        self._slots = len(correlation.references) if correlation.kind in TEMPORAL else 1
        self._judge: Judge = judge_of(correlation)
        self._advance = self._judge.advance
        self._groups: dict[Key, Group] = {}
        self._newest = -(1 << 62)
        self._open: list[tuple[int, Key]] = []
        """Ends of windows that are not judged yet, where windows are judged once they are closed."""
        self.fired: list[Firing] = []
        """Where firings go."""

    def drain(self) -> list[Firing]:
        """What fired since the last time; of what one hit made fire, the groups that began to before those that went
        on."""
        fired, self.fired = self.fired, []
        return fired

    def groups(self) -> Iterable[Group]:
        return self._groups.values()

    def take(self, hit: Hit) -> bool:
        """Adds a hit of a rule that the correlation refers to; whether there is something to drain.

        The same record again changes nothing.

        A hit that is no older than the newest of its group can only change the window that ends with it; all others
        take the slower way of `_place`. This is the hot path of the service, so it is written out in one function.
        """
        source = self._sources[hit.rule_id]
        values = hit.values
        key: Key | None = values.get(source.field) if source.field is not None else source.group_of(hit)
        value: Value = ""
        if source.text_field is not None:
            value = values.get(source.text_field)
        elif source.value_fields:
            value = source.value_of(hit)
        if key is None or value is None:
            self.losses.ungrouped += 1
            return False
        group = self._groups.get(key)
        if group is None:
            group = self._begin(key)
        keys = group.keys[source.slot]
        before = len(keys)
        keys.add(hit.key)
        if len(keys) == before:
            return False
        at = hit.at
        if at < group.newest or self._deferred:
            self._place(key, group, hit, source, value)
            return bool(self.fired)
        group.newest = at
        times = group.times
        times.append(at)
        group.hits.append(hit)
        satisfied = group.satisfied
        met = self._advance(group, at, source.index, value)
        if met:
            if not satisfied or at - satisfied[-1] > self._span:
                satisfied.append(at)
                self.fired.append(Firing(self.correlation, group.name, at, self._within(group, at), True))
            else:
                if satisfied[-1] != at:
                    satisfied.append(at)
                self.fired.append(Firing(self.correlation, group.name, at, (hit,), False))
        elif satisfied and satisfied[-1] == at:
            satisfied.pop()
        if len(times) > group.room:
            self._make_room(group)
        return met

    def _place(self, key: Key, group: Group, hit: Hit, source: "_Source", value: Value) -> None:
        """A hit that comes late, or any hit of a correlation whose windows are judged once they are closed."""
        at = hit.at
        bound = (self._newest if self._deferred else group.newest) - LATENESS
        if at < bound or at <= group.floors[source.slot]:
            self.losses.late += 1
            group.keys[source.slot].discard(hit.key)
            return
        place = bisect_right(group.times, at)
        group.times.insert(place, at)
        group.hits.insert(place, hit)
        group.newest = max(group.newest, at)
        self._judge.insert(group, place, at, source.index, value)
        if not self._deferred:
            self._judge_again(group, hit)
        else:
            heappush(self._open, (at, key))
            if at > self._newest:
                self._newest = at
                self.close(at - LATENESS)
        if len(group.times) > group.room:
            self._make_room(group)

    def _judge_again(self, group: Group, hit: Hit) -> None:
        """Judges every window that a late hit lies in. An episode none of whose windows had fired begins now."""
        first, last = bisect_left(group.times, hit.at), bisect_right(group.times, hit.at + self._span)
        ends = list(dict.fromkeys(group.times[first:last]))
        satisfied = group.satisfied
        low, high = bisect_left(satisfied, ends[0]), bisect_right(satisfied, ends[-1])
        before = satisfied[low:high]
        now = self._judge.met_among(group, ends, before)
        begun: list[int] = []
        if before != now:
            satisfied[low:high] = now
            begun = self._beginnings(satisfied, low, low + len(now), before)
            self.fired += [Firing(self.correlation, group.name, end, self._within(group, end), True) for end in begun]
        if now and not begun:
            self.fired.append(Firing(self.correlation, group.name, now[0], (hit,), False))

    def _beginnings(self, satisfied: Sequence[int], low: int, high: int, before: Sequence[int]) -> list[int]:
        """The first ends of the episodes that begin between two places of `satisfied`, where `before` were satisfied.

        Ends with no more than a timespan between one and the next are one episode. What lies outside of the two places
        was satisfied before, so an episode that reaches there, or has an end of `before`, is no new one.
        """
        begun: list[int] = []
        place, known = low, set(before)
        while place < high:
            start, place = place, place + 1
            while place < high and satisfied[place] - satisfied[place - 1] <= self._span:
                place += 1
            if start > 0 and satisfied[start] - satisfied[start - 1] <= self._span:
                continue
            if place < len(satisfied) and satisfied[place] - satisfied[place - 1] <= self._span:
                continue
            if known.isdisjoint(satisfied[start:place]):
                begun.append(satisfied[start])
        return begun

    def close(self, bound: int) -> None:
        """Judges the windows that end before `bound`, which no hit can join any more."""
        continued: list[Firing] = []
        while self._open and self._open[0][0] < bound:
            end, key = heappop(self._open)
            group = self._groups.get(key)
            if group is None or end <= group.closed or group.times[bisect_left(group.times, end) :][:1] != [end]:
                continue
            group.closed = end
            if not self._judge.met(group, end):
                continue
            satisfied = group.satisfied
            within = self._within(group, end)
            if not satisfied or end - satisfied[-1] > self._span:
                self.fired.append(Firing(self.correlation, group.name, end, within, True))
            else:
                continued.append(Firing(self.correlation, group.name, end, within[-1:], False))
            satisfied.append(end)
        self.fired += continued

    def _within(self, group: Group, end: int) -> tuple[Hit, ...]:
        first, last = bisect_left(group.times, end - self._span), bisect_right(group.times, end)
        return tuple(group.hits[first:last])

    def _begin(self, key: Key) -> Group:
        if len(self._groups) >= self._max_groups or self.room > self._max_room:
            self._forget_quiet_groups()
        name = (key,) if isinstance(key, str) else key
        group = self._groups[key] = Group(name, self._slots, FIRST_ROOM)
        self.room += group.room
        return group

    def _forget_quiet_groups(self) -> None:
        """Until a quarter of the places, and of the room, is free."""
        groups, room = self._max_groups - max(1, self._max_groups // 4), self._max_room * 3 // 4
        for key, group in sorted(self._groups.items(), key=lambda item: item[1].newest):
            if len(self._groups) <= groups and self.room <= room:
                return
            self.losses.forgotten += len(group.times)
            self.room -= group.room
            del self._groups[key]

    def _make_room(self, group: Group) -> None:
        """Lets go of what has left every window that can still change, and then of the oldest, if there is no room."""
        newest = self._newest if self._deferred else group.newest
        self._cut(group, bisect_left(group.times, newest - LATENESS - self._span))
        if len(group.times) > self._max_hits:
            self._crowd_out(group)
        before, group.room = group.room, min(max(FIRST_ROOM, 2 * len(group.times)), self._max_hits)
        self.room += group.room - before
        if self.room > self._max_room:
            self._forget_quiet_groups()

    def _crowd_out(self, group: Group) -> None:
        """The oldest quarter goes; where it matters which rule hit, the older half of the rule that has most hits: what
        one stage of an attack does all the time does not push the others out."""
        if self._slots == 1:
            floor = group.times[self._max_hits // 4]
            crowded = bisect_right(group.times, floor)
            self._cut(group, crowded)
            group.floors[0] = floor
            self.losses.crowded_out += crowded
            return
        slot = max(range(self._slots), key=lambda slot: len(group.seen[slot]))
        times = group.seen[slot]
        floor = group.floors[slot] = times[len(times) // 2]
        self.losses.crowded_out += bisect_right(times, floor)
        del times[: bisect_right(times, floor)]
        going = [hit for hit in group.hits if hit.at <= floor and self._slot_of[hit.rule_id] == slot]
        group.keys[slot].difference_update([hit.key for hit in going])
        gone = set(map(id, going))
        group.hits = [hit for hit in group.hits if id(hit) not in gone]
        group.times = [hit.at for hit in group.hits]
        group.sure = NEVER

    def _cut(self, group: Group, count: int) -> None:
        if not count:
            return
        # A record that several rules matched has one time, so it leaves all of them at once.
        going = [hit.key for hit in islice(group.hits, count)]
        for keys in group.keys:
            keys.difference_update(going)
        self._judge.cut(group, count)
        del group.times[:count]
        del group.hits[:count]
        oldest = group.times[0] if group.times else group.newest + 1
        del group.satisfied[: bisect_left(group.satisfied, oldest - self._span)]


class _Source:
    """Where the hits of one referenced rule have what groups and what is counted.

    `field` is the one that groups where there is one, `text_field` the one whose texts are counted where there is one.
    `slot` tells whose records the record's key is told apart from: one that two rules match is one event where events
    are counted, and a hit of either where rules are.
    """

    __slots__ = ("_group_fields", "_numeric", "field", "index", "slot", "text_field", "value_fields")

    def __init__(self, correlation: CompiledCorrelation, index: int) -> None:
        self.index = index
        self.slot = index if correlation.kind in TEMPORAL else 0
        self.value_fields = correlation.value_fields[index]
        self._group_fields = correlation.group_fields[index]
        self._numeric = correlation.kind in NUMERIC
        self.text_field = self.value_fields[0] if len(self.value_fields) == 1 and not self._numeric else None
        self.field = self._group_fields[0] if len(self._group_fields) == 1 else None

    def group_of(self, hit: Hit) -> GroupKey | None:
        """None for a record that lacks one of the fields: nothing is joined by what it lacks."""
        values = hit.values
        key = tuple([values.get(name, "") for name in self._group_fields])
        return None if "" in key else key

    def value_of(self, hit: Hit) -> Value:
        if self._numeric and len(self.value_fields) == 1:
            text = hit.values.get(self.value_fields[0])
            return number_of(text) if text is not None else None
        values = tuple([hit.values.get(name, "") for name in self.value_fields])
        return None if "" in values else values
