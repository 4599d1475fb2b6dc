"""The cases service over a real server and the real reference actuator, with people of a provider and a customer."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession, web
from tenet.cases.v1 import (
    cases_admin_pb2,
    cases_admin_pb2_grpc,
    cases_read_pb2_grpc,
    cases_write_pb2_grpc,
)
from tenet.common.v1 import common_pb2

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.assets import AssetClass, AssetKind, AssetRegistered
from contracts.events.base import Event, Sealed
from contracts.events.detections import (
    DetectionRaised,
    DetectionValidated,
    DetectionValidationWithdrawn,
    RuleRef,
)
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER, TenantId, new_id
from contracts.labels import Label
from infra.actuator.application import Actuator
from infra.actuator.credentials import Credentials
from infra.actuator.state import ActuatorState
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate
from infra.grpc import Client, serve
from infra.hosting import Foundation
from infra.hosting.foundation import system_clock
from services.cases import wiring
from services.cases.config import CasesSettings, MessengerConfig, connectors_of
from services.cases.connectors.registry import Connectors
from tests.fixtures.platform import ROLE, Platform, Running, request_id
from tests.services.cases.charters import DIRECTORY


@dataclass
class CasesService:
    platform: Platform
    running: Running
    foundation: Foundation
    wired: wiring.Wired
    tenant_id: str
    analyst: Client
    approver: Client
    second_approver: Client
    approver_id: str
    second_id: str
    actuator_url: str
    credentials: Credentials
    assets: Ledger
    detections: Ledger
    port: int
    """Of the cases service's server, for further clients."""

    @property
    def read(self) -> cases_read_pb2_grpc.CasesReadServiceStub:
        return self.analyst.stub(cases_read_pb2_grpc.CasesReadServiceStub)

    @property
    def write(self) -> cases_write_pb2_grpc.CasesWriteServiceStub:
        return self.analyst.stub(cases_write_pb2_grpc.CasesWriteServiceStub)

    def as_approver(self, client: Client | None = None) -> cases_write_pb2_grpc.CasesWriteServiceStub:
        return (client or self.approver).stub(cases_write_pb2_grpc.CasesWriteServiceStub)

    async def charter(self, name: str, **words: str) -> str:
        text = (DIRECTORY / f"{name}.yaml").read_text()
        for word, value in words.items():
            text = text.replace("@" + word.replace("_", "-"), value)
        return await self.approve(text)

    async def approve(self, text: str) -> str:
        """Has a charter's text proposed by the provider and approved by the customer; its digest."""
        admin = self.analyst.stub(cases_admin_pb2_grpc.CasesAdminServiceStub)
        proposed = await self.analyst.call(
            admin.ProposeCharter,
            cases_admin_pb2.ProposeCharterRequest(tenant_id=self.tenant_id, request_id=request_id(), text=text),
        )
        await self.approver.call(
            self.approver.stub(cases_admin_pb2_grpc.CasesAdminServiceStub).ApproveCharter,
            cases_admin_pb2.ApproveCharterRequest(
                tenant_id=self.tenant_id,
                request_id=request_id(),
                charter_version=proposed.charter_version,
                digest=proposed.digest,
            ),
        )
        return str(proposed.digest)

    async def record(self, ledger: Ledger, identifier: str, *events: Event) -> int:
        """Has another service's events recorded, as its own login."""
        aggregate: Aggregate[None] = Aggregate(events[0].CATEGORY, lambda: None, lambda state, _recorded: state)
        tenant_id = TenantId(self.tenant_id)
        actor = Actor(new_id("principal"), AuthenticatedBy.OIDC, PROVIDER)
        call = Call(tenant_id, actor, "/test/Record", request_id(), datetime.now(UTC))

        async def work(unit: Unit) -> None:
            unit.append(await unit.load(aggregate, identifier), events)

        command = Command(tenant_id=tenant_id, request_id=call.request_id)
        return (await ledger.handler.handle(call, command, work)).position

    async def asset(self, name: str, asset_class: AssetClass, group: str, kind: AssetKind = AssetKind.SERVER) -> str:
        asset_id = new_id("asset")
        event = AssetRegistered(
            asset_id=asset_id,
            kind=kind,
            asset_class=asset_class,
            value=4,
            group=group,
            name=Sealed.of(name, subject=asset_id),
            addresses=(),
            owner=None,
            business_context=None,
            name_index="",
            address_indexes=(),
            external_id=Sealed.of(name, subject=asset_id),
            external_id_index=None,
        )
        await self.record(self.assets, asset_id, event)
        return asset_id

    async def detection(
        self,
        *asset_ids: str,
        techniques: tuple[str, ...],
        observables: tuple[str, ...] = (),
        seen_at: datetime | None = None,
    ) -> str:
        detection_id = new_id("detection")
        now = seen_at or datetime.now(UTC)
        event = DetectionRaised(
            detection_id=detection_id,
            rule=RuleRef(rule_id="r", title="Files are being encrypted", sha256="", pack_sha256="", level="high"),
            source="test",
            severity_id=5,
            techniques=techniques,
            asset_ids=asset_ids,
            asset_value=4,
            sensor_id="sensor",
            group_key="",
            first_seen_at=now,
            last_seen_at=now,
            count=1,
            headline=Sealed.of("x", subject=detection_id),
            observables=tuple(Sealed.of(text, subject=detection_id) for text in observables),
            evidence=(),
            label=Label.AMBER,
        )
        await self.record(self.detections, detection_id, event)
        return detection_id

    async def validate(self, detection_id: str) -> int:
        event = DetectionValidated(
            detection_id=detection_id,
            verdict=Verdict.MALICIOUS,
            confidence_percent=90,
            rationale=Sealed.of("x", subject=detection_id),
            evidence=(),
            seen=(),
            duplicate_of=None,
        )
        return await self.record(self.detections, detection_id, event)

    async def withdraw(self, detection_id: str, position: int) -> int:
        event = DetectionValidationWithdrawn(
            detection_id=detection_id, validation_position=position, reason=Sealed.of("x", subject=detection_id)
        )
        return await self.record(self.detections, detection_id, event)

    async def behave(self, behaviour: str, target: str) -> None:
        headers = {"Authorization": f"Bearer {self.credentials.control}"}
        body = {"behaviour": behaviour, "target": target}
        async with (
            ClientSession() as session,
            session.post(f"{self.actuator_url}/control", json=body, headers=headers) as answer,
        ):
            assert answer.status == 200

    async def state_of(self, target: str) -> dict[str, str]:
        return await self._read(f"state/{target}")

    async def effects_of(self, action_id: str) -> int:
        return int((await self._read(f"effects/{action_id}"))["effects"])

    async def _read(self, path: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.credentials.reading}"}
        async with (
            ClientSession() as session,
            session.get(f"{self.actuator_url}/{path}", headers=headers) as answer,
        ):
            return dict(await answer.json())


