"""The life of every rule, in the provider's ledger: researched, tested, deployed, tuned, retired.

All rules share one stream, so that what a pack changes is decided on all of them or not at all: a rule may come from
one pack today and from another tomorrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.rule_lives import (
    FailedTest,
    RuleReinstated,
    RuleRetired,
    RulesDeployed,
    RulesDropped,
    RulesResearched,
    RulesTested,
    RulesTuned,
    RuleText,
    RuleVersion,
    TriedRule,
    TunedRule,
)
from contracts.ids import PROVIDER, derive_id
from services.detections.config import (
    MAX_FAILED_REASON_CHARACTERS,
    MAX_FAILED_RULES_NAMED,
    MAX_FAILED_TESTS_NAMED,
    MAX_LISTED_RULES_BYTES,
    MAX_TITLE_CHARACTERS,
)
from services.detections.domain import errors
from services.detections.domain.commands import ReinstateRule, RetireRule
from services.detections.domain.inline_tests import Trial
from services.detections.domain.rule_pack import RulePack
from services.detections.domain.sigma.packs import CompiledPack
from services.detections.domain.validation import require_reasoned

CATEGORY = "rule"
STREAM = derive_id(CATEGORY, PROVIDER)
LifeEvent = RulesResearched | RulesTested | RulesDeployed | RulesTuned | RulesDropped | RuleRetired | RuleReinstated
V = TypeVar("V", bound=Value)


@dataclass(frozen=True, slots=True)
class RuleLife:
    """`researched` is the text that came last, empty where the rule was deployed before lives were recorded;
    `running` the one at work, None while none is; `failing` the text that failed its tests when they were run last."""

    researched: str = ""
    running: str | None = None
    failing: str | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True)
class RuleLives:
    by_id: Mapping[str, RuleLife] = field(default_factory=dict)

    def of(self, rule_id: str) -> RuleLife:
        return self.by_id.get(rule_id, _UNBORN)

    def at_work(self, rule_id: str) -> str:
        """The text that runs. Raises RuleUnknown, RuleRetired, RuleNotDeployed."""
        life = self.by_id.get(rule_id)
        if life is None:
            raise errors.RuleUnknown("There is no such rule.")
        if life.retired:
            raise errors.RuleRetired("The rule is retired.", metadata={"rule_id": rule_id})
        if life.running is None:
            raise errors.RuleNotDeployed("No pack at work holds the rule.", metadata={"rule_id": rule_id})
        return life.running


_UNBORN = RuleLife()


def initial() -> RuleLives:
    return RuleLives()


def evolve(state: RuleLives, recorded: Recorded[LifeEvent]) -> RuleLives:
    event = recorded.event
    match event:
        case RulesResearched():
            changed = {each.rule_id: replace(state.of(each.rule_id), researched=each.sha256) for each in event.rules}
        case RulesTested():
            changed = {
                each.rule_id: replace(state.of(each.rule_id), failing=each.sha256 if each.failed else None)
                for each in event.rules
            }
        case RulesDeployed() | RulesTuned():
            changed = {each.rule_id: replace(state.of(each.rule_id), running=each.sha256) for each in event.rules}
        case RulesDropped():
            changed = {each.rule_id: replace(state.of(each.rule_id), running=None) for each in event.rules}
        case RuleRetired():
            changed = {event.rule_id: replace(state.of(event.rule_id), running=None, retired=True)}
        case RuleReinstated():
            changed = {event.rule_id: replace(state.of(event.rule_id), running=event.sha256, retired=False)}
        case _:
            assert_never(event)
    return RuleLives({**state.by_id, **changed})


def research(
    state: RuleLives, pack: RulePack, compiled: CompiledPack, trials: Iterable[Trial], reason: str, *, again: bool
) -> list[RulesResearched | RulesTested]:
    """What a pack that is being imported says anew. `again`: it was imported before, so that only what nobody had
    recorded then is anew."""
    fresh = [
        rule
        for rule in compiled.all_rules
        if not state.of(rule.rule_id).researched or (not again and state.of(rule.rule_id).researched != rule.sha256)
    ]
    texts = [
        RuleText(
            rule_id=rule.rule_id,
            sha256=rule.sha256,
            title=rule.title[:MAX_TITLE_CHARACTERS],
            level=rule.level,
            path=compiled.paths[rule.rule_id],
        )
        for rule in fresh
    ]
    names = {rule.rule_id for rule in fresh}
    tried = [_tried(trial) for trial in trials if trial.rule_id in names]
    sealed = _sealed(pack.pack_id, reason)
    return [
        *(
            RulesResearched(pack_id=pack.pack_id, pack_sha256=pack.sha256, rules=part, reason=sealed)
            for part in _parts(texts)
        ),
        *(RulesTested(pack_id=pack.pack_id, pack_sha256=pack.sha256, rules=part) for part in _parts(tried)),
    ]


def deploy(
    state: RuleLives, pack: RulePack, held: Mapping[str, str], own: Mapping[str, str], reason: str
) -> list[RulesDeployed | RulesTuned | RulesDropped]:
    """What changes when a pack is put to work, after which the packs at work hold these texts by rule id; `own` are
    those of the pack itself. What was retired stays so.

    There is always an event, so that of two packs put to work at once the second is decided on what the first made.
    Raises RuleTestsFailed.
    """
    after = {rule_id: sha256 for rule_id, sha256 in held.items() if not state.of(rule_id).retired}
    failing = [rule_id for rule_id in own if rule_id in after and state.of(rule_id).failing == own[rule_id]]
    if failing:
        raise errors.RuleTestsFailed(
            f"{len(failing)} rules of this pack fail tests of their own.",
            metadata={"rules": ",".join(sorted(failing)[:MAX_FAILED_RULES_NAMED])},
        )
    before = {rule_id: life.running for rule_id, life in state.by_id.items() if life.running is not None}
    begun = [RuleVersion(rule_id=each, sha256=after[each]) for each in after if each not in before]
    tuned = [
        TunedRule(rule_id=each, sha256=after[each], replaced_sha256=before[each])
        for each in after
        if each in before and before[each] != after[each]
    ]
    dropped = [RuleVersion(rule_id=each, sha256=before[each]) for each in before if each not in after]
    pack_id, pack_sha256, why = pack.pack_id, pack.sha256, _sealed(pack.pack_id, reason)
    return [
        *(
            RulesDeployed(pack_id=pack_id, pack_sha256=pack_sha256, rules=part, reason=why)
            for part in _parts(begun) or [()]
        ),
        *(RulesTuned(pack_id=pack_id, pack_sha256=pack_sha256, rules=part, reason=why) for part in _parts(tuned)),
        *(RulesDropped(pack_id=pack_id, pack_sha256=pack_sha256, rules=part, reason=why) for part in _parts(dropped)),
    ]


def retire(state: RuleLives, command: RetireRule, referring: Sequence[str]) -> list[RuleRetired]:
    """`referring` are the correlations at work that refer to the rule.

    Raises RationaleMissing, RuleUnknown, RuleRetired, RuleNotDeployed, RuleReferredTo.
    """
    require_reasoned(command.reason)
    running = state.at_work(command.rule_id)
    if referring:
        raise errors.RuleReferredTo(
            "Correlations at work refer to the rule; retire them first.",
            metadata={"rules": ",".join(sorted(referring)[:MAX_FAILED_RULES_NAMED])},
        )
    reason = Sealed.of(command.reason, subject=derive_id(CATEGORY, command.rule_id))
    return [RuleRetired(rule_id=command.rule_id, sha256=running, reason=reason)]


def reinstate(state: RuleLives, command: ReinstateRule, held: Mapping[str, str]) -> list[RuleReinstated]:
    """`held` are the texts that the packs at work hold, by rule id.

    Raises RationaleMissing, RuleUnknown, RuleNotRetired, RuleNotDeployed.
    """
    require_reasoned(command.reason)
    if command.rule_id not in state.by_id:
        raise errors.RuleUnknown("There is no such rule.")
    if not state.of(command.rule_id).retired:
        raise errors.RuleNotRetired("The rule is not retired.")
    if command.rule_id not in held:
        raise errors.RuleNotDeployed("No pack at work holds the rule.", metadata={"rule_id": command.rule_id})
    reason = Sealed.of(command.reason, subject=derive_id(CATEGORY, command.rule_id))
    return [RuleReinstated(rule_id=command.rule_id, sha256=held[command.rule_id], reason=reason)]


def _tried(trial: Trial) -> TriedRule:
    named = tuple(
        FailedTest(name=name[:MAX_TITLE_CHARACTERS], reason=reason[:MAX_FAILED_REASON_CHARACTERS])
        for name, reason in trial.failed[:MAX_FAILED_TESTS_NAMED]
    )
    return TriedRule(
        rule_id=trial.rule_id, sha256=trial.sha256, passed=trial.passed, failed=len(trial.failed), named=named
    )


def _sealed(subject: str, reason: str) -> Sealed | None:
    return Sealed.of(reason, subject=subject) if reason.strip() else None


def _parts(rules: Sequence[V]) -> list[tuple[V, ...]]:
    """As many of them at once as one entry surely holds."""
    parts: list[list[V]] = []
    size = MAX_LISTED_RULES_BYTES
    for rule in rules:
        size += len(rule.model_dump_json().encode())
        if size > MAX_LISTED_RULES_BYTES:
            parts.append([])
            size = len(rule.model_dump_json().encode())
        parts[-1].append(rule)
    return [tuple(part) for part in parts]
