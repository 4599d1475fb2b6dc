"""The service through its public interface: gRPC before it, PostgreSQL behind it, the actuator at the customer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as reads
from tenet.cases.v1 import cases_read_pb2_grpc
from tenet.cases.v1 import cases_write_pb2 as writes
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass, AssetKind
from infra.grpc import RemoteError
from services.cases.policies.send_action_when_dispatched import SendActionWhenDispatched
from tests.fixtures.platform import request_id
from tests.services.cases.running_service import CasesService

DONE = pb.ACTION_STATUS_VERIFIED


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.1)


async def actions_of(service: CasesService, **query: object) -> list[pb.Action]:
    request = reads.ListActionsRequest(tenant_ids=[service.tenant_id], **query)
    return list((await service.analyst.call(service.read.ListActions, request)).actions)


async def open_cases(service: CasesService) -> list[pb.Case]:
    request = reads.ListCasesRequest(tenant_ids=[service.tenant_id], status=pb.CASE_STATUS_OPEN)
    return list((await service.analyst.call(service.read.ListCases, request)).cases)


async def preauthorise(service: CasesService, digest: str, actions: list[str], groups: list[str]) -> None:
    request = writes.SignPreauthorisationRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        actions=actions,
        groups=groups,
        charter_digest=digest,
    )
    request.expires_at.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    await service.approver.call(service.as_approver().SignPreauthorisation, request)


async def ransomware(service: CasesService, hosts: list[str]) -> tuple[str, int]:
    digest = await service.charter("clinic", clinic_it=service.approver_id)
    await preauthorise(service, digest, ["contain network", "stop process"], ["admission"])
    assets = [await service.asset(host, AssetClass.CLINICAL, "admission") for host in hosts]
    detection = await service.detection(*assets, techniques=("T1486",))
    return detection, await service.validate(detection)


async def test_a_validated_detection_leads_to_verified_actions_and_a_case_that_tells_it_all(
    service: CasesService,
) -> None:
    hosts = ["host-a", "host-b"]
    _, position = await ransomware(service, hosts)

    async def verified() -> bool:
        return [action.status for action in await actions_of(service)] == [DONE, DONE]

    await eventually(verified)
    for host in hosts:
        assert (await service.state_of(host))["network"] == "isolated"
    actions = await actions_of(service)
    assert {action.subject.validation_position for action in actions} == {position}
    assert {action.target.value for action in actions} == set(hosts)
    by_beginning = await actions_of(service, id_prefix=actions[0].action_id[:20])
    assert [each.action_id for each in by_beginning] == [actions[0].action_id]
    case_id = actions[0].case_id
    listing = reads.ListCasesRequest(tenant_ids=[service.tenant_id], id_prefix=case_id[:20])
    assert [each.case_id for each in (await service.analyst.call(service.read.ListCases, listing)).cases] == [case_id]
    assert all(action.preauthorisation_position for action in actions)
    assert [await service.effects_of(action.action_id) for action in actions] == [1, 1]
    (case,) = await open_cases(service)
    request = reads.GetCaseRequest(tenant_id=service.tenant_id, case_id=case.case_id)
    shown = await service.analyst.call(service.read.GetCase, request)
    assert shown.case.title.value == "Files are being encrypted"
    assert shown.case.plan.mode == pb.MODE_STOP
    names = [entry.event for entry in shown.case.timeline if entry.event != "TracesDrawn"]
    assert names[:3] == ["CaseOpened", "PlanDecided", "ActionDispatched"]
    assert names.count("ActionVerified") == 2
    positions = [entry.stamp.position for entry in shown.case.timeline]
    assert positions == sorted(positions)
    early = reads.GetCaseRequest(
        tenant_id=service.tenant_id, case_id=case.case_id, at_position=shown.case.opened.position
    )
    before = await service.analyst.call(service.read.GetCase, early)
    assert not before.case.HasField("plan")
    assert not before.actions
    assert [entry.event for entry in before.case.timeline] == ["CaseOpened"]


@pytest.mark.parametrize(
    ("behaviour", "status", "effects"),
    [
        ("refuse", pb.ACTION_STATUS_REFUSED, 0),
        ("lie", pb.ACTION_STATUS_VERIFICATION_FAILED, 0),
        ("fail", pb.ACTION_STATUS_LOST, 0),
        ("fail_after", DONE, 1),
        ("hang_after", DONE, 1),
        ("hang", pb.ACTION_STATUS_LOST, 0),
    ],
)
async def test_a_receiver_that_misbehaves_is_told_apart_from_one_that_obeys(
    service: CasesService, behaviour: str, status: int, effects: int
) -> None:
    await service.behave(behaviour, "host-x")
    await ransomware(service, ["host-x"])

    async def settled() -> bool:
        return [action.status for action in await actions_of(service)] == [status]

    await eventually(settled)
    (action,) = await actions_of(service)
    assert await service.effects_of(action.action_id) == effects
    assert ((await service.state_of("host-x")).get("network") == "isolated") is (effects == 1)


async def test_one_receiver_that_hangs_does_not_keep_the_others_waiting(service: CasesService) -> None:
    await service.behave("hang", "host-hung")
    await ransomware(service, ["host-hung", "host-one", "host-two", "host-three"])

    async def others_verified() -> bool:
        return [action.status for action in await actions_of(service)].count(DONE) == 3

    await eventually(others_verified)

    async def lost() -> bool:
        return len(await actions_of(service, status=pb.ACTION_STATUS_LOST)) == 1

    await eventually(lost)


async def test_what_was_never_handed_to_the_outbox_is_found_by_its_sweep(
    service: CasesService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object) -> None:
        """As if the process had died between the intent and the sending."""

    monkeypatch.setattr(SendActionWhenDispatched, "react", forget)
    await ransomware(service, ["host-s"])

    async def verified() -> bool:
        return [action.status for action in await actions_of(service)] == [DONE]

    await eventually(verified)
    (action,) = await actions_of(service)
    assert await service.effects_of(action.action_id) == 1


async def test_a_withdrawn_verdict_cancels_what_was_not_dispatched(service: CasesService) -> None:
    digest = await service.charter("clinic", clinic_it=service.approver_id)
    assert digest
    asset = await service.asset("host-w", AssetClass.CLINICAL, "admission")
    detection = await service.detection(asset, techniques=("T1486",))
    position = await service.validate(detection)

    async def planned() -> bool:
        cases = await open_cases(service)
        return bool(cases) and cases[0].HasField("plan")

    await eventually(planned)
    assert await actions_of(service) == []
    await service.withdraw(detection, position)

    async def cancelled() -> bool:
        found = await actions_of(service)
        return len(found) == 3 and all(action.status == pb.ACTION_STATUS_CANCELLED for action in found)

    await eventually(cancelled)
    (case,) = await open_cases(service)
    request = writes.DispatchActionRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        case_id=case.case_id,
        plan_id=case.plan.plan_id,
        step_id="isolate-1",
    )
    with pytest.raises(RemoteError) as refused:
        await service.analyst.call(service.write.DispatchAction, request)
    assert refused.value.reason == "VALIDATION_WITHDRAWN"


async def test_two_persons_of_the_customer_approve_and_nobody_else_counts(service: CasesService) -> None:
    await service.charter("finance", it_administrator=service.approver_id, security_officer=service.second_id)
    asset = await service.asset("acct-it-admin", AssetClass.PRIVILEGED_IDENTITY, "administrators", AssetKind.ACCOUNT)
    detection = await service.detection(asset, techniques=("T1078",))
    await service.validate(detection)

    async def opened() -> bool:
        return len(await open_cases(service)) == 1

    await eventually(opened)
    (case,) = await open_cases(service)
    tenant = {"tenant_id": service.tenant_id}
    decided = await service.analyst.call(
        service.write.DecidePlan,
        writes.DecidePlanRequest(**tenant, request_id=request_id(), case_id=case.case_id),
    )
    plan = decided.plan

    async def reason(awaited: Awaitable[object]) -> str:
        with pytest.raises(RemoteError) as refused:
            await awaited
        return refused.value.reason

    notice = writes.SendNoticeRequest(
        **tenant,
        request_id=request_id(),
        case_id=case.case_id,
        channel="phone",
        recipient_principal_id=service.second_id,
        what="Odd access",
        label=common.LABEL_AMBER,
    )
    with pytest.raises(RemoteError) as refused:
        await service.analyst.call(service.write.SendNotice, notice)
    assert refused.value.reason == "NOTICE_INCOMPLETE"
    assert {violation.field for violation in refused.value.violations} == {
        "where",
        "when",
        "evidence",
        "options",
        "deadline",
    }
    await service.analyst.call(
        service.write.CompleteStep,
        writes.CompleteStepRequest(
            **tenant,
            request_id=request_id(),
            case_id=case.case_id,
            plan_id=plan.plan_id,
            step_id="tell-security-officer",
            result="Told by phone",
        ),
    )

    def dispatch() -> Awaitable[object]:
        return service.analyst.call(
            service.write.DispatchAction,
            writes.DispatchActionRequest(
                **tenant,
                request_id=request_id(),
                case_id=case.case_id,
                plan_id=plan.plan_id,
                step_id="revoke-sessions-1",
            ),
        )

    def approval(digest: str = "") -> writes.ApprovePlanRequest:
        return writes.ApprovePlanRequest(
            **tenant,
            request_id=request_id(),
            case_id=case.case_id,
            plan_id=plan.plan_id,
            digest=digest or plan.digest,
        )

    assert await reason(dispatch()) == "APPROVAL_MISSING"
    assert await reason(service.approver.call(service.as_approver().ApprovePlan, approval("0" * 64))) == "PLAN_CHANGED"
    await service.approver.call(service.as_approver().ApprovePlan, approval())
    assert await reason(dispatch()) == "APPROVAL_MISSING"
    assert await reason(service.approver.call(service.as_approver().ApprovePlan, approval())) == "SAME_PERSON"
    pending = await service.analyst.call(
        service.read.ListPendingApprovals,
        reads.ListPendingApprovalsRequest(tenant_ids=[service.tenant_id], min_position=decided.position),
    )
    assert [step.step_id for each in pending.pending for step in each.steps][:1] == ["revoke-sessions-1"]
    second = service.second_approver
    await second.call(service.as_approver(second).ApprovePlan, approval())
    await dispatch()

    async def verified() -> bool:
        return [action.status for action in await actions_of(service)] == [DONE]

    await eventually(verified)
    assert await service.state_of("acct-it-admin") == {"sign_in": "denied"}
    (action,) = await actions_of(service)
    assert len(action.approval_positions) == 2


async def test_a_tenant_without_a_charter_has_cases_but_no_plans(service: CasesService) -> None:
    asset = await service.asset("host-n", AssetClass.STANDARD, "office")
    await service.validate(await service.detection(asset, techniques=("T1486",)))

    async def opened() -> bool:
        return len(await open_cases(service)) == 1

    await eventually(opened)
    (case,) = await open_cases(service)
    request = writes.DecidePlanRequest(tenant_id=service.tenant_id, request_id=request_id(), case_id=case.case_id)
    with pytest.raises(RemoteError) as refused:
        await service.analyst.call(service.write.DecidePlan, request)
    assert refused.value.reason == "CHARTER_MISSING"


async def test_a_request_that_is_sent_again_has_one_effect_and_a_red_note_stays_with_the_investigators(
    service: CasesService,
) -> None:
    asset = await service.asset("host-r", AssetClass.STANDARD, "office")
    await service.validate(await service.detection(asset, techniques=("T1486",)))

    async def opened() -> bool:
        return len(await open_cases(service)) == 1

    await eventually(opened)
    (case,) = await open_cases(service)
    request = writes.AddNoteRequest(
        tenant_id=service.tenant_id,
        request_id=request_id(),
        case_id=case.case_id,
        text="The source names the attacker",
        label=common.LABEL_RED,
    )
    first = await service.analyst.call(service.write.AddNote, request)
    again = await service.analyst.call(service.write.AddNote, request)
    assert first == again
    look = reads.GetCaseRequest(tenant_id=service.tenant_id, case_id=case.case_id, min_position=first.position)

    def note(answer: reads.GetCaseResponse) -> common.SealedText:
        (entry,) = [entry for entry in answer.case.timeline if entry.event == "CaseNoted"]
        return entry.text

    assert note(await service.analyst.call(service.read.GetCase, look)).value == "The source names the attacker"
    stub = service.approver.stub(cases_read_pb2_grpc.CasesReadServiceStub)
    assert note(await service.approver.call(stub.GetCase, look)).withheld
    clash = writes.AddNoteRequest(
        tenant_id=service.tenant_id,
        request_id=request.request_id,
        case_id=case.case_id,
        text=request.text,
        label=common.LABEL_GREEN,
    )
    other_words = writes.AddNoteRequest()
    other_words.CopyFrom(request)
    other_words.text = "Something else"
    for reused in (clash, other_words):
        with pytest.raises(RemoteError) as refused:
            await service.analyst.call(service.write.AddNote, reused)
        assert refused.value.reason == "REQUEST_ID_REUSED"
