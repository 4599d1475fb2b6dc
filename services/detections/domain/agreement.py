"""How far two people's verdicts agree, beyond what chance would give."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.events.subjects import Verdict
from contracts.intervals import wilson_permille

PERMILLE = 1_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """`pairs` counts first verdicts that met second ones."""

    pairs: Mapping[tuple[Verdict, Verdict], int]

    @classmethod
    def of(cls, verdicts: Iterable[tuple[Verdict, Verdict]]) -> "Agreement":
        return cls(Counter(verdicts))

    @property
    def given(self) -> int:
        return sum(self.pairs.values())

    @property
    def agreeing(self) -> int:
        return sum(count for (first, second), count in self.pairs.items() if first is second)

    @property
    def permille(self) -> int | None:
        """The agreeing share, rounded half up; None of nothing."""
        return (2 * PERMILLE * self.agreeing + self.given) // (2 * self.given) if self.given else None

    @property
    def interval_permille(self) -> tuple[int, int] | None:
        """At 95 %, after Wilson."""
        return wilson_permille(self.agreeing, self.given) if self.given else None

    @property
    def kappa_permille(self) -> int | None:
        """Cohen's kappa (Cohen 1960), (p₀ − pₑ)/(1 − pₑ): p₀ agrees, pₑ would by chance with these shares of verdicts.

        None where chance alone gives full agreement, so that there is nothing to tell.
        """
        total = self.given
        firsts: Counter[Verdict] = Counter()
        seconds: Counter[Verdict] = Counter()
        for (first, second), count in self.pairs.items():
            firsts[first] += count
            seconds[second] += count
        by_chance = sum(count * seconds[verdict] for verdict, count in firsts.items())  # pₑ times total².
        if total * total == by_chance:
            return None
        return round(PERMILLE * (self.agreeing * total - by_chance) / (total * total - by_chance))
