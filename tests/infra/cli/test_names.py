"""Who is who is shown to those who may know it, and nobody else asks for it."""

from typing import Any

import pytest
from google.protobuf.message import Message
from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_pb2 as pb
from tenet.tenancy.v1 import tenancy_read_pb2 as read

from infra.cli.names import names_for
from infra.cli.session import Session

ANA, GONE = "principal-ana", "principal-gone"


class Asked:
    """A session as one caller with a role for a tenant; it keeps what it is asked for."""

    def __init__(self, tenant_id: str, role: "common.Role.ValueType") -> None:
        self.roles = read.TenantRoles(tenant_id=tenant_id, roles=[role])
        self.requests: list[type[Message]] = []

    async def ask(self, request: Message, _answer: type[Message], **_options: Any) -> Message:
        self.requests.append(type(request))
        if isinstance(request, read.GetWhoAmIRequest):
            return read.GetWhoAmIResponse(tenants=[self.roles])
        if isinstance(request, read.ListNamesRequest):
            return read.ListNamesResponse(
                names=[pb.PrincipalName(principal_id=ANA, display_name=common.SealedText(value="Ana, analyst"))]
            )
        ana = pb.Principal(principal_id=ANA, display_name=common.SealedText(value="Ana, analyst"))
        return read.ListPrincipalsResponse(
            principals=[ana, pb.Principal(principal_id=GONE, display_name=common.SealedText(erased=True))]
        )


@pytest.mark.parametrize("role", [common.ROLE_ADMIN, common.ROLE_LEAD, common.ROLE_AUDITOR])
async def test_the_providers_leads_and_auditors_read_names(role: "common.Role.ValueType") -> None:
    session: Any = Asked("provider", role)
    names = await names_for(session)
    assert names.of(ANA) == "Ana, analyst"
    assert names.with_id(ANA) == f"Ana, analyst ({ANA})"
    assert names.of(GONE) == names.with_id(GONE) == GONE
    assert names.of("policy:open_case_when_detection_validated") == "policy:open_case_when_detection_validated"


@pytest.mark.parametrize("tenant_id", ["provider", "clinic"])
async def test_analysts_read_the_names_of_whom_they_work_beside(tenant_id: str) -> None:
    session: Any = Asked(tenant_id, common.ROLE_ANALYST)
    assert (await names_for(session)).of(ANA) == "Ana, analyst"
    assert session.requests == [read.GetWhoAmIRequest, read.ListNamesRequest]


@pytest.mark.parametrize(
    ("tenant_id", "role"), [("clinic", common.ROLE_AUDITOR), ("clinic", common.ROLE_CUSTOMER_APPROVER)]
)
async def test_nobody_else_asks_for_them_which_would_be_a_refusal_on_record(
    tenant_id: str, role: "common.Role.ValueType"
) -> None:
    session: Any = Asked(tenant_id, role)
    names = await names_for(session)
    assert names.of(ANA) == ANA
    assert session.requests == [read.GetWhoAmIRequest]


async def test_a_record_is_shown_without_names_where_nobody_can_be_asked() -> None:
    async with Session({}, None) as session:
        assert (await names_for(session)).of(ANA) == ANA
