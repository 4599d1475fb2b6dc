"""How pressing a detection is: the product of what is known of it.

Severity (1 to 6) × asset value (1 to 5) × exposure × technique × likelihood × current sightings. A missing severity or
asset value is ranked as the middle, 3; every other missing input weighs 1. What is missing is named, so that nobody
takes it for little. The technique's weight is that of `intelligence/technique_weights.py`, by the version of ATT&CK
that was imported when the detection was raised.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MIDDLE = 3
"""What a missing severity or asset value counts as."""


class Exposure(StrEnum):
    """From where a known weakness of an asset can be reached, as findings tell it."""

    NONE = "none"
    INTERNAL = "internal"
    INTERNET = "internet"


_EXPOSURE = {None: 100, Exposure.NONE: 75, Exposure.INTERNAL: 100, Exposure.INTERNET: 150}
"""In percent."""
_SIGHTINGS = ((25, 200), (10, 175), (1, 150), (0, 100))
"""In percent, from how many other customers on."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """`severity_id` 0, and None elsewhere, mean that nobody knows.

    `exposure` is the furthest from where a known weakness of one of the assets can be reached.
    `likelihood_percent` is how sure an indicator is of what it says, decayed by age. `sightings` are how many other
    customers at least have lately had the same, 0 where none is known of. `technique_percent` is the weight of the
    weightiest technique that ATT&CK has, 72 to 156.
    """

    severity_id: int
    asset_value: int | None
    likelihood_percent: int | None
    sightings: int | None
    exposure: Exposure | None
    technique_percent: int | None = None

    @property
    def priority(self) -> int:
        """1 to 211."""
        base = (self.severity_id or MIDDLE) * (self.asset_value or MIDDLE)
        likelihood = 100 if self.likelihood_percent is None else 50 + self.likelihood_percent
        seen = 100 if self.sightings is None else next(per for least, per in _SIGHTINGS if self.sightings >= least)
        technique = 100 if self.technique_percent is None else self.technique_percent
        return max(1, (base * _EXPOSURE[self.exposure] * technique * likelihood * seen + 50_000_000) // 100_000_000)

    @property
    def missing(self) -> tuple[str, ...]:
        """The inputs that nobody knows, by name."""
        known = {
            "severity": self.severity_id != 0,
            "asset_value": self.asset_value is not None,
            "exposure": self.exposure is not None,
            "technique": self.technique_percent is not None,
            "likelihood": self.likelihood_percent is not None,
            "sightings": self.sightings is not None,
        }
        return tuple(name for name, is_known in known.items() if not is_known)


def furthest(exposures: Iterable[Exposure]) -> Exposure | None:
    order = list(Exposure)
    return max(exposures, key=order.index, default=None)
