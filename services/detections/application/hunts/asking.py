"""What is looked for, made of how people name it: a rule at work, a rule's text, a list of indicators."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.events.base import Fact
from contracts.events.detections import RuleKind, RuleRef
from contracts.events.hunts import HuntKind
from contracts.ids import TenantId
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from services.detections.application.deployed_rules import DeployedRules
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import MAX_TITLE_CHARACTERS
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.hunted import CorrelationMatcher
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.errors import HuntRefused, RuleUncompilable, RuleUnknown
from services.detections.domain.grouping import BlindIndex, Fired
from services.detections.domain.intelligence.indicators import Comparison
from services.detections.domain.intelligence.lists import ListMatcher, read_list
from services.detections.domain.matching import Matcher, RuleMatcher
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.packs import CompiledPack, compile_texts


@dataclass(frozen=True, slots=True)
class Asked:
    """`text` says in the ledger what was looked for; what was handed over itself is the tenant's object named there."""

    kind: HuntKind
    text: str
    matcher: Matcher | CorrelationMatcher
    facts: tuple[Fact, ...] = ()


class Asking:
    def __init__(self, rules: DeployedRules, objects: ObjectStore, keys: KeyStore) -> None:
        self._rules, self._objects, self._keys = rules, objects, keys

    def deployed_rule(self, rule_id: str) -> Asked:
        """A rule or a correlation. Raises RuleUnknown."""
        current = self._rules.current
        rule_set = current.rule_set
        asked = next((each for each in rule_set.correlations.rules if each.rule_id == rule_id), None)
        if asked is not None:
            matcher = _correlating(rule_set.engine.rules, rule_set.correlations, {rule_id: rule_set.fired(asked)})
            return Asked(HuntKind.RULE, f"correlation {rule_id}: {asked.title}", matcher, current.facts)
        rule = next((each for each in rule_set.engine.rules if each.rule_id == rule_id), None)
        if rule is None:
            raise RuleUnknown("No such rule is at work.", metadata={"rule_id": rule_id})
        return Asked(
            HuntKind.RULE,
            f"rule {rule.rule_id}: {rule.title}",
            RuleMatcher(((rule, rule_set.fired(rule)),)),
            current.facts,
        )

    async def given_rule(self, tenant_id: TenantId, text: str) -> Asked:
        """A rule, or several, or correlations with the rules that they refer to.

        Raises RuleUncompilable, HuntRefused for what is neither or both, ObjectStoreFull.
        """
        data = text.encode()
        pack = await asyncio.to_thread(compile_texts, [("the rule", data)])
        if pack.failed:
            raise RuleUncompilable("; ".join(f"{path}: {reason}" for path, reason in pack.failed)[:1_000])
        if not pack.rules:
            raise HuntRefused("A hunt is for Sigma rules and correlations; filters are none.")
        matcher = _given_correlations(pack) if pack.correlations else None
        await self._objects.put(tenant_id, data)
        sha256 = hashlib.sha256(data).hexdigest()
        titles = ", ".join(f"{rule.rule_id} ({rule.title})" for rule in pack.correlations or pack.rules)[:5_000]
        if matcher is not None:
            return Asked(HuntKind.RULE, f"correlation {titles}, of the text with SHA-256 {sha256}", matcher)
        matching = RuleMatcher(tuple((rule, _fired_by(rule)) for rule in pack.rules))
        return Asked(HuntKind.RULE, f"rule {titles}, of the text with SHA-256 {sha256}", matching)

    async def indicator_list(self, tenant_id: TenantId, text: str) -> Asked:
        """Raises IndicatorListUnreadable, ObjectStoreFull."""
        indicators = await asyncio.to_thread(read_list, text)
        data = text.encode()
        await self._objects.put(tenant_id, data)
        sha256 = hashlib.sha256(data).hexdigest()
        index = TenantIndex(await self._keys.search_key(tenant_id))
        matcher = ListMatcher(tuple(_fired_by_indicators(indicators, index, sha256)))
        return Asked(HuntKind.INDICATORS, f"{len(indicators)} indicator(s), of the list with SHA-256 {sha256}", matcher)


def _given_correlations(pack: CompiledPack) -> CorrelationMatcher:
    """Raises HuntRefused for rules that no correlation refers to."""
    titles = {rule.rule_id: rule.title for rule in pack.all_rules}
    correlations = Correlations(pack.correlations, titles)
    alone = [rule.title for rule in pack.rules if rule.rule_id not in correlations.wanted]
    if alone:
        raise HuntRefused(
            f"No correlation of the text refers to {alone[0][:MAX_TITLE_CHARACTERS]}: hunt for it by itself."
        )
    asked = {each.rule_id: _fired_by(each) for each in pack.correlations if each.rule_id not in correlations.silent}
    return _correlating(pack.rules, correlations, asked)


def _correlating(
    rules: Iterable[CompiledRule], correlations: Correlations, asked: Mapping[str, Fired]
) -> CorrelationMatcher:
    """For the correlations that are asked for, with all that they refer to."""
    needed = set(asked)
    # Those that refer come after those that are referred to.
    for each in reversed(correlations.rules):
        if each.rule_id in needed:
            needed.update(each.references)
    wanted = tuple(each for each in correlations.rules if each.rule_id in needed)
    titles = {rule_id: title for rule_id, title in correlations.titles.items() if rule_id in needed}
    return CorrelationMatcher(
        tuple(rule for rule in rules if rule.rule_id in needed), Correlations(wanted, titles), asked
    )


def _fired_by(rule: CompiledRule | CompiledCorrelation) -> Fired:
    """A rule that no pack has brought."""
    title = rule.title[:MAX_TITLE_CHARACTERS]
    reference = RuleRef(rule_id=rule.rule_id, title=title, sha256=rule.sha256, pack_sha256="", level=rule.level)
    kind = RuleKind.CORRELATION if isinstance(rule, CompiledCorrelation) else RuleKind.SIGMA
    return Fired(reference, rule.severity_id, rule.techniques, kind)


def _fired_by_indicators(
    indicators: Iterable[Comparison], index: BlindIndex, sha256: str
) -> Iterable[tuple[Comparison, Fired]]:
    """Each is a rule of its own, named by a blind index: values may be somebody's address. A list tells no severity."""
    for indicator in indicators:
        kind = indicator.observable.value
        name = index.text("indicator", f"{kind}\x1f{indicator.operator}\x1f{indicator.value}")[:32]
        reference = RuleRef(
            rule_id=f"indicator:{kind}:{name}",
            title=f"Indicator of a list ({kind.replace('_', ' ')})",
            sha256=sha256,
            pack_sha256="",
            level="",
        )
        yield indicator, Fired(reference, 0, (), RuleKind.INDICATOR)
