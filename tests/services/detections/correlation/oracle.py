"""What a correlation means, by brute force: from every hit taken so far, anew for every hit. Shares no code with it.

A rule is a plain dictionary in the words of Sigma; a hit is (rule, record, seconds, fields).
"""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

LATENESS = 3600
UNITS = {"s": 1, "m": 60, "h": 3600}
Hit = tuple[str, str, int, dict[str, str]]


@dataclass
class Oracle:
    rule: dict[str, Any]
    taken: list[Hit] = field(default_factory=list)

    def take(self, hit: Hit) -> tuple[set[tuple[Any, ...]], bool]:
        """The groups that began to fire, as (group, end, records in the window), and whether one went on firing."""
        before = self.satisfied()
        group = self.group(hit)
        if group is None or self.value(hit) is None or self.known(hit, group) or self.late(hit, group):
            return set(), False
        self.taken.append(hit)
        after = self.satisfied()
        begun = set()
        for each in {end[0] for end in after}:
            for episode in self.episodes([end for group_, end in after if group_ == each]):
                if not any((each, end) in before for end in episode):
                    window = self.window(each, episode[0])
                    begun.add((each, episode[0], tuple(sorted((item[0], item[1]) for item in window))))
        touched = any(name == group and 0 <= end - hit[2] <= self.span for name, end in after)
        return begun, touched and not begun

    @property
    def span(self) -> int:
        text = self.rule["timespan"]
        return int(text[:-1]) * UNITS[text[-1]]

    @property
    def waits(self) -> bool:
        condition = self.rule["condition"]
        if isinstance(condition, str):
            return "not" in condition.split()
        return not {"gt", "gte"} & set(condition)

    def group(self, hit: Hit) -> tuple[str, ...] | None:
        names = [self.rule.get("aliases", {}).get(name, {}).get(hit[0], name) for name in self.rule["group-by"]]
        return tuple(hit[3][name] for name in names) if all(name in hit[3] for name in names) else None

    def value(self, hit: Hit) -> Any:
        condition = self.rule["condition"]
        if isinstance(condition, str) or "field" not in condition:
            return ""
        text = hit[3].get(condition["field"])
        if text is None or self.rule["type"] == "value_count":
            return text
        try:
            return float(text)
        except ValueError:
            return None

    def known(self, hit: Hit, group: tuple[str, ...]) -> bool:
        together = not self.rule["type"].startswith("temporal")
        return any(
            item[1] == hit[1] and self.group(item) == group and (together or item[0] == hit[0]) for item in self.taken
        )

    def late(self, hit: Hit, group: tuple[str, ...]) -> bool:
        others = [item[2] for item in self.taken if self.waits or self.group(item) == group]
        return bool(others) and hit[2] < max(others) - LATENESS

    def satisfied(self) -> set[tuple[tuple[str, ...], int]]:
        ends = {(self.group(item), item[2]) for item in self.taken}
        if self.waits:
            newest = max((item[2] for item in self.taken), default=0)
            ends = {end for end in ends if end[1] < newest - LATENESS}
        return {(group, end) for group, end in ends if group is not None and self.met(self.window(group, end))}

    def window(self, group: tuple[str, ...], end: int) -> list[Hit]:
        return [item for item in self.taken if self.group(item) == group and 0 <= end - item[2] <= self.span]

    def episodes(self, ends: list[int]) -> list[list[int]]:
        chains: list[list[int]] = []
        for end in sorted(ends):
            if chains and end - chains[-1][-1] <= self.span:
                chains[-1].append(end)
            else:
                chains.append([end])
        return chains

    def met(self, window: list[Hit]) -> bool:
        condition, kind = self.rule["condition"], self.rule["type"]
        if kind.startswith("temporal"):
            present = self.present(window, kind == "temporal_ordered")
            if isinstance(condition, str):
                names = {name: name in present for name in self.rule["rules"]}
                return bool(eval(condition, {}, names))
            return self.compare(len(present))
        values = [self.value(item) for item in window]
        match kind:
            case "event_count":
                return self.compare(len(window))
            case "value_count":
                return self.compare(len(set(values)))
            case "value_sum":
                return self.compare(math.fsum(values))
            case "value_avg":
                return self.compare(math.fsum(values) / len(values))
            case "value_median":
                return self.compare(statistics.median(values))
        wanted = condition["percentile"]
        ordered = sorted(values)
        covering = [value for i, value in enumerate(ordered, 1) if i * 100 >= wanted * len(ordered)]
        return self.compare(covering[0])

    def present(self, window: list[Hit], ordered: bool) -> set[str]:
        names, earliest = set(), -math.inf
        for name in self.rule["rules"]:
            times = [item[2] for item in window if item[0] == name and item[2] >= earliest]
            if times:
                names.add(name)
                earliest = min(times) if ordered else earliest
        return names

    def compare(self, number: float) -> bool:
        condition = self.rule["condition"]
        tests = {
            "gt": lambda limit: number > limit,
            "gte": lambda limit: number >= limit,
            "lt": lambda limit: number < limit,
            "lte": lambda limit: number <= limit,
            "eq": lambda limit: number == limit,
            "neq": lambda limit: number != limit,
        }
        return all(tests[name](limit) for name, limit in condition.items() if name in tests)
