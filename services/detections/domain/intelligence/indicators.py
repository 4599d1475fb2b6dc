"""Indicators with their life cycle, and the set of all that a source says.

Confidence decays polynomially, as in MISP's decaying models (Mokaddem et al., "Taxonomy driven indicator scoring in
MISP threat intelligence platforms", 2018, arXiv:1902.03914):

    confidence(t) = base × (1 − (t / τ)^(1/δ))

with t the time since the indicator was last said to be valid, δ = DECAY_SPEED, and τ the life of its kind; where the
source says how long it is valid, that is τ. An indicator is live from `valid_from` on, until the source's end of
validity or else until its confidence has fallen below MIN_LIVE_CONFIDENCE.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import zstandard

from contracts.labels import Label
from services.detections.config import (
    DECAY_SPEED,
    INDICATOR_LIVES,
    MAX_INTELLIGENCE_SET_BYTES,
    MIN_LIVE_CONFIDENCE,
    UNKNOWN_CONFIDENCE,
)
from services.detections.domain.intelligence.observables import Observable

_VERSION = 2
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
KEPT_BACK = frozenset({Label.RED, Label.AMBER_STRICT})
"""Labels under which nothing leaves the organisation that it was given to (TLP 2.0)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a pattern. `operator` is `=`, `like` (STIX's LIKE), `matches` (a regular expression) or `in`
    (an address within a network); `value` is in canonical form."""

    observable: Observable
    operator: str
    value: str


Clause = tuple[Comparison, ...]
"""Comparisons that one record has to pass all of."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """Matched where a record passes all comparisons of any clause. Times are seconds since 1970-01-01T00:00Z.

    `confidence` is 0 to 100, None where the source gives none. `sha256` is that of the object that it was read from.
    `event` is the identifier of the event of MISP that it came in, empty for what came in none.
    """

    indicator_id: str
    name: str
    clauses: tuple[Clause, ...]
    valid_from: float
    valid_until: float | None
    modified: float
    confidence: int | None
    label: Label
    techniques: tuple[str, ...]
    revoked: bool
    sha256: str
    event: str = ""

    @property
    def observable(self) -> Observable:
        return self.clauses[0][0].observable

    @property
    def begin(self) -> float:
        """When it was last said to be valid: where its decay begins."""
        return max(self.valid_from, self.modified)

    @property
    def end(self) -> float:
        """When it is over: not live at this moment any more."""
        if self.revoked:
            return -_FOR_EVER
        if self.valid_until is not None:
            return self.valid_until
        base = UNKNOWN_CONFIDENCE if self.confidence is None else self.confidence
        if base <= MIN_LIVE_CONFIDENCE:
            return -_FOR_EVER
        left: float = (1 - MIN_LIVE_CONFIDENCE / base) ** DECAY_SPEED
        return min(self.begin + _life_of(self).total_seconds() * left, _FOR_EVER)

    def live(self, at: float) -> bool:
        return self.valid_from <= at < self.end

    def confidence_at(self, at: float) -> int:
        """0 to 100; an unknown confidence decays from UNKNOWN_CONFIDENCE."""
        base = UNKNOWN_CONFIDENCE if self.confidence is None else self.confidence
        life = (self.valid_until - self.begin) if self.valid_until is not None else _life_of(self).total_seconds()
        age = max(0.0, at - self.begin)
        if age >= life:
            return 0
        kept: float = 1 - (age / life) ** (1 / DECAY_SPEED)
        return round(base * kept)


def _life_of(indicator: Indicator) -> timedelta:
    return INDICATOR_LIVES.get(indicator.observable.value, INDICATOR_LIVES["other"])


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique of ATT&CK. `tactics` are named as its kill chain names them.

    `object_id` is that of its object, empty where the set was written before uses were kept. `replaced_by` is the
    technique that ATT&CK revoked it for, empty where there is none, or its source does not say.
    """

    technique_id: str
    name: str
    tactics: tuple[str, ...]
    revoked: bool
    object_id: str = ""
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class IndicatorSet:
    """All that one source says: indicators, also revoked ones, by identifier, and techniques by ATT&CK's identifier.

    `uses` are, by a technique's object, the objects of the groups, campaigns, malware and tools that use it.
    """

    indicators: Mapping[str, Indicator] = field(default_factory=dict)
    techniques: Mapping[str, Technique] = field(default_factory=dict)
    attack_version: str | None = None
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def merged(self, newer: "IndicatorSet") -> "IndicatorSet":
        """With what came later; of two versions of an indicator the one that was modified last stands."""
        indicators = dict(self.indicators)
        for each in newer.indicators.values():
            known = indicators.get(each.indicator_id)
            if known is None or known.modified <= each.modified:
                indicators[each.indicator_id] = each
        techniques = {**self.techniques, **newer.techniques}
        uses = dict(self.uses)
        for object_id, users in newer.uses.items():
            uses[object_id] = uses.get(object_id, frozenset()) | users
        return IndicatorSet(indicators, techniques, newer.attack_version or self.attack_version, uses)

    def without_events(self, changed: Mapping[str, float], published: Container[str] | None) -> "IndicatorSet":
        """Without what came in events that say it no more: those that came anew, by the time of their change in seconds
        since 1970, and those that are no longer published; None: nobody says which are."""

        def is_said(each: Indicator) -> bool:
            if not each.event:
                return True
            return each.modified > changed.get(each.event, -1.0) and (published is None or each.event in published)

        return replace(self, indicators={key: each for key, each in self.indicators.items() if is_said(each)})

    def without_old(self, before: float) -> "IndicatorSet":
        """Without indicators that were over before that moment, of which nothing can come any more."""
        kept = {key: each for key, each in self.indicators.items() if max(each.end, each.modified) >= before}
        return replace(self, indicators=kept)

    @property
    def standing(self) -> Sequence[Indicator]:
        return [each for each in self.indicators.values() if not each.revoked]


class NotASet(ValueError):
    """These bytes are not what `encode` writes."""


def encode(content: IndicatorSet) -> bytes:
    """The same bytes for the same set."""
    users = sorted(set[str]().union(*content.uses.values()))
    places = {user: place for place, user in enumerate(users)}
    said = {
        "version": _VERSION,
        "attack_version": content.attack_version,
        "techniques": [
            [each.technique_id, each.name, each.tactics, each.revoked, each.object_id, each.replaced_by]
            for _, each in sorted(content.techniques.items())
        ],
        "users": users,
        "uses": [[key, sorted(places[user] for user in used_by)] for key, used_by in sorted(content.uses.items())],
        "indicators": [_written(each) for _, each in sorted(content.indicators.items())],
    }
    return zstandard.ZstdCompressor(level=3, write_checksum=False).compress(orjson.dumps(said))


def decode(data: bytes) -> IndicatorSet:
    """Of every version that was ever written: version 1 had no uses. Raises NotASet."""
    try:
        said = orjson.loads(zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_INTELLIGENCE_SET_BYTES))
        indicators = [_read(each) for each in said["indicators"]]
        techniques = [Technique(each[0], each[1], tuple(each[2]), *each[3:]) for each in said["techniques"]]
        users = said.get("users", [])
        uses = {key: frozenset(users[place] for place in places) for key, places in said.get("uses", [])}
    except (ValueError, TypeError, KeyError, IndexError, zstandard.ZstdError) as error:
        raise NotASet(str(error)) from error
    return IndicatorSet(
        {each.indicator_id: each for each in indicators},
        {each.technique_id: each for each in techniques},
        said["attack_version"],
        uses,
    )


def _written(each: Indicator) -> list[object]:
    """What came in no event ends without one, as it did before events were kept."""
    return [
        each.indicator_id,
        each.name,
        [[[test.observable.value, test.operator, test.value] for test in clause] for clause in each.clauses],
        each.valid_from,
        each.valid_until,
        each.modified,
        each.confidence,
        each.label.value,
        each.techniques,
        each.revoked,
        each.sha256,
        *([each.event] if each.event else []),
    ]


_OBSERVABLES = {each.value: each for each in Observable}
_LABELS = {each.value: each for each in Label}


def _read(said: Sequence[Any]) -> Indicator:
    identifier, name, clauses, start, end, modified, confidence, label, techniques, revoked, sha256, *event = said
    return Indicator(
        identifier,
        name,
        tuple(
            tuple(Comparison(_OBSERVABLES[kind], operator, value) for kind, operator, value in each) for each in clauses
        ),
        start,
        end,
        modified,
        confidence,
        _LABELS[label],
        tuple(techniques),
        revoked,
        sha256,
        *event,
    )


def strictest(labels: Iterable[Label]) -> Label | None:
    """The narrowest of several labels; None for none."""
    order = list(Label)
    return min(labels, key=order.index, default=None)
