"""What the kit does to every request and every error."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contracts.errors import Conflict, FieldViolation, InvalidArgument
from infra.grpc import Client, Context, RemoteError, Server
from infra.grpc import pipeline as pipeline_module
from infra.grpc.methods import ServicerIncomplete
from infra.grpc.server import ServingRefused
from infra.telemetry import span

REQUEST = "request-0001"


class KitServicer:
    """Answers with what it was told about the call; `Say` can be told to fail in several ways."""

    def __init__(self, kit: ModuleType) -> None:
        self.kit = kit
        self.called = 0

    async def Say(self, request: Any, context: Context) -> Any:  # noqa: N802  # The RPC's name.
        self.called += 1
        if request.text == "conflict":
            raise Conflict("Lost.", metadata={"stream": "case-1"})
        if request.text == "wrong":
            raise InvalidArgument("Wrong.", violations=(FieldViolation("text", "is wrong"),))
        if request.text == "bug":
            raise KeyError("10.1.2.3 is the secret address")
        if request.text == "slow":
            await asyncio.sleep(30)
        call = context.call
        return self.kit.SayResponse(
            text=request.text, tenant_id=call.tenant_id, actor=call.actor.id, trace_parent=call.trace_parent
        )

    async def Count(self, request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: N802
        for number in range(request.up_to):
            if number == 3:
                raise Conflict("Three is too many.")
            yield self.kit.CountResponse(number=number)

    async def Gather(self, requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: N802
        return self.kit.GatherResponse(texts=[request.text async for request in requests])

    async def Mirror(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:  # noqa: N802
        async for request in requests:
            yield self.kit.GatherResponse(texts=[request.text])


async def test_an_authorised_call_is_answered_and_knows_its_tenant_actor_and_trace(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with span("test") as current:
            request = kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="hello")
            answer = await client.call(stub.Say, request)
            trace = f"{current.get_span_context().trace_id:032x}"
    assert (answer.text, answer.tenant_id, answer.actor) == ("hello", "clinic", "principal-ana")
    assert answer.trace_parent.split("-")[1] == trace


async def test_nothing_is_validated_or_answered_for_someone_unknown(kit: Any, running: Any, gate: Any) -> None:
    servicer = KitServicer(kit)
    async with running(servicer, authorization="Bearer eve") as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(text="far too long a text"))
    assert caught.value.reason == "UNAUTHENTICATED"
    assert servicer.called == 0
    assert gate.refusals == [(None, "/tenet_test.kit.KitService/Say", "UNAUTHENTICATED")]


async def test_every_broken_rule_is_named_with_its_path(kit: Any, running: Any) -> None:
    request = kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="far too long a text")
    request.parts.add(name="fine")
    request.parts.add()
    servicer = KitServicer(kit)
    async with running(servicer) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, request)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "MALFORMED_REQUEST"
    assert [violation.field for violation in caught.value.violations] == ["text", "parts[1].name"]
    assert servicer.called == 0


@pytest.mark.parametrize("request_id", ["", "short", "x" * 129, "with a space", "grüße-grüße"])
async def test_a_write_needs_a_well_formed_request_id(kit: Any, running: Any, request_id: str) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(tenant_id="clinic", request_id=request_id))
    assert [violation.field for violation in caught.value.violations] == ["request_id"]


async def test_a_malformed_tenant_is_no_question_for_the_gate(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(tenant_id="Clinic'; drop", request_id=REQUEST))
    assert [violation.field for violation in caught.value.violations] == ["tenant_id"]


async def test_a_domain_error_arrives_with_reason_metadata_and_when_to_retry(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="conflict"))
    assert caught.value.code is grpc.StatusCode.ABORTED
    assert (caught.value.reason, caught.value.metadata) == ("CONFLICT", {"stream": "case-1"})
    assert caught.value.retry_after == 1.0


async def test_an_error_that_names_fields_arrives_with_them(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="wrong"))
    assert caught.value.violations == (FieldViolation("text", "is wrong"),)
    assert caught.value.retry_after is None


async def test_a_bug_is_answered_with_a_reference_and_without_its_words(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="bug"))
        again = await client.call(stub.Say, kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="hello"))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert caught.value.metadata["reference"].startswith("failure-")
    assert "10.1.2.3" not in str(caught.value)
    assert again.text == "hello"


async def test_a_call_without_a_deadline_gets_the_default_one(
    kit: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "DEFAULT_DEADLINE_SECONDS", 0.2)
    async with (
        running(KitServicer(kit)) as (server, _, __),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        say = channel.unary_unary(
            "/tenet_test.kit.KitService/Say", kit.SayRequest.SerializeToString, kit.SayResponse.FromString
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(
                kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="slow"),
                metadata=(("authorization", "Bearer ana"),),
            )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "same request id" in (caught.value.details() or "")


async def test_a_longer_deadline_than_the_maximum_is_cut(
    kit: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "MAX_DEADLINE_SECONDS", 0.2)
    request = kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="slow")
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, request, deadline=25)
    assert caught.value.reason == "DEADLINE_EXCEEDED"


async def test_a_server_stream_yields_until_its_error(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        short = [answer.number async for answer in client.stream(stub.Count, kit.CountRequest(up_to=2))]
        long: list[int] = []
        with pytest.raises(RemoteError) as caught:
            await _read_into(long, client.stream(stub.Count, kit.CountRequest(up_to=9)))
    assert (short, long) == ([0, 1], [0, 1, 2])
    assert caught.value.reason == "CONFLICT"


async def test_a_query_over_a_foreign_tenant_is_refused(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await _read_into([], client.stream(stub.Count, kit.CountRequest(tenant_ids=["clinic", "retailer"])))
    assert caught.value.reason == "TENANT_UNKNOWN"


async def test_a_client_stream_is_admitted_by_its_first_message(kit: Any, running: Any) -> None:
    def batches() -> Any:
        yield kit.GatherRequest(tenant_id="clinic", text="a")
        yield kit.GatherRequest(text="b")

    async with running(KitServicer(kit)) as (_, client, stub):
        answer = await client.send(stub.Gather, batches())
    assert list(answer.texts) == ["a", "b"]


@pytest.mark.parametrize(
    ("second", "field"), [({"tenant_id": "retailer"}, "tenant_id"), ({"text": "far too long a text"}, "text")]
)
async def test_a_later_message_of_a_stream_is_checked_too(kit: Any, running: Any, second: Any, field: str) -> None:
    messages = [kit.GatherRequest(tenant_id="clinic", text="a"), kit.GatherRequest(**second)]
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.send(stub.Gather, messages)
    assert [violation.field for violation in caught.value.violations] == [field]


async def test_a_stream_without_messages_is_refused(kit: Any, running: Any) -> None:
    async with running(KitServicer(kit)) as (_, client, stub):
        with pytest.raises(RemoteError) as caught:
            await client.send(stub.Gather, [])
    assert caught.value.reason == "NO_MESSAGE"


async def test_a_message_above_the_limit_is_refused_by_the_transport(kit: Any, running: Any) -> None:
    async with (
        running(KitServicer(kit)) as (server, _, __),
        grpc.aio.insecure_channel(
            f"127.0.0.1:{server.port}", options=[("grpc.max_send_message_length", -1)]
        ) as channel,
    ):
        say = channel.unary_unary("/tenet_test.kit.KitService/Say", lambda data: data, kit.SayResponse.FromString)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(b"\x1a" + b"\x80\x80\x80\x08" + b"x" * (16 * 1024 * 1024), timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_health_and_reflection_answer_without_a_token(kit: Any, running: Any) -> None:
    async with (
        running(KitServicer(kit)) as (server, _, __),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "tenet_test.kit.KitService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        names = await _reflected_services(channel)
    assert "tenet_test.kit.KitService" in names


async def _reflected_services(channel: grpc.aio.Channel) -> list[str]:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([request]), timeout=5):
        return [service.name for service in answer.list_services_response.service]
    return []


def test_a_servicer_that_lacks_a_method_is_refused_at_the_start(kit: Any, gate: Any) -> None:
    class Half:
        async def Say(self, request: Any, context: Context) -> None:  # noqa: N802
            """The only one that it has."""

    with pytest.raises(ServicerIncomplete, match="Count"):
        Server([_hosted(kit, Half())], gate)


def test_a_server_stream_that_is_no_generator_is_refused_at_the_start(kit: Any, gate: Any) -> None:
    class Wrong(KitServicer):
        async def Count(self, request: Any, context: Context) -> Any:  # type: ignore[override]  # noqa: N802  # The mistake.
            return []

    with pytest.raises(ServicerIncomplete, match="generator"):
        Server([_hosted(kit, Wrong(kit))], gate)


def test_tokens_never_travel_in_the_clear_over_a_network(kit: Any, gate: Any) -> None:
    with pytest.raises(ServingRefused, match="loopback"):
        Server([], gate, host="0.0.0.0")


async def test_a_port_that_is_taken_is_said_so(kit: Any, running: Any, gate: Any) -> None:
    async with running(KitServicer(kit)) as (server, _, __):
        second = Server([_hosted(kit, KitServicer(kit))], gate, port=server.port)
        with pytest.raises(ServingRefused, match="cannot be served"):
            await second.start()


async def test_a_server_that_is_not_there_is_worth_a_retry(kit: Any, kit_stubs: Any) -> None:
    async with Client("127.0.0.1:1") as client:
        stub = client.stub(kit_stubs.KitServiceStub)
        with pytest.raises(RemoteError) as caught:
            await client.call(stub.Say, kit.SayRequest(), deadline=2)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.retry_after == 1.0


async def _read_into(numbers: list[int], answers: AsyncIterator[Any]) -> None:
    async for answer in answers:
        numbers.append(answer.number)  # noqa: PERF401  # What came before an error must be kept.


def _hosted(kit: Any, servicer: object) -> Any:
    from infra.grpc import Hosted

    return Hosted.of(kit, "KitService", servicer)
