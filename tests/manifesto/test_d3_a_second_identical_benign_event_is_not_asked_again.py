"""D3: what an analyst has judged benign and expected is not asked about again, and whatever differs is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_admin_pb2 as admin_pb
from tenet.detections.v1 import detections_expected_read_pb2 as read
from tenet.detections.v1 import detections_expected_read_pb2_grpc as read_grpc
from tenet.detections.v1 import detections_expected_write_pb2 as write
from tenet.detections.v1 import detections_expected_write_pb2_grpc as write_grpc
from tenet.detections.v1 import detections_write_pb2 as write_pb

from contracts.events.assets import AssetClass
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, RULES, Service, administers, serving, writes
from tests.services.detections.records import lines, ransom_note, remote_desktop, shadow_copies_deleted
from tests.services.detections.test_triage_service import triage, verdict


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        client = await started.client("admin")
        archive = pack_of({path.name: path.read_bytes() for path in RULES.glob("*.yml")})
        imported = await client.call(
            administers(client).ImportRulePack,
            admin_pb.ImportRulePackRequest(request_id=request_id(), name="tenet", archive=archive),
        )
        await client.call(
            administers(client).DeployRulePack,
            admin_pb.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id),
        )
        yield started


class Customer:
    """One tenant with a sensor and an analyst, who see one record after the other."""

    def __init__(self, service: Service, tenant_id: TenantId, sensor: Client, analyst: Client) -> None:
        self.service, self.tenant_id, self.sensor, self.analyst = service, tenant_id, sensor, analyst

    @classmethod
    async def of(cls, service: Service) -> "Customer":
        tenant_id = await service.running.onboard()
        _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
        return cls(service, TenantId(tenant_id), await service.sensor(tenant_id), analyst)

    async def sees(self, *records: dict[str, object]) -> list[str]:
        """What waits for a person after these records, by detection."""
        sent = await self.service.ingest(self.sensor, self.tenant_id, lines(*records))
        answer = await triage(self.analyst, sent.position, self.tenant_id)
        return [item.detection_id for item in answer.items if item.tenant_id == self.tenant_id]

    async def judge(self, detection_id: str, verdict_: int = common.VERDICT_BENIGN_EXPECTED) -> int:
        request = verdict(self.tenant_id, detection_id, verdict=verdict_, rationale="The nightly backup does this.")
        answer = await self.analyst.call(writes(self.analyst).ValidateDetection, request)
        return int(answer.position)

    async def remember(self, detection_id: str, position: int, days: float = 30, **more: Any) -> str:
        expires = Timestamp()
        expires.FromDatetime(self.service.foundation.clock() + timedelta(days=days))
        stub = self.analyst.stub(write_grpc.ExpectedBehaviourWriteServiceStub)
        request = write.RememberExpectedBehaviourRequest(
            tenant_id=self.tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            validation_position=position,
            expires_at=expires,
            **more,
        )
        answer = await self.analyst.call(stub.RememberExpectedBehaviour, request)
        return str(answer.expected_behaviour_id)

    async def expected(self) -> list[read.ExpectedBehaviour]:
        head = await self.service.foundation.ledger.feed.head(self.tenant_id)
        stub = self.analyst.stub(read_grpc.ExpectedBehaviourReadServiceStub)
        request = read.ListExpectedBehavioursRequest(
            tenant_ids=[self.tenant_id], min_position=head - 1, include_ended=True
        )
        answer: read.ListExpectedBehavioursResponse = await self.analyst.call(stub.ListExpectedBehaviours, request)
        return list(answer.expected_behaviours)


async def test_a_second_identical_benign_event_is_not_asked_again_and_is_counted(service: Service) -> None:
    customer = await Customer.of(service)
    (asked,) = await customer.sees(shadow_copies_deleted("BACKUP", 1))
    position = await customer.judge(asked)
    await customer.remember(asked, position)
    assert await customer.sees(shadow_copies_deleted("BACKUP", 2), shadow_copies_deleted("BACKUP", 3)) == []
    (known,) = await customer.expected()
    assert (known.hits, known.validation_position, known.detection_id, known.standing) == (2, position, asked, True)

    assert len(await customer.sees(shadow_copies_deleted("ERP", 4))) == 1
    assert len(await customer.sees(ransom_note("BACKUP", 5))) == 2
    other = await Customer.of(service)
    assert len(await other.sees(shadow_copies_deleted("BACKUP", 6))) == 1


async def test_a_verdict_that_is_taken_back_ends_what_it_made_expected(service: Service) -> None:
    customer = await Customer.of(service)
    (asked,) = await customer.sees(shadow_copies_deleted("BACKUP", 1))
    position = await customer.judge(asked)
    await customer.remember(asked, position)
    withdraw = write_pb.WithdrawDetectionValidationRequest(
        tenant_id=customer.tenant_id,
        request_id=request_id(),
        detection_id=asked,
        validation_position=position,
        reason="It was not the backup.",
    )
    await customer.analyst.call(writes(customer.analyst).WithdrawDetectionValidation, withdraw)
    assert len(await customer.sees(shadow_copies_deleted("BACKUP", 2))) == 2
    (known,) = await customer.expected()
    assert (known.end, known.standing, known.hits) == ("verdict_withdrawn", False, 0)
    with pytest.raises(RemoteError) as refused:
        await customer.remember(asked, position)
    assert refused.value.reason == "NOT_VALIDATED"


async def test_what_is_expected_is_expected_for_a_time(service: Service) -> None:
    customer = await Customer.of(service)
    (asked,) = await customer.sees(shadow_copies_deleted("BACKUP", 1))
    position = await customer.judge(asked)
    for days in (-1, 181):
        with pytest.raises(RemoteError) as refused:
            await customer.remember(asked, position, days=days)
        assert refused.value.reason == "EXPECTATION_TOO_LONG"
    await customer.remember(asked, position, days=2 / 86_400)
    over = service.foundation.clock() + timedelta(seconds=2)
    while service.foundation.clock() < over:
        await asyncio.sleep(0.2)
    assert len(await customer.sees(shadow_copies_deleted("BACKUP", 2))) == 1


async def test_only_what_is_benign_and_expected_is_remembered(service: Service) -> None:
    customer = await Customer.of(service)
    (asked,) = await customer.sees(shadow_copies_deleted("BACKUP", 1))
    position = await customer.judge(asked, common.VERDICT_MALICIOUS)
    with pytest.raises(RemoteError) as refused:
        await customer.remember(asked, position)
    assert refused.value.reason == "VERDICT_UNSUITABLE"


async def test_a_privileged_accounts_behaviour_is_expected_once_a_second_person_has_confirmed_it(
    service: Service,
) -> None:
    customer = await Customer.of(service)
    await service.register_asset(
        customer.tenant_id, "finance-admin", "10.0.0.7", value=5, asset_class=AssetClass.PRIVILEGED_IDENTITY
    )
    (asked,) = await customer.sees(remote_desktop("DC", 1, "finance-admin", "203.0.113.7"))
    position = await customer.judge(asked)
    remembered = await customer.remember(asked, position)
    (again,) = await customer.sees(remote_desktop("DC", 2, "finance-admin", "203.0.113.7"))
    stub = write_grpc.ExpectedBehaviourWriteServiceStub
    confirm = write.ConfirmExpectedBehaviourRequest(
        tenant_id=customer.tenant_id, request_id=request_id(), expected_behaviour_id=remembered
    )
    with pytest.raises(RemoteError) as refused:
        await customer.analyst.call(customer.analyst.stub(stub).ConfirmExpectedBehaviour, confirm)
    assert refused.value.reason == "SECOND_PERSON_NEEDED"
    _, second = await service.person(ROLE.ROLE_LEAD, customer.tenant_id)
    confirm.request_id = request_id()
    await second.call(second.stub(stub).ConfirmExpectedBehaviour, confirm)
    assert await customer.sees(remote_desktop("DC", 3, "finance-admin", "203.0.113.7")) == [again]
    (known,) = await customer.expected()
    assert (known.privileged, known.hits, known.standing) == (True, 1, True)
