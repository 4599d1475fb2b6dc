"""What is looked for, made of how people name it: a rule at work, a rule's text, a list of indicators."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.events.base import Fact
from contracts.events.detections import HuntKind, RuleKind, RuleRef
from contracts.ids import TenantId
from infra.keys import KeyStore
from infra.object_store.port import ObjectStore
from services.detections.application.deployed_rules import DeployedRules
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import MAX_TITLE_CHARACTERS
from services.detections.domain.errors import HuntRefused, RuleUncompilable, RuleUnknown
from services.detections.domain.grouping import BlindIndex, Fired
from services.detections.domain.intelligence.indicators import Comparison
from services.detections.domain.intelligence.lists import ListMatcher, read_list
from services.detections.domain.matching import Matcher, RuleMatcher
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.packs import compile_texts


@dataclass(frozen=True, slots=True)
class Asked:
    """`text` says in the ledger what was looked for; what was handed over itself is the tenant's object named there."""

    kind: HuntKind
    text: str
    matcher: Matcher
    facts: tuple[Fact, ...] = ()


class Asking:
    def __init__(self, rules: DeployedRules, objects: ObjectStore, keys: KeyStore) -> None:
        self._rules, self._objects, self._keys = rules, objects, keys

    def deployed_rule(self, rule_id: str) -> Asked:
        """Raises RuleUnknown, and HuntRefused for a correlation."""
        current = self._rules.current
        if any(each.rule_id == rule_id for each in current.rule_set.correlations.rules):
            raise HuntRefused("A correlation looks at many records at once; hunt for the rules that it refers to.")
        rule = next((each for each in current.rule_set.engine.rules if each.rule_id == rule_id), None)
        if rule is None:
            raise RuleUnknown("No such rule is at work.", metadata={"rule_id": rule_id})
        matcher = RuleMatcher(((rule, current.rule_set.fired(rule)),))
        return Asked(HuntKind.RULE, f"rule {rule.rule_id}: {rule.title}", matcher, current.facts)

    async def given_rule(self, tenant_id: TenantId, text: str) -> Asked:
        """Raises RuleUncompilable, HuntRefused for a correlation, ObjectStoreFull."""
        data = text.encode()
        pack = await asyncio.to_thread(compile_texts, [("the rule", data)])
        if pack.failed:
            raise RuleUncompilable("; ".join(f"{path}: {reason}" for path, reason in pack.failed)[:1_000])
        if pack.correlations or not pack.rules:
            raise HuntRefused("A hunt is for Sigma rules; correlations and filters are none.")
        await self._objects.put(tenant_id, data)
        sha256 = hashlib.sha256(data).hexdigest()
        titles = ", ".join(f"{rule.rule_id} ({rule.title})" for rule in pack.rules)[:5_000]
        matcher = RuleMatcher(tuple((rule, _fired_by(rule)) for rule in pack.rules))
        return Asked(HuntKind.RULE, f"rule {titles}, of the text with SHA-256 {sha256}", matcher)

    async def indicator_list(self, tenant_id: TenantId, text: str) -> Asked:
        """Raises IndicatorListUnreadable, ObjectStoreFull."""
        indicators = await asyncio.to_thread(read_list, text)
        data = text.encode()
        await self._objects.put(tenant_id, data)
        sha256 = hashlib.sha256(data).hexdigest()
        index = TenantIndex(await self._keys.search_key(tenant_id))
        matcher = ListMatcher(tuple(_fired_by_indicators(indicators, index, sha256)))
        return Asked(HuntKind.INDICATORS, f"{len(indicators)} indicator(s), of the list with SHA-256 {sha256}", matcher)


def _fired_by(rule: CompiledRule) -> Fired:
    """A rule that no pack has brought."""
    title = rule.title[:MAX_TITLE_CHARACTERS]
    reference = RuleRef(rule_id=rule.rule_id, title=title, sha256=rule.sha256, pack_sha256="", level=rule.level)
    return Fired(reference, rule.severity_id, rule.techniques)


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
