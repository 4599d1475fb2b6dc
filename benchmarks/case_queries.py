"""Queues and pages of cases, 10,000 of them open in one tenant, by gRPC: `python -m benchmarks.case_queries [N]`.

Every case has a plan of five steps that waits for the customer, six observables (one in forty shares them), a task and
a second version; so the read models have about 20 rows a case. The views are built as the service builds them; then the
queries are made one after another by an analyst, each against other cases, and again while 8 are made at once.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import (
    cases_read_pb2,
    cases_read_pb2_grpc,
    cases_work_read_pb2,
    cases_work_read_pb2_grpc,
)
from tenet.common.v1 import common_pb2

from benchmarks.load import ACTOR, Figure, run
from contracts.calls import Call
from contracts.commands import Command
from contracts.events.base import Event, Sealed
from contracts.events.case_work import Observable, ObservableKind, TaskAdded, TracesDrawn
from contracts.events.cases import (
    Authority,
    CaseAssigned,
    CaseOpened,
    CharterLine,
    Mode,
    PlanDecided,
    Precedence,
    Priority,
    ResponseType,
    Step,
)
from contracts.events.subjects import SubjectKind, SubjectRef
from contracts.ids import TenantId, derive_id
from contracts.labels import Label
from infra.event_store.handler import Unit
from infra.event_store.repository import Aggregate
from infra.grpc import Client, serve
from infra.hosting import Foundation
from services.cases.connectors.registry import Connectors
from services.cases.wiring import wire
from tests.fixtures.platform import ROLE, new_platform

CASES = 10_000
IN_ONE_COMMAND = 100
ROUNDS = 60
WANTED_MS = 100.0
BUILD_SECONDS = 600.0
STREAM: Aggregate[None] = Aggregate("case", lambda: None, lambda state, _recorded: state)
LINE = CharterLine(charter_id="charter-x", version=1, digest="0" * 64, line="any")


def case_id_of(number: int) -> str:
    return derive_id("case", "benchmark", number)


def history(number: int) -> list[Event]:
    """What the ledger holds of one case."""
    case_id = case_id_of(number)
    subject = SubjectRef(
        kind=SubjectKind.DETECTION, id=derive_id("detection", number), stream_version=2, validation_position=0
    )
    assets = tuple(derive_id("asset", each) for each in (number % 2_000, number % 777))
    priority = tuple(Priority)[number % 4]
    plan_id = derive_id("plan", case_id)
    return [
        CaseOpened(
            case_id=case_id,
            subject=subject,
            priority=priority,
            severity_id=1 + number % 6,
            event_kind="detection",
            asset_ids=assets,
            title=Sealed.of(f"Something happened on host {number}", subject=f"group-{number % 50}"),
            label=Label.AMBER,
            charter=LINE,
        ),
        _traces(number, case_id, subject, assets),
        PlanDecided(
            case_id=case_id,
            plan_id=plan_id,
            digest=f"{number:064x}",
            subject=subject,
            mode=Mode.STOP,
            steps=tuple(_step(each, assets[each % 2]) for each in range(5)),
            desired_outcome="Stop it.",
            line=LINE,
            precedence=Precedence.CHARTER,
            why=("line any",),
            observe_until=None,
            seen=(),
        ),
        CaseAssigned(case_id=case_id, principal_id=derive_id("principal", number % 20)),
        TaskAdded(
            case_id=case_id,
            task_id=derive_id("task", case_id),
            title=Sealed.of("Call the owner.", subject=f"group-{number % 50}"),
            assignee=derive_id("principal", number % 20),
            due_at=None,
            label=Label.AMBER,
        ),
    ]


def _traces(number: int, case_id: str, subject: SubjectRef, assets: tuple[str, ...]) -> TracesDrawn:
    shared = number // 40 if number % 40 == 0 else number
    return TracesDrawn(
        case_id=case_id,
        subject_kind=subject.kind,
        subject_id=subject.id,
        asset_ids=assets,
        rule_id=f"rule-{number % 300}",
        techniques=(f"T{1000 + number % 200}",),
        seen_at=datetime.now(UTC),
        observables=tuple(
            Observable(
                observable_id=derive_id("observable", case_id, each),
                kind=ObservableKind.DOMAIN,
                value=Sealed.of(f"host-{shared}-{each}.example.net", subject=f"group-{number % 50}"),
                index=f"{shared % 9_000:060x}{each:04x}",
                strong=True,
                label=Label.AMBER,
            )
            for each in range(6)
        ),
    )


def _step(number: int, asset_id: str) -> Step:
    return Step(
        step_id=f"step-{number}",
        response_type=ResponseType.CONTAIN,
        action="contain",
        target_asset_id=asset_id,
        argument="network",
        active=True,
        authority=Authority.CUSTOMER,
        connector="edr",
        after=(),
        reason="It spreads, and every minute counts here.",
        line=f"any/step-{number}",
        ring=None,
        not_before=None,
        limit_seconds=600,
        verify_by="read-back",
    )


@dataclass(frozen=True)
class Desk:
    """An analyst before a tenant with all of its cases."""

    tenant_id: TenantId
    client: Client
    cases: int

    @property
    def queries(self) -> dict[str, Callable[[], Awaitable[Any]]]:
        read = self.client.stub(cases_read_pb2_grpc.CasesReadServiceStub)
        work = self.client.stub(cases_work_read_pb2_grpc.CasesWorkReadServiceStub)
        tenants, chance = [self.tenant_id], random.Random(7)

        def case() -> dict[str, Any]:
            return {"tenant_id": self.tenant_id, "case_id": case_id_of(chance.randrange(self.cases))}

        def someone() -> str:
            return derive_id("principal", chance.randrange(20))

        def ask(method: Any, request: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
            return lambda: self.client.call(method, request())

        listed, page = cases_read_pb2.ListCasesRequest, common_pb2.PageRequest(page_size=50)
        tasks = cases_work_read_pb2.ListTasksRequest
        return {
            "the queue, first page": ask(
                read.ListCases, lambda: listed(tenant_ids=tenants, status=pb.CASE_STATUS_OPEN, page=page)
            ),
            "the queue of one priority": ask(
                read.ListCases, lambda: listed(tenant_ids=tenants, priority=pb.PRIORITY_P3, page=page)
            ),
            "one person's queue": ask(
                read.ListCases, lambda: listed(tenant_ids=tenants, assignee_principal_id=someone(), page=page)
            ),
            "approvals that wait": ask(
                read.ListPendingApprovals,
                lambda: cases_read_pb2.ListPendingApprovalsRequest(tenant_ids=tenants, page=page),
            ),
            "a case": ask(read.GetCase, lambda: cases_read_pb2.GetCaseRequest(**case())),
            "what a case holds": ask(work.GetCaseContent, lambda: cases_work_read_pb2.GetCaseContentRequest(**case())),
            "the scope of a case": ask(work.GetCaseScope, lambda: cases_work_read_pb2.GetCaseScopeRequest(**case())),
            "similar cases": ask(work.ListSimilarCases, lambda: cases_work_read_pb2.ListSimilarCasesRequest(**case())),
            "one person's tasks": ask(
                work.ListTasks, lambda: tasks(tenant_ids=tenants, assignee_principal_id=someone(), page=page)
            ),
            "suggestions": ask(
                work.ListLinkSuggestions,
                lambda: cases_work_read_pb2.ListLinkSuggestionsRequest(tenant_ids=tenants, page=page),
            ),
        }


@asynccontextmanager
async def desk(cases: int) -> AsyncIterator[Desk]:
    with new_platform() as platform:
        await platform.prepare()
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(platform.running())
            tenant_id = TenantId(await running.onboard())
            foundation = await stack.enter_async_context(Foundation.open("cases", platform.settings_of("cases")))
            await _record(foundation, tenant_id, cases)
            wired = wire(foundation, Connectors({}))
            started = time.perf_counter()
            # The views alone: the policies would answer 10,000 cases that rest on nothing.
            await wired.read_side.projections.catch_up(timeout=BUILD_SECONDS)
            print(f"views of {cases} cases built in {time.perf_counter() - started:.0f} s", flush=True)
            server = await stack.enter_async_context(serve(wired.hosted, foundation.authority))
            principal_id, name = await running.register("provider")
            await running.grant(principal_id, ROLE.ROLE_ANALYST, tenant_id)
            client = await running.person_client(server.port, name)
            yield Desk(tenant_id, client, cases)


async def _record(foundation: Foundation, tenant_id: TenantId, cases: int) -> None:
    started = time.perf_counter()
    for first in range(0, cases, IN_ONE_COMMAND):
        call = Call(tenant_id, ACTOR, "/benchmark/Record", f"benchmark-{first:08}", datetime.now(UTC))

        async def work(unit: Unit, first: int = first) -> None:
            for number in range(first, min(first + IN_ONE_COMMAND, cases)):
                unit.append(await unit.load(STREAM, case_id_of(number)), history(number))

        await foundation.ledger.handler.handle(call, Command(tenant_id=tenant_id, request_id=call.request_id), work)
    print(f"{cases} cases recorded in {time.perf_counter() - started:.0f} s", flush=True)


async def p95(query: Callable[[], Awaitable[Any]], *, at_once: int = 1) -> float:
    """Milliseconds of one query at the 95th percentile."""
    taken: list[float] = []

    async def one() -> None:
        started = time.perf_counter()
        await query()
        taken.append((time.perf_counter() - started) * 1_000)

    await query()
    for _ in range(max(1, ROUNDS // at_once)):
        await asyncio.gather(*(one() for _ in range(at_once)))
    return statistics.quantiles(taken, n=20)[-1]


async def figures(cases: int = CASES) -> list[Figure]:
    found: list[Figure] = []
    async with desk(cases) as opened:
        for name, query in opened.queries.items():
            alone, together = await p95(query), await p95(query, at_once=8)
            detail = f"p95 of {ROUNDS} with {cases} open cases; {together:,.0f} ms while 8 are asked at once"
            figure = Figure(f"{name}, p95", alone, WANTED_MS, detail, at_most=True, unit=" ms")
            print(figure, detail, flush=True)
            found.append(figure)
    return found


if __name__ == "__main__":
    run(figures(int(sys.argv[1]) if len(sys.argv) > 1 else CASES))
