"""A charter with one step of each authority, and a case with its plan under it."""

from typing import Any

from contracts.events.assets import AssetClass
from contracts.events.cases import CaseOpened
from tests.services.cases.charters import principal
from tests.services.cases.world import World

SIMPLE = """
charter: 1
title: Simple
time_zone: UTC
contacts:
  - contact: boss
    principal: {boss}
    channels: [{{channel: phone}}]
approvals: {{valid_minutes: 60, acr: [{acr}]}}
lines:
  - id: any
    outcome: Stop it.
    then:
      mode: stop
      steps:
        - {{id: keep, type: investigate, do: copy evidence, on: devices, authority: provider, connector: {keeper}, reason: Keep.}}
        - {{id: kill, type: eliminate, do: stop process, on: devices, authority: customer, connector: edr, after: [keep], reason: Kill.}}
        - {{id: isolate, type: contain, do: contain network, on: devices, authority: preauthorised, connector: edr, limit_seconds: 600, reason: Cut.}}
        - {{id: both, type: contain, do: deny egress, on: devices, authority: two_persons, connector: edr, limit_seconds: 600, reason: Cut.}}
        - {{id: fix, type: remediate, do: task, task: Fix., authority: provider, reason: Cause.}}
"""  # noqa: E501  # One step a line reads best.


def simple(*, acr: str = "", keeper: str = "edr") -> str:
    return SIMPLE.format(boss=principal("boss"), acr=acr, keeper=keeper)


async def planned(world: World, **charter: str) -> Any:
    host = world.asset("host", AssetClass.STANDARD, group="office")
    await world.charter(text=simple(**charter))
    world.validate(world.detection(host))
    await world.settle()
    (opened,) = world.events(CaseOpened)
    return await world.decide(opened.case_id)
