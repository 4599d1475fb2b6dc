"""A finding is judged by what the feeds say as soon as it is reported, and again when it is opened anew."""

from typing import Any

from contracts.events.assets import FindingReported, FindingValidationWithdrawn
from contracts.events.base import Recorded
from infra.read_database.policies import Origin, Policy
from services.assets.application.assets import Assets
from services.assets.application.vulnerability_feeds import KnownVulnerabilities


class ReassessFindingWhenReported(Policy):
    ID = "reassess_finding_when_reported"
    TOPICS = frozenset({FindingReported, FindingValidationWithdrawn})

    def __init__(self, assets: Assets, known: KnownVulnerabilities) -> None:
        self._assets = assets
        self._known = known

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        await self._assets.reassess_finding(origin.call(), recorded.event.finding_id, await self._known.catch_up())
