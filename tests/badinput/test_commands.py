"""Commands that contradict each other, are sent twice, lose their answers, or name what is not there."""

import asyncio

import grpc
import pytest
from tenet.cases.v1 import cases_admin_pb2, cases_admin_pb2_grpc
from tenet.common.v1 import common_pb2

from infra.grpc import Client, RemoteError
from tests.badinput.cutting_proxy import cutting_proxy
from tests.badinput.work import detection, entries, report, validate, validation
from tests.fixtures.customers import CHARTERS, Customer, Provider, refusal, request_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERDICTS = (common_pb2.VERDICT_BENIGN_EXPECTED, common_pb2.VERDICT_FALSE_POSITIVE)


async def outcome(awaited: object) -> str:
    """`done`, or the reason of the refusal."""
    try:
        await awaited  # type: ignore[misc]  # Whatever a client's call gives.
    except RemoteError as error:
        return error.reason
    return "done"


async def test_of_contradicting_verdicts_at_the_same_moment_one_stands(provider: Provider, own: Customer) -> None:
    detection_id = await detection(provider, own, "host-contested")
    _, colleague = await provider.person("provider", common_pb2.ROLE_ANALYST, own.tenant_id)
    clients = [provider.client("detections", name) for name in (own.analyst, colleague)]
    calls = [
        outcome(validate(clients[number % 2], validation(own, detection_id, VERDICTS[number % 2])))
        for number in range(12)
    ]
    outcomes = sorted(await asyncio.gather(*calls))
    assert outcomes == ["ALREADY_VALIDATED"] * 11 + ["done"]
    validated = await entries(provider, own, "tenet.detections.DetectionValidated")
    assert [entry["data"]["detection_id"] for entry in validated].count(detection_id) == 1


async def test_the_same_request_id_is_one_effect_and_another_content_under_it_an_error(
    provider: Provider, own: Customer
) -> None:
    client, request = provider.client("detections", own.approver), request_id()
    answers = await asyncio.gather(*(report(client, own, "Odd mail", request) for _ in range(8)))
    assert len({(answer.customer_report_id, answer.position) for answer in answers}) == 1
    filed = await entries(provider, own, "tenet.detections.CustomerReportFiled")
    identifier = answers[0].customer_report_id
    assert [entry["data"]["customer_report_id"] for entry in filed].count(identifier) == 1
    detection_id = await detection(provider, own, "host-reused")
    analyst, reused = provider.client("detections", own.analyst), request_id()
    await validate(analyst, validation(own, detection_id, VERDICTS[0], reused))
    error = await refusal(validate(analyst, validation(own, detection_id, VERDICTS[1], reused)))
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")


@pytest.mark.parametrize("request_text", ["", "short", "x" * 129, "with a space in", "with-ümlaut-in"])
async def test_a_request_id_that_is_none_is_named_as_the_field_that_is_wrong(
    provider: Provider, own: Customer, request_text: str
) -> None:
    request = validation(own, "detection-x", VERDICTS[0])
    request.request_id = request_text
    error = await refusal(validate(provider.client("detections", own.analyst), request))
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "MALFORMED_REQUEST")
    assert [violation.field for violation in error.violations] == ["request_id"]


async def test_a_command_whose_answer_was_lost_is_retried_with_the_first_result(
    provider: Provider, own: Customer
) -> None:
    """The request arrives, the answer does not, the caller's deadline passes: asking again is safe."""
    tokens, request = provider.system.tokens(), request_id()
    async with (
        cutting_proxy(provider.system.address("detections")) as proxy,
        Client(proxy.address, lambda: tokens.authorization(own.approver)) as through,
    ):
        warm = await report(through, own, "Before")
        proxy.cut = True
        lost = await refusal(report(through, own, "Lost", request, deadline=3))
        assert lost.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert proxy.lost_bytes > 0
        proxy.drop()
    direct = provider.client("detections", own.approver)
    again = await report(direct, own, "Lost", request)
    assert again.position > warm.position
    once_more = await report(direct, own, "Lost", request)
    assert (once_more.position, once_more.customer_report_id) == (again.position, again.customer_report_id)
    filed = await entries(provider, own, "tenet.detections.CustomerReportFiled")
    found = [entry for entry in filed if entry["data"]["customer_report_id"] == again.customer_report_id]
    assert len(found) == 1


async def test_a_connection_that_breaks_in_the_middle_says_so_and_leaves_nothing_half_done(
    provider: Provider, own: Customer
) -> None:
    tokens, requests = provider.system.tokens(), [request_id() for _ in range(20)]
    async with (
        cutting_proxy(provider.system.address("detections")) as proxy,
        Client(proxy.address, lambda: tokens.authorization(own.approver)) as through,
    ):
        await report(through, own, "Before")
        calls = [asyncio.create_task(outcome(report(through, own, "Broken", each))) for each in requests]
        await asyncio.sleep(0.05)
        proxy.cut = True
        proxy.drop()
        await asyncio.wait(calls, timeout=30)
        assert all(call.done() for call in calls)
    direct = provider.client("detections", own.approver)
    answers = await asyncio.gather(*(report(direct, own, "Broken", each) for each in requests))
    filed = await entries(provider, own, "tenet.detections.CustomerReportFiled")
    identifiers = [entry["data"]["customer_report_id"] for entry in filed]
    assert [identifiers.count(answer.customer_report_id) for answer in answers] == [1] * len(requests)


async def test_a_charter_that_names_an_unknown_asset_class_is_refused_with_the_place(
    provider: Provider, own: Customer
) -> None:
    text = (CHARTERS / "clinic.yaml").read_text().replace("@clinic-it", own.approver_id)
    client = provider.client("cases", own.analyst)
    stub = client.stub(cases_admin_pb2_grpc.CasesAdminServiceStub)

    async def propose(charter: str) -> RemoteError:
        request = cases_admin_pb2.ProposeCharterRequest(tenant_id=own.tenant_id, request_id=request_id(), text=charter)
        return await refusal(client.call(stub.ProposeCharter, request))

    error = await propose(text.replace("class: clinical", "class: spaceships"))
    assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "CHARTER_INVALID")
    assert error.violations
    assert any("protected_classes" in violation.field for violation in error.violations), error.violations
    for broken in ("charter: 1\n  - [", "charter: 1", "just words", "a: &a [*a]", "!!python/object:os.system {}"):
        error = await propose(broken)
        assert (error.code.name, error.reason) == ("INVALID_ARGUMENT", "CHARTER_INVALID"), broken
    before = [entry["type"] for entry in await entries(provider, own)]
    assert before.count("tenet.cases.CharterProposed") == 1


async def test_what_is_not_there_is_not_found_by_its_own_reason(provider: Provider, own: Customer) -> None:
    client = provider.client("detections", own.analyst)
    for detection_id in ("detection-of-nobody", "x", "'; DROP SCHEMA t_own; --"):
        error = await refusal(validate(client, validation(own, detection_id, VERDICTS[0])))
        assert (error.code.name, error.reason) == ("NOT_FOUND", "DETECTION_UNKNOWN")
