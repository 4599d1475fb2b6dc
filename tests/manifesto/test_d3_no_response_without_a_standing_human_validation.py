"""D3: no order of calls, withdrawals and the service's own reactions responds to what no standing validation calls for.

Random orders of every RPC that works cases, against the running service with its policies and timers, while verdicts
are given and taken back. Afterwards a checker that knows only the recorded events goes through the ledger.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tenet.cases.v1 import (
    cases_bulk_write_pb2,
    cases_bulk_write_pb2_grpc,
    cases_work_write_pb2,
    cases_work_write_pb2_grpc,
    cases_write_pb2,
    cases_write_pb2_grpc,
)
from tenet.cases.v1.cases_work_pb2 import OBSERVABLE_KIND_DOMAIN
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass
from contracts.events.base import Recorded
from contracts.events.case_work import LinkSuggested
from contracts.events.cases import ActionDispatched, CaseOpened, EnquirySent, NoticeSent, PlanDecided
from contracts.ids import TenantId
from infra.grpc import RemoteError
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.cases.checker import cited, unsupported
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_service import actions_of, preauthorise

STEPS = 200
LEADING = (
    "OpenCase",
    "LinkSubject",
    "DecidePlan",
    "ApprovePlan",
    "DispatchAction",
    "SendNotice",
    "MergeCase",
    "SplitCase",
)
"""What leads to a response: asked for more often than the rest."""
AMBER = common.LABEL_AMBER
PAGE = common.PageRequest(page_size=500)
CHARTER = """
charter: 1
title: Everything
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}, {channel: portal}]}
lines:
  - id: any
    outcome: Stop it.
    then:
      mode: stop
      automatic: true
      steps:
        - {id: keep, type: investigate, do: copy evidence, on: devices, authority: provider, connector: edr,
           reason: Keep.}
        - {id: cut, type: contain, do: contain network, on: devices, authority: preauthorised, connector: edr,
           limit_seconds: 600, reason: Cut.}
        - {id: kill, type: eliminate, do: stop process, on: devices, authority: customer, connector: edr, after: [keep],
           reason: Kill.}
        - {id: fix, type: remediate, do: task, task: Fix., authority: provider, reason: Cause.}
"""
LEFT_OUT = {
    "AcknowledgeNotice",
    "AnswerEnquiry",
    "SignPreauthorisation",
    "RevokePreauthorisation",
}
"""What only the customer's person says, which is neither a response nor leads to one without a plan."""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform, tmp_path: Path) -> AsyncIterator[CasesService]:
    async with cases_service(platform, tmp_path) as running:
        digest = await running.approve(CHARTER.replace("@boss", running.approver_id))
        await preauthorise(running, digest, ["contain network"], ["office"])
        yield running


