"""The rules at work in this process: compiled at start, and again when a pack is deployed."""

import asyncio
import gc
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

import structlog

from contracts.errors import TenantUnknown, TenetError
from contracts.events.base import Fact
from contracts.events.detections import RulePackDeployed
from contracts.events.rule_lives import RuleReinstated, RuleRetired
from contracts.ids import PROVIDER
from infra.event_store.feed import Feed
from infra.object_store.port import ObjectStore
from services.detections.application.rule_cache import RuleCache
from services.detections.domain.analysis import RuleSet
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.packs import CompiledPack, compile_pack

PAGE = 1_000
NEWS_SECONDS = 5.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deployed:
    """A pack at work: its content's hash and the position of its deployment in the provider's ledger."""

    pack_id: str
    sha256: str
    position: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A consistent set: what runs, and the outside facts that every decision of it relies on."""

    rule_set: RuleSet = field(default_factory=lambda: RuleSet(Engine(()), {}))
    facts: tuple[Fact, ...] = ()


class DeployedRules:
    """Follows the provider's ledger. `current` is swapped whole, so a batch is judged by one set from end to end."""

    def __init__(self, feed: Feed, objects: ObjectStore, cache: RuleCache) -> None:
        self._feed, self._objects, self._cache = feed, objects, cache
        self._deployed: dict[str, Deployed] = {}
        self._retired: set[str] = set()
        self._compiled: dict[str, CompiledPack] = {}
        self._position = -1
        self._turn = asyncio.Lock()
        self.current = Rules(RuleSet(Engine((), keeper=cache), {}))

    async def catch_up(self) -> None:
        """Applies everything that the provider's ledger holds now. Raises ObjectMissing, StoreUnavailable, …"""
        async with self._turn:
            changed = False
            while events := await self._feed.read(PROVIDER, self._position + 1, PAGE):
                for recorded in events:
                    changed |= self._apply(recorded.event, recorded.position)
                self._position = events[-1].position
            if changed or self._stale():
                await self._load()

    async def held(self, name: str = "", sha256: str = "") -> Mapping[str, str]:
        """The texts that the packs at work hold, by rule id, retired rules among them, as the provider's ledger has it.

        With a name and a hash: as if that pack were put to work now, in place of the one of its name. Raises as
        `catch_up` does.
        """
        await self.catch_up()
        async with self._turn:
            packs = [
                each.sha256 for each in _in_order(self._deployed) if not name or each is not self._deployed.get(name)
            ]
            packs += [sha256] if name else []
            for each in packs:
                await self._compile_once(each)
            return {rule.rule_id: rule.sha256 for each in packs for rule in self._compiled[each].all_rules}

    async def texts_of(self, sha256: str) -> Mapping[str, str]:
        """The texts that a pack holds, by rule id."""
        async with self._turn:
            await self._compile_once(sha256)
            return {rule.rule_id: rule.sha256 for rule in self._compiled[sha256].all_rules}

    def referring(self, rule_id: str) -> list[str]:
        """The correlations at work that refer to a rule."""
        correlations = self.current.rule_set.correlations.rules
        return [each.rule_id for each in correlations if rule_id in each.references]

    def close(self) -> None:
        """Lets go of what `_load` has kept from being looked through."""
        gc.unfreeze()

    async def follow(self) -> None:
        """Until cancelled. What fails is tried again; the rules that run stay at work meanwhile."""
        while True:
            try:
                await self.catch_up()
                await self._feed.wait_beyond(PROVIDER, self._position, NEWS_SECONDS)
            except TenantUnknown:
                await asyncio.sleep(RETRY_SECONDS)
            except TenetError as error:
                log.warning("rule_packs_not_loaded", alarm=True, reason=error.reason, detail=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    def _apply(self, event: object, position: int) -> bool:
        if isinstance(event, RulePackDeployed):
            self._deployed[event.name] = Deployed(event.pack_id, event.sha256, position)
        elif isinstance(event, RuleRetired):
            self._retired.add(event.rule_id)
        elif isinstance(event, RuleReinstated):
            self._retired.discard(event.rule_id)
        else:
            return False
        return True

    def _stale(self) -> bool:
        return any(deployed.sha256 not in self._compiled for deployed in self._deployed.values())

    async def _load(self) -> None:
        wanted = {deployed.sha256 for deployed in self._deployed.values()}
        for sha256 in wanted:
            await self._compile_once(sha256)
        self._compiled = {sha256: pack for sha256, pack in self._compiled.items() if sha256 in wanted}
        self.current = _rules_of(self._deployed, self._compiled, self._retired, self.current.rule_set.engine)
        # Thousands of rules live as long as the process: looking through them at every collection would cost more than
        # all the matching.
        gc.collect()
        gc.freeze()
        log.info("rule_packs_loaded", packs=len(wanted), rules=len(self.current.rule_set.engine.rules))

    async def _compile_once(self, sha256: str) -> None:
        if sha256 in self._compiled:
            return
        archive = await self._objects.get(PROVIDER, sha256)
        known = {rule.sha256: rule for pack in self._compiled.values() for rule in pack.rules}
        self._compiled[sha256] = await asyncio.to_thread(self._compile, archive, known)

    def _compile(self, archive: bytes, known: Mapping[str, CompiledRule]) -> CompiledPack:
        pack = compile_pack(archive, lambda sha256: known.get(sha256) or self._cache.rule(sha256))
        self._cache.keep_rules(pack.rules)
        return pack


def _in_order(deployed: Mapping[str, Deployed]) -> list[Deployed]:
    """A rule id that two packs bring runs once, from the pack that was deployed last."""
    return sorted(deployed.values(), key=lambda item: item.position)


def _rules_of(
    deployed: Mapping[str, Deployed], compiled: Mapping[str, CompiledPack], retired: Container[str], engine: Engine
) -> Rules:
    """All packs' rules but those that are retired."""
    rules: dict[str, CompiledRule] = {}
    packs: dict[str, str] = {}
    correlations: dict[str, CompiledCorrelation] = {}
    for pack in _in_order(deployed):
        for rule in compiled[pack.sha256].rules:
            if rule.rule_id not in retired:
                rules[rule.rule_id] = rule
                packs[rule.rule_id] = pack.sha256
        for correlation in compiled[pack.sha256].correlations:
            if correlation.rule_id not in retired:
                correlations[correlation.rule_id] = correlation
                packs[correlation.rule_id] = pack.sha256
    titles = {rule.rule_id: rule.title for rule in rules.values()}
    titles |= {rule.rule_id: rule.title for rule in correlations.values()}
    facts = tuple(Fact("rule_pack", pack.sha256, PROVIDER, pack.position) for pack in _in_order(deployed))
    correlated = Correlations(tuple(correlations.values()), titles)
    return Rules(RuleSet(engine.replaced(rules.values()), packs, correlated), facts)
