"""T5: the same detection under two charters gives two plans, each naming the lines that gave it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as reads
from tenet.cases.v1 import cases_write_pb2 as writes

from contracts.events.assets import AssetClass
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_service import eventually, open_cases

HEAD = """
charter: 1
title: {title}
time_zone: UTC
contacts:
  - {{contact: boss, principal: "@boss", channels: [{{channel: phone}}]}}
lines:
"""
HOSPITAL = (
    HEAD.format(title="Never switch off")
    + """
  - id: keep-running
    outcome: Treatment goes on.
    when: {techniques: [T1486]}
    then:
      mode: understand
      steps:
        - {id: examine, type: investigate, do: task, task: Examine., authority: provider, reason: Patients first.}
        - {id: rebuild, type: remediate, do: task, task: Rebuild., authority: two_persons, after: [examine],
           reason: The cause.}
"""
)
OFFICE = (
    HEAD.format(title="Stop it at once")
    + """
  - id: cut-off
    outcome: It does not spread.
    when: {techniques: [T1486], min_value: 4}
    then:
      mode: stop
      steps:
        - {id: isolate, type: contain, do: contain network, on: devices, authority: customer, connector: edr,
           limit_seconds: 600, reason: It spreads.}
        - {id: rebuild, type: remediate, do: task, task: Rebuild., authority: provider, reason: The cause.}
  - id: watch
    outcome: It is understood.
    then:
      mode: understand
      steps:
        - {id: examine, type: investigate, do: task, task: Examine., authority: provider, reason: To know.}
"""
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


async def plan_for(service: CasesService, asset_class: AssetClass, techniques: tuple[str, ...]) -> pb.Plan:
    """The plan that the service decides for a detection on one asset of the class."""
    asset = await service.asset("server-1", asset_class, "all")
    detection = await service.detection(asset, techniques=techniques)
    await service.validate(detection)

    async def opened() -> bool:
        return any(case.subjects[0].id == detection for case in await open_cases(service))

    await eventually(opened)
    (case_id,) = [case.case_id for case in await open_cases(service) if case.subjects[0].id == detection]
    request = writes.DecidePlanRequest(tenant_id=service.tenant_id, request_id=request_id(), case_id=case_id)
    decided = await service.analyst.call(service.write.DecidePlan, request)
    shown = await service.analyst.call(
        service.read.GetCase,
        reads.GetCaseRequest(tenant_id=service.tenant_id, case_id=case_id, min_position=decided.position),
    )
    plan: pb.Plan = shown.case.plan
    return plan


async def test_the_same_detection_under_two_charters_gives_two_plans_that_name_their_lines(
    platform: Platform, tmp_path: Path
) -> None:
    plans: list[pb.Plan] = []
    digests: list[str] = []
    for name, text in (("hospital", HOSPITAL), ("office", OFFICE)):
        (tmp_path / name).mkdir()
        async with cases_service(platform, tmp_path / name) as service:
            digests.append(await service.approve(text.replace("@boss", service.approver_id)))
            plans.append(await plan_for(service, AssetClass.STANDARD, ("T1486",)))
    hospital, office = plans
    assert [(plan.line.line, plan.line.version, plan.line.digest) for plan in plans] == [
        ("keep-running", 1, digests[0]),
        ("cut-off", 1, digests[1]),
    ]
    assert [plan.mode for plan in plans] == [pb.MODE_UNDERSTAND, pb.MODE_STOP]
    assert [step.line for step in hospital.steps] == ["keep-running/examine", "keep-running/rebuild"]
    assert [step.line for step in office.steps] == ["cut-off/isolate", "cut-off/rebuild"]
    assert {step.action for step in hospital.steps} == {"task"}
    assert office.steps[0].authority == pb.AUTHORITY_CUSTOMER


async def test_under_one_charter_the_kind_of_attack_decides_which_line_answers(
    platform: Platform, tmp_path: Path
) -> None:
    async with cases_service(platform, tmp_path) as service:
        await service.approve(OFFICE.replace("@boss", service.approver_id))
        encrypted = await plan_for(service, AssetClass.STANDARD, ("T1486",))
        scanned = await plan_for(service, AssetClass.STANDARD, ("T1046",))
    assert [plan.line.line for plan in (encrypted, scanned)] == ["cut-off", "watch"]
