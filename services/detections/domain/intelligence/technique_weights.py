"""What a detection's techniques add to its priority, judged by a version of ATT&CK that was imported.

    weight = stage × use, in percent, 72 to 156

*Stage* is how near its tactic is to harm, and so how little time is left: 80 before anything was touched
(reconnaissance, resource development), 100 while a foothold is made and kept, 110 once it spreads or is steered, 125
for what cannot be taken back (credential access, exfiltration), 130 for impact. Of several tactics the latest counts,
since nobody knows which of them is pursued; a tactic that is not among these weighs 100.

*Use* is how common the technique is among the groups, campaigns, malware and tools of the same set: 120 for the tenth
that is used by the most, 110 for the third, 90 for what none of them is known to use, 100 for the rest, and 100 where
the set says nothing of uses. It is a rank within the set, not a number, so that a set with more groups ranks alike. Who
uses a sub-technique uses its technique.

Of several techniques the one of the greatest weight counts: a rule that names more of them is not more pressing. A
revoked technique is judged as the one that it was revoked for, a sub-technique that the set does not have as its
technique. A deprecated technique, and one that no set has, is judged by nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.events.base import Fact
from contracts.events.detections import TechniqueWeight
from contracts.ids import PROVIDER
from services.detections.domain.intelligence.indicators import IndicatorSet, Technique
from services.detections.domain.intelligence.watch import FACT, Origin

_STAGES: Mapping[str, int] = {
    "reconnaissance": 80,
    "resource-development": 80,
    "initial-access": 100,
    "execution": 100,
    "persistence": 100,
    "defense-evasion": 100,
    "discovery": 100,
    "privilege-escalation": 110,
    "lateral-movement": 110,
    "collection": 110,
    "command-and-control": 110,
    "credential-access": 125,
    "exfiltration": 125,
    "impact": 130,
    "inhibit-response-function": 130,
    "impair-process-control": 130,
}
"""In percent, by tactics of ATT&CK for enterprises, and of what ATT&CK for control systems has instead of impact."""
_USUAL_STAGE = 100
_USE = ((0.9, 120), (2 / 3, 110))
"""In percent, from which share of the set's techniques on that fewer use."""
_USUAL_USE, _UNUSED = 100, 90
_MAX_REPLACEMENTS = 4
"""Steps from a revoked technique to the one that stands."""


@dataclass(frozen=True, slots=True)
class _JudgingSet:
    """The techniques of one source, with how many use each, and those numbers of all that stand in order."""

    origin: Origin
    attack_version: str | None
    techniques: Mapping[str, Technique]
    users: Mapping[str, int]
    ranked: Sequence[int]

    def judged(self, technique_id: str) -> TechniqueWeight | None:
        technique = self._standing(technique_id)
        if technique is None:
            return None
        tactic = max(technique.tactics, key=_stage, default=None)
        users = self.users.get(technique.technique_id, 0) if self.users else None
        return TechniqueWeight(
            technique_id=technique.technique_id,
            tactic=tactic,
            users=users,
            weight_percent=(_stage(tactic) * self._use(users) + 50) // 100,
            source=self.origin.source,
            attack_version=self.attack_version,
            set_sha256=self.origin.set_sha256,
            position=self.origin.position,
        )

    def _standing(self, technique_id: str) -> Technique | None:
        for _ in range(_MAX_REPLACEMENTS):
            found = self.techniques.get(technique_id) or self.techniques.get(_parent(technique_id))
            if found is None or not found.revoked:
                return found
            technique_id = found.replaced_by
        return None

    def _use(self, users: int | None) -> int:
        if users is None:
            return _USUAL_USE
        if users == 0:
            return _UNUSED
        fewer = bisect_left(self.ranked, users) / len(self.ranked)
        return next((per for least, per in _USE if fewer >= least), _USUAL_USE)


@dataclass(frozen=True, slots=True)
class TechniqueWeights:
    """By the sets of ATT&CK that the provider has imported. A set of more techniques goes before one of fewer, as a
    feed that brings some along is no ATT&CK; of equals that which was imported last."""

    sets: Sequence[_JudgingSet] = ()

    @classmethod
    def of(cls, read: Iterable[tuple[Origin, IndicatorSet]]) -> "TechniqueWeights":
        sets = [_judging(origin, content) for origin, content in read if content.techniques]
        return cls(sorted(sets, key=lambda each: (-len(each.techniques), -each.origin.position)))

    def heaviest(self, techniques: Iterable[str]) -> TechniqueWeight | None:
        """That which weighs the most, of equals the first by identifier; None where no set has any of them."""
        judged = [weight for each in sorted(set(techniques)) if (weight := self._judged(each)) is not None]
        return max(judged, key=lambda each: each.weight_percent, default=None)

    def _judged(self, technique_id: str) -> TechniqueWeight | None:
        return next((weight for each in self.sets if (weight := each.judged(technique_id)) is not None), None)


def fact_of(weight: TechniqueWeight) -> Fact:
    """The import that judged, as an outside fact of the append."""
    return Fact(FACT, weight.set_sha256, PROVIDER, weight.position)


def _judging(origin: Origin, content: IndicatorSet) -> _JudgingSet:
    users: dict[str, set[str]] = {}
    for technique in content.techniques.values():
        used_by = content.uses.get(technique.object_id, frozenset())
        for technique_id in {technique.technique_id, _parent(technique.technique_id)}:
            users.setdefault(technique_id, set()).update(used_by)
    counts = {technique_id: len(each) for technique_id, each in users.items()} if content.uses else {}
    standing = [each.technique_id for each in content.techniques.values() if not each.revoked]
    ranked = sorted(counts.get(technique_id, 0) for technique_id in standing)
    return _JudgingSet(origin, content.attack_version, content.techniques, counts, ranked)


def _stage(tactic: str | None) -> int:
    return _STAGES.get(tactic or "", _USUAL_STAGE)


def _parent(technique_id: str) -> str:
    """`T1059` of `T1059.001`."""
    return technique_id.partition(".")[0]
