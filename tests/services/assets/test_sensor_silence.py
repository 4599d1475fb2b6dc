"""Sensors: signs of life, silence that begins after two missed ones, and its end."""

import asyncio
from datetime import timedelta

import pytest
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_write_pb2 as write
from tenet.assets.v1 import assets_write_pb2_grpc

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.assets import SensorSilenceEnded, SensorSilenceStarted
from contracts.events.detections import TelemetryReceived
from contracts.ids import PROVIDER, TenantId
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate
from infra.grpc import Client, RemoteError
from tests.fixtures.platform import request_id
from tests.services.assets.world import AssetsWorld

TELEMETRY = Aggregate("telemetry", lambda: None, lambda state, recorded: state)
INTERVAL_SECONDS = 600
TWO_INTERVALS = timedelta(seconds=2 * INTERVAL_SECONDS + 1)


async def register(world: AssetsWorld, *, principal_id: str = "") -> write.RegisterSensorResponse:
    request = write.RegisterSensorRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        system_type="endpoint",
        interval_seconds=INTERVAL_SECONDS,
        principal_id=principal_id,
    )
    return await world.analyst.call(world.write.RegisterSensor, request)


async def heartbeat(world: AssetsWorld, client: Client, sensor_id: str) -> write.RecordHeartbeatResponse:
    stub = client.stub(assets_write_pb2_grpc.AssetsWriteServiceStub)
    request = write.RecordHeartbeatRequest(tenant_id=world.tenant_id, request_id=request_id(), sensor_id=sensor_id)
    return await client.call(stub.RecordHeartbeat, request)


async def shown(world: AssetsWorld, position: int) -> pb.Sensor:
    asked = read.ListSensorsRequest(tenant_ids=[world.tenant_id], min_position=position)
    return (await world.analyst.call(world.read.ListSensors, asked)).sensors[0]


async def silences(world: AssetsWorld) -> list[SensorSilenceStarted | SensorSilenceEnded]:
    entries = await world.foundation.ledger.feed.read(TenantId(world.tenant_id), 0, 100)
    events = [entry.event for entry in entries]
    return [event for event in events if isinstance(event, SensorSilenceStarted | SensorSilenceEnded)]


async def test_a_silence_begins_after_two_missed_intervals_and_ends_with_a_heartbeat(world: AssetsWorld) -> None:
    principal_id, machine = await world.sensor_client()
    sensor = await register(world, principal_id=principal_id)
    heard = await heartbeat(world, machine, sensor.sensor_id)
    assert (await shown(world, sensor.position)).last_heard_at == heard.heard_at
    await world.sweep.sweep()
    assert await silences(world) == []

    late = world.sweep_later(TWO_INTERVALS)
    await asyncio.gather(late.sweep(), late.sweep())
    started = await silences(world)
    assert [type(event) for event in started] == [SensorSilenceStarted]
    assert started[0].last_heard_at == heard.heard_at.ToDatetime(tzinfo=started[0].last_heard_at.tzinfo)

    back = await heartbeat(world, machine, sensor.sensor_id)
    ended = await silences(world)
    assert [type(event) for event in ended] == [SensorSilenceStarted, SensorSilenceEnded]
    assert ended[1].silent_from == started[0].last_heard_at
    assert ended[1].silent_until == back.heard_at.ToDatetime(tzinfo=ended[1].silent_until.tzinfo)
    assert not (await shown(world, back.position)).silent


async def test_telemetry_is_a_sign_of_life(world: AssetsWorld) -> None:
    sensor = await register(world)
    await shown(world, sensor.position)
    await world.sweep_later(TWO_INTERVALS).sweep()
    position = await ingest(world, sensor.sensor_id)
    async with asyncio.timeout(10):
        while len(await silences(world)) < 2:
            await asyncio.sleep(0.05)
    assert [type(event) for event in await silences(world)] == [SensorSilenceStarted, SensorSilenceEnded]
    assert (await shown(world, position)).HasField("last_heard_at")


async def test_only_its_own_principal_speaks_for_a_sensor(world: AssetsWorld) -> None:
    _, machine = await world.sensor_client()
    sensor = await register(world, principal_id="principal-another")
    with pytest.raises(RemoteError) as refused:
        await heartbeat(world, machine, sensor.sensor_id)
    assert refused.value.reason == "SENSOR_NOT_YOURS"
    with pytest.raises(RemoteError) as refused:
        await heartbeat(world, machine, "sensor-nobody")
    assert refused.value.reason == "SENSOR_UNKNOWN"


async def ingest(world: AssetsWorld, sensor_id: str) -> int:
    """Records a batch as the detections service does, which alone may."""
    settings = world.platform.settings_of("detections")
    async with Ledger.open(settings, world.foundation.keys) as ledger:
        actor = Actor("principal-sensor", AuthenticatedBy.API_KEY, PROVIDER)
        call = Call(TenantId(world.tenant_id), actor, "test", request_id(), world.foundation.clock())

        async def work(unit: Unit) -> None:
            received = TelemetryReceived(
                batch_id="batch-1",
                sensor_id=sensor_id,
                format="sysmon",
                records=1,
                accepted=1,
                repeated=0,
                put_aside=(),
                skewed=0,
                bytes=1,
                sha256="a" * 64,
                put_aside_sha256=None,
                first_occurred_at=None,
                last_occurred_at=None,
            )
            unit.append(await unit.load(TELEMETRY, "batch-1"), [received])

        command = Command(tenant_id=call.tenant_id, request_id=call.request_id)
        return (await ledger.handler.handle(call, command, work)).position
