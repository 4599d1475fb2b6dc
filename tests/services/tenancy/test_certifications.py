"""The register of certifications through its public interface."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2_grpc as admin_grpc
from tenet.tenancy.v1 import tenancy_certifications_read_pb2 as read
from tenet.tenancy.v1 import tenancy_certifications_read_pb2_grpc as read_grpc

from contracts.ids import PROVIDER
from tests.fixtures.customers import refusal
from tests.fixtures.platform import MACHINE, Running, request_id

NAME = "ot-response"


def at(days: float) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return made


async def record(running: Running, principal_id: str, expires: Timestamp, **changes: Any) -> Any:
    client = await running.tenancy_client()
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "principal_id": principal_id,
        "name": NAME,
        "valid_from": at(-30),
        "expires_at": expires,
        "proof": "number 17 of an examiner",
    }
    request = admin.RecordCertificationRequest(**{**fields, **changes})
    return await client.call(client.stub(admin_grpc.CertificationsAdminServiceStub).RecordCertification, request)


async def listed(running: Running, position: int, **fields: Any) -> list[read.Certification]:
    client = await running.tenancy_client()
    request = read.ListCertificationsRequest(min_position=position, **fields)
    stub = client.stub(read_grpc.CertificationsReadServiceStub)
    return list((await client.call(stub.ListCertifications, request)).certifications)


async def test_what_expires_soon_is_listed_first_and_a_renewal_is_the_same_certification(running: Running) -> None:
    first, _ = await running.register("provider")
    second, _ = await running.register("provider")
    await record(running, first, at(100))
    done = await record(running, second, at(10))
    soon = await listed(running, done.position, name=NAME, expires_before=at(30))
    assert [each.principal_id for each in soon if each.principal_id in (first, second)] == [second]
    renewed = await record(running, second, at(400))
    assert renewed.certification_id == done.certification_id
    mine = await listed(running, renewed.position, principal_id=second)
    assert [each.expires_at.seconds > at(300).seconds for each in mine] == [True]


async def test_the_same_request_twice_is_one_entry_and_the_same_terms_again_are_none(running: Running) -> None:
    person, _ = await running.register("provider")
    expires, since = at(50), at(-1)
    done = await record(running, person, expires, request_id="record-once-1", valid_from=since)
    again = await record(running, person, expires, request_id="record-once-1", valid_from=since)
    assert again.position == done.position
    feed = running.tenancy.ledger.feed
    before = await feed.head(PROVIDER)
    await record(running, person, expires, valid_from=since)
    assert await feed.head(PROVIDER) == before


async def test_a_revoked_certification_is_out_of_the_list_unless_it_is_asked_for(running: Running) -> None:
    person, _ = await running.register("provider")
    done = await record(running, person, at(50))
    client = await running.tenancy_client()
    stub = client.stub(admin_grpc.CertificationsAdminServiceStub)
    request = admin.RevokeCertificationRequest(
        request_id=request_id(), certification_id=done.certification_id, reason="The examiner took it back."
    )
    revoked = await client.call(stub.RevokeCertification, request)
    assert await listed(running, revoked.position, principal_id=person) == []
    (row,) = await listed(running, revoked.position, principal_id=person, include_revoked=True)
    assert row.revoked
    request.request_id, request.certification_id = request_id(), "certification-nowhere"
    assert (await refusal(client.call(stub.RevokeCertification, request))).reason == "CERTIFICATION_UNKNOWN"


async def test_the_register_is_of_the_providers_own_living_people(running: Running) -> None:
    tenant_id = await running.onboard()
    customer, _ = await running.register(tenant_id)
    machine, _ = await running.register("provider", kind=MACHINE)
    person, name = await running.register("provider")
    assert (await refusal(record(running, customer, at(1)))).reason == "CERTIFICATION_REFUSED"
    assert (await refusal(record(running, machine, at(1)))).reason == "NOT_A_PERSON"
    assert (await refusal(record(running, "principal-nobody", at(1)))).reason == "PRINCIPAL_UNKNOWN"
    assert (await refusal(record(running, person, at(-1)))).reason == "CERTIFICATION_REFUSED"
    client = await running.tenancy_client(name)
    stub = client.stub(read_grpc.CertificationsReadServiceStub)
    refused = await refusal(client.call(stub.ListCertifications, read.ListCertificationsRequest()))
    assert refused.reason == "ROLE_MISSING"
