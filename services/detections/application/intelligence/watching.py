"""The indicators that telemetry is matched with: the provider's for everyone, and each tenant's own for it alone."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from contracts.errors import TenantUnknown, TenetError
from contracts.ids import PROVIDER, TenantId
from infra.event_store.feed import Feed
from infra.event_store.repository import Repository
from services.detections.application.aggregates import INTELLIGENCE
from services.detections.application.intelligence.importing import Importing
from services.detections.config import MAX_TENANT_MATCHERS
from services.detections.domain.intelligence import sources
from services.detections.domain.intelligence.indicators import KEPT_BACK, Indicator, IndicatorSet, Technique
from services.detections.domain.intelligence.matcher import Matcher
from services.detections.domain.intelligence.sources import Source
from services.detections.domain.intelligence.technique_weights import TechniqueWeights
from services.detections.domain.intelligence.watch import Origin, Watch
from services.detections.domain.sigma.databases import Keeper

NEWS_SECONDS = 5.0
RETRY_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Made:
    version: int
    watch: Watch = field(default_factory=lambda: Watch(PROVIDER))
    techniques: Mapping[str, Technique] = field(default_factory=dict)
    weights: TechniqueWeights = field(default_factory=TechniqueWeights)


class Watching:
    """`catch_up` makes ready what the provider's ledger says; a batch then takes what stands, as it does with rules."""

    def __init__(self, repository: Repository, feed: Feed, importing: Importing, keeper: Keeper) -> None:
        self._repository, self._feed = repository, feed
        self._importing, self._keeper = importing, keeper
        self._provider = _Made(0)
        self._tenants: OrderedDict[TenantId, _Made] = OrderedDict()
        self._turn = asyncio.Lock()

    @property
    def techniques(self) -> Mapping[str, Technique]:
        """ATT&CK's techniques as the provider's sources have them now, by identifier."""
        return self._provider.techniques

    @property
    def weights(self) -> TechniqueWeights:
        """What ATT&CK as the provider has it now says of techniques: the same for all tenants."""
        return self._provider.weights

    async def catch_up(self) -> None:
        """Applies what the provider's ledger holds now. Raises ObjectMissing, StoreUnavailable, …"""
        async with self._turn:
            loaded = await self._repository.load(PROVIDER, INTELLIGENCE, sources.stream_of(PROVIDER))
            if loaded.version != self._provider.version:
                self._provider = await self._made(PROVIDER, loaded.version, loaded.state.at_work)

    async def follow(self) -> None:
        """Until cancelled. What fails is tried again; what is matched with stays at work meanwhile."""
        while True:
            try:
                position = await self._feed.head(PROVIDER) - 1
                await self.catch_up()
                await self._feed.wait_beyond(PROVIDER, position, NEWS_SECONDS)
            except TenantUnknown:
                await asyncio.sleep(RETRY_SECONDS)
            except TenetError as error:
                log.warning("intelligence_not_loaded", alarm=True, reason=error.reason, detail=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def over(self, tenant_id: TenantId) -> tuple[Watch, ...]:
        """What is watched for in a tenant's telemetry; none where there are no indicators."""
        loaded = await self._repository.load(tenant_id, INTELLIGENCE, sources.stream_of(tenant_id))
        own = await self._own(tenant_id, loaded.version, loaded.state.at_work) if loaded.version else None
        return tuple(watch for watch in (self._provider.watch, own) if watch)

    async def _own(self, tenant_id: TenantId, version: int, at_work: Sequence[Source]) -> Watch:
        async with self._turn:
            made = self._tenants.get(tenant_id)
            if made is None or made.version != version:
                made = self._tenants[tenant_id] = await self._made(tenant_id, version, at_work)
            self._tenants.move_to_end(tenant_id)
            while len(self._tenants) > MAX_TENANT_MATCHERS:
                self._tenants.popitem(last=False)
            return made.watch

    async def _made(self, ledger: TenantId, version: int, at_work: Sequence[Source]) -> _Made:
        read: list[tuple[Source, IndicatorSet]] = []
        techniques: dict[str, Technique] = {}
        for source in sorted(at_work, key=lambda each: each.position):
            content = await self._importing.set_of(ledger, source.imported.set_sha256) if source.imported else None
            if content is not None:
                read.append((source, content))
                techniques |= content.techniques
        watch = await asyncio.to_thread(self._watch, ledger, read)
        log.info("intelligence_loaded", ledger=ledger, sources=len(read), indicators=watch.matcher.size)
        if watch.matcher.unmatched:
            log.warning("indicators_not_matched", alarm=True, ledger=ledger, indicators=len(watch.matcher.unmatched))
        weights = TechniqueWeights.of((_origin_of(source), content) for source, content in read)
        return _Made(version, watch, techniques, weights)

    def _watch(self, ledger: TenantId, read: Iterable[tuple[Source, IndicatorSet]]) -> Watch:
        """An indicator that two sources bring is that of the source that was imported last."""
        chosen: dict[str, Indicator] = {}
        origins: dict[str, Origin] = {}
        for source, content in read:
            origin = _origin_of(source)
            for indicator in content.standing:
                if ledger == PROVIDER and indicator.label in KEPT_BACK:
                    continue
                chosen[indicator.indicator_id] = indicator
                origins[indicator.indicator_id] = origin
        return Watch(ledger, Matcher(chosen.values(), keeper=self._keeper), origins)


def _origin_of(source: Source) -> Origin:
    assert source.imported is not None  # Only such sources are read.
    return Origin(source.name, source.imported.set_sha256, source.position)
