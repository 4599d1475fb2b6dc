"""M5a: what a charter promises about a case's times is kept or missed on record, also by timers that come late."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tenet.cases.v1 import cases_people_pb2 as people
from tenet.cases.v1 import cases_people_read_pb2 as reads
from tenet.cases.v1 import cases_people_read_pb2_grpc as reads_grpc
from tenet.cases.v1 import cases_people_write_pb2 as clocks
from tenet.cases.v1 import cases_people_write_pb2_grpc as clocks_grpc
from tenet.cases.v1 import cases_write_pb2 as writes
from typer.testing import CliRunner

from contracts.events.assets import AssetClass
from contracts.events.people import ServiceLevelBreached
from contracts.ids import TenantId
from infra.cli.__main__ import app
from infra.grpc import Client, RemoteError
from tests.fixtures.platform import ROLE, Platform, new_platform, request_id
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_service import eventually, open_cases

ACKNOWLEDGE, DECIDE = people.OBJECTIVE_ACKNOWLEDGE, people.OBJECTIVE_DECIDE
CONTAIN, RESOLVE = people.OBJECTIVE_CONTAIN, people.OBJECTIVE_RESOLVE
RUNNING, PAUSED, MET = people.CLOCK_STATUS_RUNNING, people.CLOCK_STATUS_PAUSED, people.CLOCK_STATUS_MET
BREACHED, MET_LATE = people.CLOCK_STATUS_BREACHED, people.CLOCK_STATUS_MET_LATE
MINUTES = {ACKNOWLEDGE: 15, DECIDE: 60, CONTAIN: 120, RESOLVE: 480}
CHARTER = """
charter: 1
title: A site that is promised something
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}]}
priorities: [{priority: P3, min_severity: 1}]
deadlines:
  P3: {acknowledge_minutes: 15, decide_minutes: 60, contain_minutes: 120, resolve_minutes: 480}
lines:
  - id: cut-off
    outcome: Stop it.
    then:
      mode: stop
      steps:
        - {id: cut-off, type: contain, do: task, task: Take the machine off the network., authority: provider,
           reason: It spreads.}
"""


class Clock:
    """The present, and as much further as a test moves it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(platform: Platform, tmp_path: Path, clock: Clock) -> AsyncIterator[CasesService]:
    async with cases_service(platform, tmp_path, clock=clock) as running:
        yield running


async def opened(service: CasesService) -> str:
    """A case whose clocks run."""
    await service.approve(CHARTER.replace("@boss", service.approver_id))
    asset = await service.asset("desk-1", AssetClass.STANDARD, "office")
    await service.validate(await service.detection(asset, techniques=("T1059",)))

    async def started() -> bool:
        return set(await clocks_of(service)) == set(MINUTES)

    await eventually(started)
    (case,) = await open_cases(service)
    return str(case.case_id)


async def clocks_of(service: CasesService) -> dict["people.Objective.ValueType", people.ServiceLevel]:
    request = reads.ListServiceLevelsRequest(tenant_ids=[service.tenant_id], include_settled=True)
    stub = service.analyst.stub(reads_grpc.CasesPeopleReadServiceStub)
    found = (await service.analyst.call(stub.ListServiceLevels, request)).service_levels
    return {each.objective: each for each in found}


async def becomes(
    service: CasesService, objective: "people.Objective.ValueType", status: "people.ClockStatus.ValueType"
) -> people.ServiceLevel:
    async def is_so() -> bool:
        return (await clocks_of(service))[objective].status == status

    await eventually(is_so)
    return (await clocks_of(service))[objective]


async def write(service: CasesService, rpc: str, request: Any, client: Client | None = None) -> Any:
    caller = client or service.analyst
    request.tenant_id, request.request_id = service.tenant_id, request_id()
    return await caller.call(getattr(caller.stub(clocks_grpc.CasesPeopleWriteServiceStub), rpc), request)


async def assign(service: CasesService, case_id: str) -> None:
    request = writes.AssignCaseRequest(
        tenant_id=service.tenant_id, request_id=request_id(), case_id=case_id, principal_id=service.approver_id
    )
    await service.analyst.call(service.write.AssignCase, request)


async def decide(service: CasesService, case_id: str) -> str:
    request = writes.DecidePlanRequest(tenant_id=service.tenant_id, request_id=request_id(), case_id=case_id)
    return str((await service.analyst.call(service.write.DecidePlan, request)).plan.plan_id)


