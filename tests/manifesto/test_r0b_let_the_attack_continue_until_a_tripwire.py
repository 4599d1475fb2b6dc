"""R0b: let an attack go on, with an approver, a deadline and tripwires; a hit tripwire contains within a minute."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_write_pb2 as writes

from contracts.events.assets import AssetClass
from infra.grpc import RemoteError
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_service import DONE, actions_of, eventually, open_cases, preauthorise

MAX_SECONDS = 60.0
CHARTER = """
charter: 1
title: A site that wants to understand first
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}]}
protected_classes: [{class: clinical}]
tripwires:
  - {name: spreads, techniques: [T1021], where: others}
lines:
  - id: watch
    outcome: Learn what it is after.
    when: {desired_outcome: [observe]}
    then:
      mode: observe
      observe: {approver: boss, scope: one office computer, tripwires: [spreads], deadline_minutes: 60, then: stop-it}
      steps:
        - {id: watch, type: investigate, do: task, task: Watch., authority: customer, reason: To learn.}
  - id: stop-it
    outcome: Stop it.
    then:
      mode: stop
      steps:
        - {id: isolate, type: contain, do: contain network, on: devices, authority: preauthorised, connector: edr,
           limit_seconds: 3600, reason: It spreads.}
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform, tmp_path: Path) -> AsyncIterator[CasesService]:
    async with cases_service(platform, tmp_path) as running:
        yield running


async def observe(service: CasesService, asset_class: AssetClass) -> pb.Case:
    digest = await service.approve(CHARTER.replace("@boss", service.approver_id))
    await preauthorise(service, digest, ["contain network"], ["office"])
    asset = await service.asset("desk-1", asset_class, "office")
    await service.validate(await service.detection(asset, techniques=("T1059",)))

    async def opened() -> bool:
        return len(await open_cases(service)) == 1

    await eventually(opened)
    (case,) = await open_cases(service)
    request = writes.DecidePlanRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        case_id=case.case_id,
        desired_outcome=pb.MODE_OBSERVE,
    )
    await service.analyst.call(service.write.DecidePlan, request)
    return case


async def test_a_tripwire_contains_within_a_minute_and_nothing_happens_before(service: CasesService) -> None:
    await observe(service, AssetClass.STANDARD)
    # On the observed computer itself the attack may go on.
    mine = await service.asset("desk-1b", AssetClass.STANDARD, "office")
    await service.detection(mine, techniques=("T1486",))
    assert await actions_of(service) == []
    other = await service.asset("desk-2", AssetClass.STANDARD, "office")
    began = time.monotonic()
    await service.detection(other, techniques=("T1021.002",))

    async def contained() -> bool:
        return [action.status for action in await actions_of(service)] == [DONE]

    await eventually(contained, MAX_SECONDS)
    assert time.monotonic() - began < MAX_SECONDS
    assert (await service.state_of("desk-1"))["network"] == "isolated"
    (case,) = await open_cases(service)
    assert case.plan.precedence == pb.PRECEDENCE_TRIPWIRE


async def test_an_attack_on_a_protected_class_is_never_left_to_go_on(service: CasesService) -> None:
    with pytest.raises(RemoteError) as refused:
        await observe(service, AssetClass.CLINICAL)
    assert refused.value.reason == "PROTECTED_CLASS"
