"""The tenancy service through its public interface."""

import pytest
from tenet.tenancy.v1 import tenancy_read_pb2_grpc, tenancy_read_pb2 as read_pb

from tests.fixtures.platform import Running


async def test_the_first_administrator_knows_who_it_is(running: Running) -> None:
    client = await running.tenancy_client()
    stub = client.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub)
    answer = await client.call(stub.GetWhoAmI, read_pb.GetWhoAmIRequest())
    assert answer.home_tenant_id == "provider"
    tenant_id = await running.onboard()
    print(tenant_id, await client.call(stub.ListTenants, read_pb.ListTenantsRequest()))
