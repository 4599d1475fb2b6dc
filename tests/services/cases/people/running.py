"""The running cases service with a lead, two people on call, a customer and a rota, through its public interface."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import (
    cases_people_read_pb2_grpc,
    cases_people_rota_admin_pb2,
    cases_people_rota_admin_pb2_grpc,
    cases_people_rota_read_pb2_grpc,
    cases_people_rota_write_pb2_grpc,
    cases_people_write_pb2_grpc,
    cases_read_pb2,
)
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2 as certifications
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2_grpc

from contracts.events.assets import AssetClass
from infra.grpc import Client
from infra.hosting.foundation import system_clock
from services.cases.config import MessengerConfig
from tests.fixtures.customers import eventually
from tests.fixtures.platform import ROLE, Platform, request_id
from tests.services.cases.running_service import CasesService, cases_service

CHARTER = """
charter: 1
title: Service levels
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}]}
priorities:
  - {priority: P1, min_severity: 5}
  - {priority: P3}
deadlines:
  P1: {acknowledge_minutes: 15, decide_minutes: 30, notify_minutes: 60, contain_minutes: 120, resolve_minutes: 1440}
  P3: {acknowledge_minutes: 240, decide_minutes: 480, contain_minutes: 960, resolve_minutes: 9600}
lines:
  - id: look
    outcome: Find out.
    then:
      mode: understand
      steps:
        - {id: look, type: investigate, do: task, task: Look., authority: provider, reason: First look.}
        - {id: open-valve, type: contain, do: task, task: Open it., authority: provider, after: [look],
           certification: ot-response, reason: Only whoever knows the plant.}
"""


@dataclass
class Person:
    id: str
    client: Client


@dataclass
class Hands:
    """A clock that runs, and that a test can put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **span: float) -> None:
        self.ahead += timedelta(**span)


@dataclass
class Crew:
    """`ana` and `ben` are on call, `lead` leads; all of them work for the one customer of the service."""

    service: CasesService
    hands: Hands
    ana: Person
    ben: Person
    lead: Person

    @property
    def tenant_id(self) -> str:
        return self.service.tenant_id

    async def call(self, who: Person | Client, method: str, request: Any) -> Any:
        """Calls whichever of the people's services has the method."""
        client = who.client if isinstance(who, Person) else who
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = request_id()
        if "tenant_id" in request.DESCRIPTOR.fields_by_name and not request.tenant_id:
            request.tenant_id = self.tenant_id
        for stub in STUBS:
            made = client.stub(stub)
            if hasattr(made, method):
                return await client.call(getattr(made, method), request)
        raise AssertionError(method)

    async def publish(self, **changes: Any) -> Any:
        definition = pb.RotaDefinition(
            name=f"group-{self.tenant_id}",
            tenant_ids=[self.tenant_id],
            layers=[always(self.ana.id, "first"), always(self.ben.id, "second")],
            leads=[self.lead.id],
            answer_minutes=10,
            horizon_days=7,
        )
        for name, value in changes.items():
            definition.ClearField(name)  # type: ignore[arg-type]  # the callers name fields
            definition.MergeFrom(pb.RotaDefinition(**{name: value}))
        request = cases_people_rota_admin_pb2.PublishRotaRequest(definition=definition)
        return await self.call(self.lead, "PublishRota", request)

    async def case(self) -> str:
        """A P1 case, opened by the validation of a detection."""
        asset = await self.service.asset(f"host-{request_id()}", AssetClass.STANDARD, "office")
        detection = await self.service.detection(asset, techniques=("T1486",))
        await self.service.validate(detection)

        async def opened() -> str:
            request = cases_read_pb2.ListCasesRequest(tenant_ids=[self.tenant_id])
            rows = (await self.service.analyst.call(self.service.read.ListCases, request)).cases
            return next((row.case_id for row in rows if row.subjects[0].id == detection), "")

        return str(await eventually(opened))

    async def pages(self, about_id: str = "", tenant_id: str = "") -> list[pb.PersonPage]:
        request = read.ListPagesRequest(tenant_ids=[tenant_id or self.tenant_id], about_id=about_id or None)
        return list((await self.call(self.lead, "ListPages", request)).pages)

    async def paged(self, about_id: str, tenant_id: str = "") -> pb.PersonPage:
        async def look() -> list[pb.PersonPage]:
            return await self.pages(about_id, tenant_id)

        page: pb.PersonPage = (await eventually(look))[0]
        return page

    async def clocks(self, case_id: str, *, settled: bool = True) -> dict[str, pb.ServiceLevel]:
        request = read.ListServiceLevelsRequest(tenant_ids=[self.tenant_id], case_id=case_id, include_settled=settled)
        found = (await self.call(self.lead, "ListServiceLevels", request)).service_levels
        return {pb.Objective.Name(each.objective).removeprefix("OBJECTIVE_").lower(): each for each in found}

    async def certify(self, person: Person, name: str, expires_at: datetime) -> str:
        client, _ = await self.service.running.admin()
        request = certifications.RecordCertificationRequest(
            request_id=request_id(), principal_id=person.id, name=name, proof="certificate 17 of an examiner"
        )
        request.valid_from.FromDatetime(datetime.now(UTC) - timedelta(days=365))
        request.expires_at.FromDatetime(expires_at)
        stub = client.stub(tenancy_certifications_admin_pb2_grpc.CertificationsAdminServiceStub)
        return str((await client.call(stub.RecordCertification, request)).certification_id)


STUBS = (
    cases_people_read_pb2_grpc.CasesPeopleReadServiceStub,
    cases_people_write_pb2_grpc.CasesPeopleWriteServiceStub,
    cases_people_rota_read_pb2_grpc.CasesRotaReadServiceStub,
    cases_people_rota_write_pb2_grpc.CasesRotaWriteServiceStub,
    cases_people_rota_admin_pb2_grpc.CasesRotaAdminServiceStub,
)


def always(principal_id: str, name: str) -> pb.Layer:
    """A layer in which one person is on call day and night."""
    shift = pb.Shift(
        principal_id=principal_id,
        starts="2026-01-01T00:00:00",
        ends="2026-01-02T00:00:00",
        recurrence="FREQ=DAILY",
    )
    return pb.Layer(name=name, time_zone="Europe/Berlin", shifts=[shift])


@asynccontextmanager
async def crew(platform: Platform, directory: Path, messengers: Sequence[MessengerConfig] = ()) -> AsyncIterator[Crew]:
    hands = Hands()
    async with cases_service(platform, directory, messengers, clock=hands) as service:
        # The store compares the process's clock with its own, which no test can put forward.
        service.foundation.ledger.recorder._clock = system_clock
        yield await _crew_of(service, hands)


async def _crew_of(service: CasesService, hands: Hands) -> Crew:
    running = service.running
    people = []
    for roles in ((ROLE.ROLE_ANALYST, ROLE.ROLE_ON_CALL), (ROLE.ROLE_ANALYST,), (ROLE.ROLE_LEAD,)):
        principal_id, name = await running.register("provider")
        for role in roles:
            for tenant_id in (service.tenant_id, "provider"):
                await running.grant(principal_id, role, tenant_id)
        client = await running._client(service.port, f"Bearer {running.issuer.token(name)}")
        people.append(Person(principal_id, client))
    return Crew(service, hands, *people)