class Driver:
    """Makes random requests about what the ledger holds at the moment."""

    def __init__(self, service: CasesService, detections: list[str], chance: random.Random) -> None:
        self.service, self.detections, self.chance = service, detections, chance
        self.entries: list[Recorded[Any]] = []
        self.verdicts: dict[str, int] = {}

    async def look(self) -> None:
        tenant_id = TenantId(self.service.tenant_id)
        feed = self.service.foundation.ledger.feed
        self.entries += await feed.read(tenant_id, len(self.entries), 10_000)

    def one_of(self, kind: type[Any], name: str) -> str:
        found = [getattr(entry.event, name) for entry in self.entries if isinstance(entry.event, kind)]
        return str(self.chance.choice(found)) if found else "nothing-of-this-kind"

    def case(self) -> str:
        return self.one_of(CaseOpened, "case_id")

    def subject(self) -> dict[str, Any]:
        return {"kind": common.SUBJECT_KIND_DETECTION, "id": self.chance.choice(self.detections)}

    def requests(self) -> dict[str, dict[str, Any]]:
        """The fields of a random request for each RPC, as the ledger stands."""
        plans = [entry.event for entry in self.entries if isinstance(entry.event, PlanDecided)]
        plan = self.chance.choice(plans) if plans else None
        steps = [each.step_id for each in plan.steps] if plan else ["x"]
        planned = {"case_id": plan.case_id, "plan_id": plan.plan_id} if plan else {"case_id": "x", "plan_id": "x"}
        digested = {**planned, "digest": plan.digest if plan else "0" * 64}
        step = {**planned, "step_id": self.chance.choice(steps)}
        case, several = {"case_id": self.case()}, {"case_ids": list({self.case(), self.case()})}
        into, why = {"into_case_id": self.case()}, {"reason": "x"}
        action = {"action_id": self.one_of(ActionDispatched, "action_id")}
        suggestion = {"suggestion_id": self.one_of(LinkSuggested, "suggestion_id")}
        evidence, customer = {"label": AMBER, "summary": "x"}, self.service.approver_id
        told = {"channel": "phone", "recipient_principal_id": customer, "label": AMBER}
        ending = {
            "outcome": self.chance.choice(("resolved", "verdict_withdrawn")),
            **dict.fromkeys(("root_cause", "lessons", "recommendation"), "x"),
            "cause_addressed": True,
        }
        return {
            "OpenCase": {"subject": self.subject(), "title": "x", "label": AMBER},
            "LinkSubject": {**case, "subject": self.subject()},
            "AssignCase": {**case, "principal_id": customer},
            "AddNote": {**case, "text": "x", "label": AMBER},
            "AddEvidence": {**case, "evidence": evidence},
            "DecidePlan": case,
            "ReorderPlan": {**digested, "order": steps[::-1], **why},
            "ApprovePlan": digested,
            "RejectPlan": {**digested, **why},
            "DispatchAction": {**step, "attempt": self.chance.choice((1, 1, 2))},
            "CompleteStep": {**step, "result": "done"},
            "VerifyAction": {**action, "effective": True, "path": "eyes", "observation": evidence},
            "ReverseAction": action,
            "SendNotice": {
                **case,
                **told,
                **dict.fromkeys(("what", "where", "when"), "x"),
                "evidence": [evidence],
                "options": ["Wait"],
            },
            "SendEnquiry": {**told, "detection_id": self.chance.choice(self.detections), "question": "Expected?"},
            "CloseCase": {**case, **ending},
            "ReopenCase": {**case, **why},
            "MergeCase": {**case, **into, **why},
            "UnmergeCase": {**case, **why},
            "SplitCase": {**case, "subject_ids": [self.subject()["id"]], "label": AMBER, **why},
            "UnlinkSubject": {**case, "subject": self.subject(), **why},
            "AddTask": {**case, "title": "x", "label": AMBER},
            "AssignTask": {**case, "task_id": "x", "principal_id": customer},
            "CompleteTask": {**case, "task_id": "x", "result": "x"},
            "DropTask": {**case, "task_id": "x", **why},
            "AddObservable": {**case, "kind": OBSERVABLE_KIND_DOMAIN, "value": "c2.example.net", "label": AMBER},
            "RemoveObservable": {**case, "observable_id": "x", **why},
            "KeepEvidenceFile": {
                **case,
                **dict.fromkeys(("name", "summary", "obtained_from"), "x"),
                "content": b"x",
                "label": AMBER,
            },
            "TransferCustody": {**case, "evidence_id": "x", "to_principal_id": customer, "place": "x", **why},
            "CopyEvidence": {**case, "evidence_id": "x", "purpose": "x"},
            "AcceptLink": {**suggestion, **why},
            "DeclineLink": {**suggestion, **why},
            "MergeCases": {**several, **into, **why},
            "UnmergeCases": {**several, **why},
            "CloseCases": {**several, **ending},
            "AddNotes": {**several, "text": "x", "label": AMBER},
        }

    async def judge(self) -> None:
        """Gives a verdict on a detection, or takes it back; now and then both."""
        detection = self.chance.choice(self.detections)
        if detection in self.verdicts:
            await self.service.withdraw(detection, self.verdicts.pop(detection))
        if self.chance.random() < 0.7:
            self.verdicts[detection] = await self.service.validate(detection)


