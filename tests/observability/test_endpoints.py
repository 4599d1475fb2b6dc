"""Health, reflection and figures of each service, as any operator's tools ask for them."""

import asyncio
import re
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from infra.auth.authorisation import RULES
from infra.runtime.settings import SERVICES
from tests.fixtures.running_system import RunningSystem
from tests.observability.journey import CANARY, TENANT, Journey

LIMIT_SECONDS = 10
NAMES = {service: {rpc.split("/")[1] for rpc in RULES if rpc.startswith(f"/tenet.{service}.")} for service in SERVICES}
EVERYWHERE = {
    "tenet_rpc_seconds",
    "tenet_rpcs_in_flight",
    "tenet_rpc_unexpected_errors",
    "tenet_log_entries_lost",
    "tenet_append_seconds",
    "tenet_append_commands",
    "tenet_append_waiting_commands",
    "process_resident_memory_bytes",
}
VIEWS = {"tenet_projection_entries", "tenet_projection_tenants_behind"}
OWN = {
    "tenancy": VIEWS,
    "assets": {*VIEWS, "tenet_policy_reactions", "tenet_policy_tenants_behind"},
    "detections": {
        *VIEWS,
        "tenet_telemetry_records",
        "tenet_telemetry_batch_seconds",
        "tenet_telemetry_stage_seconds",
        "tenet_triage_seconds",
        "tenet_detections",
    },
    "cases": {*VIEWS, "tenet_policy_reactions", "tenet_policy_tenants_behind", "tenet_timers"},
    "reporting": VIEWS,
    "ledger": set(),
}  # fmt: skip
_SAMPLE = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEinfNa]+$")

pytestmark = pytest.mark.asyncio(loop_scope="session")


def metrics_of(system: RunningSystem, service: str) -> str:
    status = system.status()
    assert status is not None
    (address,) = [each.metrics_address for each in status.processes if each.name == service]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=LIMIT_SECONDS) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_and_each_of_its_parts_say_that_they_serve(system: RunningSystem, service: str) -> None:
    async with grpc.aio.insecure_channel(system.address(service)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", *sorted(NAMES[service])):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=LIMIT_SECONDS)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, name
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=LIMIT_SECONDS)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", SERVICES)
async def test_reflection_lists_what_a_service_answers_and_describes_it(system: RunningSystem, service: str) -> None:
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        *(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in sorted(NAMES[service])),
    ]
    async with grpc.aio.insecure_channel(system.address(service)) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        answers = [answer async for answer in stub.ServerReflectionInfo(iter(questions), timeout=LIMIT_SECONDS)]
    listed = {each.name for each in answers[0].list_services_response.service}
    assert listed >= NAMES[service]
    assert all(answer.file_descriptor_response.file_descriptor_proto for answer in answers[1:])


@pytest.mark.parametrize("service", SERVICES)
async def test_figures_are_served_and_name_neither_tenants_nor_anything_personal(
    system: RunningSystem, journey: Journey, service: str
) -> None:
    text = await asyncio.to_thread(metrics_of, system, service)
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    families |= {name.removesuffix("_total") for name in families}
    assert families >= EVERYWHERE | OWN[service]
    samples = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in samples if not _SAMPLE.match(line)] == []
    assert CANARY not in text.lower()
    assert f'"{TENANT}"' not in text


async def test_figures_are_not_served_beyond_this_machine(system: RunningSystem) -> None:
    status = system.status()
    assert status is not None
    addresses = [each.metrics_address for each in status.processes if each.metrics_address]
    assert len(addresses) == len(SERVICES)
    assert all(address.startswith("127.0.0.1:") for address in addresses)


async def test_what_was_done_is_counted(system: RunningSystem, journey: Journey) -> None:
    detections = await asyncio.to_thread(metrics_of, system, "detections")
    assert re.search(r'^tenet_detections_total\{outcome="raised"\} 1\.0$', detections, re.MULTILINE)
    assert re.search(r'^tenet_rpc_seconds_count\{code="OK",rpc="[^"]*/IngestBatch"\} 1\.0$', detections, re.MULTILINE)
    cases = await asyncio.to_thread(metrics_of, system, "cases")
    opened = r'^tenet_policy_reactions_total\{outcome="[a-z]+",policy="open_case_when_detection_validated"\} 1\.0$'
    assert re.search(opened, cases, re.MULTILINE)
