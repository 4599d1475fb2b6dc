"""What an answer adds to its document is as old as the document: values of other things, signs of life, the clocks."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_write_pb2 as write

from infra.grpc import RemoteError
from tests.fixtures.platform import request_id
from tests.services.assets.test_assets_service import finding
from tests.services.assets.test_sensor_silence import heartbeat, register
from tests.services.assets.world import AssetsWorld


async def test_a_finding_shows_the_value_that_its_asset_was_known_to_have_then(world: AssetsWorld) -> None:
    asset = await world.register(value=2)
    made = await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id))
    higher = write.ReclassifyAssetRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        asset_id=asset.asset_id,
        asset_class=pb.ASSET_CLASS_CLINICAL,
        value=5,
        group="wards",
        reason="It runs the pharmacy now.",
    )
    raised = await world.analyst.call(world.write.ReclassifyAsset, higher)
    for at, value in ((made.position, 2), (raised.position, 5), (None, 5)):
        named = {"min_position": raised.position, "at_position": at}
        one = read.GetFindingRequest(tenant_id=world.tenant_id, finding_id=made.finding_id, **named)
        shown = await world.analyst.call(world.read.GetFinding, one)
        assert shown.finding.asset_value == value
        assert shown.sight.position == (raised.position if at is None else at)
        every = read.ListFindingsRequest(tenant_ids=[world.tenant_id], **named)
        (listed,) = (await world.analyst.call(world.read.ListFindings, every)).findings
        assert listed.asset_value == value


async def test_an_asset_is_shown_by_either_clock_and_not_before_it_was_there(world: AssetsWorld) -> None:
    await world.register("ward-6", addresses=["10.0.0.6"])
    before = datetime.now(UTC)
    asset = await world.register()
    retire = write.RetireAssetRequest(
        tenant_id=world.tenant_id, request_id=request_id(), asset_id=asset.asset_id, reason="Sold"
    )
    retired = await world.analyst.call(world.write.RetireAsset, retire)

    def wanted(at: int | None, happened: datetime | None) -> read.GetAssetRequest:
        stamp = Timestamp()
        if happened is not None:
            stamp.FromDatetime(happened)
        return read.GetAssetRequest(
            tenant_id=world.tenant_id,
            asset_id=asset.asset_id,
            min_position=retired.position,
            at_position=at,
            as_happened_at=None if happened is None else stamp,
        )

    now = datetime.now(UTC)
    for at, happened, gone in ((asset.position, None, False), (asset.position, now, False), (None, now, True)):
        shown = await world.analyst.call(world.read.GetAsset, wanted(at, happened))
        assert shown.asset.retired is gone
    for at, happened in ((asset.position - 1, None), (None, before)):
        with pytest.raises(RemoteError) as refused:
            await world.analyst.call(world.read.GetAsset, wanted(at, happened))
        assert refused.value.reason == "ASSET_UNKNOWN"


async def test_a_sensors_last_sign_of_life_is_not_shown_as_of_an_earlier_position(world: AssetsWorld) -> None:
    principal_id, machine = await world.sensor_client()
    sensor = await register(world, principal_id=principal_id)
    heard = await heartbeat(world, machine, sensor.sensor_id)
    for at, shown in ((None, True), (sensor.position, False)):
        request = read.ListSensorsRequest(tenant_ids=[world.tenant_id], min_position=sensor.position, at_position=at)
        (listed,) = (await world.analyst.call(world.read.ListSensors, request)).sensors
        assert listed.HasField("last_heard_at") is shown
    assert heard.heard_at.seconds