def calls_of(service: CasesService) -> dict[str, tuple[Any, Callable[[Any], Awaitable[Any]]]]:
    """Every RPC that works cases: its request class, and the call as an analyst or, for approvals, as the customer."""
    found: dict[str, tuple[Any, Callable[[Any], Awaitable[Any]]]] = {}
    for module, stubs, name in (
        (cases_write_pb2, cases_write_pb2_grpc, "CasesWriteService"),
        (cases_work_write_pb2, cases_work_write_pb2_grpc, "CasesWorkWriteService"),
        (cases_bulk_write_pb2, cases_bulk_write_pb2_grpc, "CasesBulkWriteService"),
    ):
        for rpc in module.DESCRIPTOR.services_by_name[name].methods_by_name:
            if rpc in LEFT_OUT:
                continue
            client = service.approver if rpc in ("ApprovePlan", "RejectPlan") else service.analyst
            stub = client.stub(getattr(stubs, f"{name}Stub"))

            found[rpc] = (getattr(module, f"{rpc}Request"), partial(client.call, getattr(stub, rpc)))
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_order_of_calls_responds_without_a_standing_validation(service: CasesService, seed: int) -> None:
    chance = random.Random(seed)
    hosts = [await service.asset(f"host-{number}", AssetClass.STANDARD, "office") for number in range(3)]
    shared = ("domain: c2.example.net",)
    detections = [await service.detection(host, techniques=("T1059",), observables=shared) for host in hosts]
    driver = Driver(service, detections, chance)
    calls = calls_of(service)
    refused: set[str] = set()
    for _ in range(STEPS):
        await driver.look()
        if chance.random() < 0.2:
            await driver.judge()
            # The service's own reactions come in between, now early, now late.
            await asyncio.sleep(chance.choice((0.0, 0.1, 0.3)))
            continue
        rpc = chance.choice((*LEADING, *sorted(calls))) if chance.random() < 0.5 else chance.choice(LEADING)
        request_class, ask = calls[rpc]
        request = request_class(tenant_id=service.tenant_id, request_id=request_id(), **driver.requests()[rpc])
        if "deadline" in request.DESCRIPTOR.fields_by_name:
            request.deadline.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
        try:
            await ask(request)
        except RemoteError as error:
            refused.add(error.reason)
    await asyncio.sleep(1.0)
    await driver.look()
    assert unsupported(driver.entries) == []
    responses = [entry for entry in driver.entries if cited(entry)]
    assert {type(entry.event) for entry in responses} >= {CaseOpened, PlanDecided, ActionDispatched}
    assert refused & {"NOT_VALIDATED", "VALIDATION_WITHDRAWN"}
    # The auditor's list shows each action with the validation that it rests on, whatever became of its case.
    listed = {action.action_id: action.subject.validation_position for action in await actions_of(service, page=PAGE)}
    for entry in driver.entries:
        if isinstance(entry.event, ActionDispatched):
            assert listed[entry.event.action_id] == entry.event.basis.subject.validation_position


async def test_every_way_to_a_response_is_refused_where_nobody_has_validated(service: CasesService) -> None:
    host = await service.asset("host-0", AssetClass.STANDARD, "office")
    detection = await service.detection(host, techniques=("T1059",))
    driver = Driver(service, [detection], random.Random(3))
    for rpc, (request_class, ask) in calls_of(service).items():
        request = request_class(tenant_id=service.tenant_id, request_id=request_id(), **driver.requests()[rpc])
        if "deadline" in request.DESCRIPTOR.fields_by_name:
            request.deadline.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
        try:
            await ask(request)
        except RemoteError:
            continue
        assert rpc in {"MergeCases", "UnmergeCases", "CloseCases", "AddNotes"}, rpc
    await driver.look()
    assert not [entry for entry in driver.entries if cited(entry) or isinstance(entry.event, NoticeSent | EnquirySent)]
