"""Figures: a value with its unit, the definition that it follows, and the entries that it comes from.

A figure as JSON: {"id", "definition", "label", "unit", "value", "source", …}. `value` is an integer (counts, bytes,
milliseconds, permille) or null where there is nothing to measure; null is never zero. `source` names a set of positions
in the model's `sources`: {"total": how many, "runs": [[first, last], …] in order, "runs_omitted": n, "sha256": digest
of all runs}. Equal sets are kept once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.canonical import digest
from contracts.intervals import wilson_permille
from services.reporting.domain.chronicle.marks import Mark
from services.reporting.domain.definitions import DEFINITIONS
from services.reporting.domain.statistics import quantile

MAX_RUNS = 10_000
"""Most runs of positions that a source lists; the rest is counted in `runs_omitted` and covered by the digest."""
LIST_BELOW = 20
"""Populations smaller than this are listed case by case, because a percentile of so few says little."""

Json = dict[str, Any]


@dataclass(slots=True)
class Sources:
    """The sets of positions that a model's figures come from."""

    sets: dict[str, Json] = field(default_factory=dict)

    def add(self, positions: Iterable[int]) -> str:
        runs = runs_of(positions)
        total = sum(last - first + 1 for first, last in runs)
        sha256 = digest(runs)
        key = f"s{sha256[:16]}"
        self.sets[key] = {
            "total": total,
            "runs": runs[:MAX_RUNS],
            "runs_omitted": max(0, len(runs) - MAX_RUNS),
            "sha256": sha256,
        }
        return key


def runs_of(positions: Iterable[int]) -> list[list[int]]:
    """Distinct positions in order as [first, last] runs of neighbours."""
    runs: list[list[int]] = []
    for position in sorted(set(positions)):
        if runs and runs[-1][1] == position - 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return runs


@dataclass(frozen=True, slots=True)
class Span:
    """A duration of something: from one entry to another, or still open (`until` None) at the report's last entry."""

    subject: str
    since: Mark
    until: Mark | None


class FigureMaker:
    """Makes figures whose sources go into one model, and keeps the list of data that cannot be right."""

    def __init__(self, as_of: Mark) -> None:
        self.as_of = as_of
        self.sources = Sources()
        self.doubtful: list[Json] = []

    def count(self, figure: str, definition: str, label: str, positions: Iterable[int]) -> Json:
        """How many entries, each standing for one thing counted."""
        found = list(positions)
        return self.quantity(figure, definition, label, "count", len(found), found)

    def quantity(
        self, figure: str, definition: str, label: str, unit: str, value: int | None, positions: Iterable[int]
    ) -> Json:
        """Any value that was computed from the entries at `positions`."""
        if definition not in DEFINITIONS:
            raise KeyError(f"{figure} follows {definition}, which the dictionary does not define")
        return {
            "id": figure,
            "definition": definition,
            "label": label,
            "unit": unit,
            "value": value,
            "source": self.sources.add(positions),
        }

    def share(
        self,
        figure: str,
        definition: str,
        label: str,
        part: Sequence[int],
        whole: Sequence[int],
        *,
        interval: bool = False,
    ) -> Json:
        """A share in permille, rounded down, null of an empty whole; with its 95 % Wilson interval where asked."""
        value = 1_000 * len(part) // len(whole) if whole else None
        made = self.quantity(figure, definition, label, "permille", value, [*part, *whole])
        made |= {"numerator": len(part), "denominator": len(whole)}
        if interval:
            made["interval"] = list(wilson_permille(len(part), len(whole))) if whole else None
        return made

    def durations(self, figure: str, definition: str, label: str, spans: Iterable[Span]) -> Json:
        """n, p50, p90, max and the number still open, in milliseconds; open ones are censored, never dropped.

        A negative duration cannot be right: it goes to the list of doubtful data and into no figure.
        """
        closed, open_, listed, positions = [], [], [], []
        for span in spans:
            length = span.since.milliseconds_until(span.until or self.as_of)
            if length < 0:
                ends = [span.since.position, *([span.until.position] if span.until else [])]
                self.doubt("negative_duration", figure, span.subject, ends)
                continue
            positions.append(span.since.position)
            if span.until is None:
                open_.append(length)
            else:
                positions.append(span.until.position)
                closed.append(length)
            listed.append(_listed(span, length))
        made = self.quantity(figure, definition, label, "milliseconds", quantile(closed, open_, 500), positions)
        made |= {
            "n": len(closed) + len(open_),
            "open": len(open_),
            "p50": made["value"],
            "p90": quantile(closed, open_, 900),
            "max": max(closed, default=None),
            "list": listed if len(listed) < LIST_BELOW else None,
        }
        return made

    def doubt(self, kind: str, figure: str, subject: str, positions: Iterable[int]) -> None:
        self.doubtful.append(
            {"kind": kind, "figure": figure, "subject": subject, "source": self.sources.add(positions)}
        )


def _listed(span: Span, length: int) -> Json:
    return {
        "subject": span.subject,
        "from": span.since.position,
        "to": span.until.position if span.until else None,
        "milliseconds": length,
    }