async def test_each_promise_is_met_by_what_people_did_and_names_the_charters_line(service: CasesService) -> None:
    case_id = await opened(service)
    for objective, level in (await clocks_of(service)).items():
        promised = level.deadline.ToDatetime() - level.started_at.ToDatetime()
        assert promised == timedelta(minutes=MINUTES[objective])
        assert (level.status, level.charter.version, level.charter.line) == (RUNNING, 1, "deadlines/P3")
    await assign(service, case_id)
    await becomes(service, ACKNOWLEDGE, MET)
    plan_id = await decide(service, case_id)
    await becomes(service, DECIDE, MET)
    assert (await clocks_of(service))[CONTAIN].status == RUNNING
    step = writes.CompleteStepRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        case_id=case_id,
        plan_id=plan_id,
        step_id="cut-off",
        result="The cable is out.",
    )
    await service.analyst.call(service.write.CompleteStep, step)
    await becomes(service, CONTAIN, MET)
    closing = writes.CloseCaseRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        case_id=case_id,
        outcome="resolved",
        root_cause="A macro.",
        cause_addressed=True,
        lessons="Block macros.",
        recommendation="Block macros.",
    )
    await service.analyst.call(service.write.CloseCase, closing)
    await becomes(service, RESOLVE, MET)


async def test_a_promise_that_is_not_kept_is_breached_by_itself_and_what_comes_after_is_late(
    service: CasesService, clock: Clock
) -> None:
    case_id = await opened(service)
    clock.ahead = timedelta(minutes=20)
    await becomes(service, ACKNOWLEDGE, BREACHED)
    assert (await clocks_of(service))[DECIDE].status == RUNNING
    await assign(service, case_id)
    await becomes(service, ACKNOWLEDGE, MET_LATE)


async def test_a_clock_pauses_only_for_a_reason_and_then_runs_for_the_time_that_was_left(
    service: CasesService, clock: Clock
) -> None:
    case_id = await opened(service)
    pause = clocks.PauseServiceLevelRequest(case_id=case_id, objective=CONTAIN)
    with pytest.raises(RemoteError) as refused:
        await write(service, "PauseServiceLevel", pause)
    assert refused.value.reason == "REASON_MISSING"
    pause.reason = "The hospital asked us to wait for the night."
    with pytest.raises(RemoteError) as refused:
        await write(service, "PauseServiceLevel", pause, service.approver)
    assert refused.value.reason == "ROLE_MISSING"
    await write(service, "PauseServiceLevel", pause)
    level = await becomes(service, CONTAIN, PAUSED)
    assert level.paused_for.value == pause.reason
    clock.ahead = timedelta(hours=5)
    await becomes(service, DECIDE, BREACHED)
    assert (await clocks_of(service))[CONTAIN].status == PAUSED
    resumed = await write(
        service, "ResumeServiceLevel", clocks.ResumeServiceLevelRequest(case_id=case_id, objective=CONTAIN)
    )
    left = resumed.deadline.ToDatetime(UTC) - clock()
    assert timedelta(minutes=118) < left <= timedelta(minutes=120)
    assert (await becomes(service, CONTAIN, RUNNING)).deadline == resumed.deadline


async def test_a_lead_sees_pauses_and_resumes_the_clocks_at_the_command_line(
    service: CasesService, tmp_path: Path
) -> None:
    case_id = await opened(service)
    principal_id, name = await service.running.register("provider")
    await service.running.grant(principal_id, ROLE.ROLE_LEAD, service.tenant_id)
    environment = {
        "TENET_STATE": str(tmp_path / "state"),
        "TENET_ENDPOINTS": f"127.0.0.1:{service.port}",
        "TENET_TOKEN": service.running.issuer.token(name),
        "COLUMNS": "200",
    }

    async def tenet(*words: str) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["sla", *words], env=environment)
        assert result.exit_code == 0, result.output
        return str(result.output)

    one = ("-t", service.tenant_id, case_id, "contain")
    await tenet("pause", *one, "--reason", "A change freeze.")
    await becomes(service, CONTAIN, PAUSED)
    of_case = ("list", "-t", service.tenant_id, "--case", case_id)
    assert "A change freeze." in await tenet(*of_case, "--json")
    shown = await tenet(*of_case)
    assert (shown.count("paused"), shown.count("running")) == (1, 3)
    assert "until" in await tenet("resume", *one)
    await becomes(service, CONTAIN, RUNNING)


async def test_deadlines_that_pass_while_nothing_runs_are_breached_at_the_next_start_and_once(
    platform: Platform, tmp_path: Path, clock: Clock
) -> None:
    async with cases_service(platform, tmp_path / "first", clock=clock) as service:
        await opened(service)
        tenant_id = TenantId(service.tenant_id)
    for minutes, missed in ((90, ["acknowledge", "decide"]), (150, ["acknowledge", "contain", "decide"])):
        clock.ahead = timedelta(minutes=minutes)
        async with cases_service(platform, tmp_path / str(minutes), clock=clock) as service:
            found = await breaches(service, tenant_id, len(missed))
            assert sorted(event.objective.value for event in found) == missed


async def breaches(service: CasesService, tenant_id: TenantId, count: int) -> list[ServiceLevelBreached]:
    found: list[ServiceLevelBreached] = []

    async def enough() -> bool:
        entries = await service.foundation.ledger.feed.read(tenant_id, 0, 1000)
        found[:] = [entry.event for entry in entries if isinstance(entry.event, ServiceLevelBreached)]
        return len(found) >= count

    await eventually(enough)
    return found