@asynccontextmanager
async def _actuator(directory: Path, credentials: Credentials) -> AsyncIterator[str]:
    state = ActuatorState(directory / "state.sqlite")
    runner = web.AppRunner(Actuator(state, credentials, hang_seconds=1.0).application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        state.close()


@asynccontextmanager
async def cases_service(
    platform: Platform,
    directory: Path,
    messengers: Sequence[MessengerConfig] = (),
    *,
    clock: Callable[[], datetime] = system_clock,
) -> AsyncIterator[CasesService]:
    await platform.prepare()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(platform.running())
        credentials = Credentials.of(platform.settings.secrets_dir)
        url = await stack.enter_async_context(_actuator(directory, credentials))
        settings = platform.settings_of("cases").model_copy(update={"actuator_url": url})
        foundation = await stack.enter_async_context(Foundation.open("cases", settings))
        # The ledger keeps the present, because the server refuses an append by a clock that is not its own.
        foundation = replace(foundation, clock=clock)
        quick = [each.model_copy(update={"timeout_seconds": 0.5}) for each in connectors_of(settings, CasesSettings())]
        wired = await stack.enter_async_context(wiring.running(foundation, Connectors.of([*quick, *messengers])))
        server = await stack.enter_async_context(serve(wired.hosted, foundation.authority, clock=clock))
        tenant_id = await running.onboard()
        people = []
        for home, role in (
            ("provider", ROLE.ROLE_ANALYST),
            (tenant_id, ROLE.ROLE_CUSTOMER_APPROVER),
            (tenant_id, ROLE.ROLE_CUSTOMER_APPROVER),
        ):
            principal_id, name = await running.register(home)
            await running.grant(principal_id, role, tenant_id)
            client = await running._client(server.port, f"Bearer {running.issuer.token(name)}")
            people.append((principal_id, client))
        ledgers = [
            await stack.enter_async_context(Ledger.open(platform.settings_of(service), foundation.keys))
            for service in ("assets", "detections")
        ]
        (_, analyst), (first_id, first), (second_id, second) = people
        yield CasesService(
            platform,
            running,
            foundation,
            wired,
            tenant_id,
            analyst,
            first,
            second,
            first_id,
            second_id,
            url,
            credentials,
            ledgers[0],
            ledgers[1],
            server.port,
        )


LABEL = common_pb2.LABEL_AMBER
