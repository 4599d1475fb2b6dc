"""Queries. Whatever opens a sealed field notes it in the access log before it is shown."""

from collections.abc import Sequence

from tenet.common.v1 import common_pb2
from tenet.tenancy.v1 import tenancy_read_pb2 as pb

from contracts.errors import TenantUnknown
from contracts.events.base import Sealed
from contracts.ids import PROVIDER
from contracts.labels import Label
from contracts.roles import Role
from infra.auth.access_log import AccessLog
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import Comparison, Condition, ascending, equal, one_of
from infra.read_database.reader.queries import Reader
from services.tenancy.projections import GRANTS, PRINCIPALS, TENANTS
from services.tenancy.servicer.translation import (
    access_record_to_wire,
    authenticated_by_to_wire,
    grant_to_wire,
    name_to_wire,
    page_from_wire,
    principal_to_wire,
    role_to_wire,
    status_from_wire,
    tenant_to_wire,
)

DEFAULT_RECORDS = 100
NAMES = Label.GREEN
"""What the names of tenants and principals count as: for everybody with any role where they are shown."""


class TenancyReadServicer:
    """Positions in requests are positions in the provider's ledger, where all of this is recorded."""

    def __init__(self, reader: Reader, opener: Opener, access_log: AccessLog) -> None:
        self._reader, self._opener, self._access_log = reader, opener, access_log

    async def GetTenant(self, request: pb.GetTenantRequest, context: Context) -> pb.GetTenantResponse:
        await self._wait(request, context)
        tenant_id = context.call.tenant_id
        found = await TENANTS.get(self._reader, PROVIDER, tenant_id, _at(request), deadline=context.deadline)
        if found is None:
            raise TenantUnknown
        opened = await self._open(context, [found.document.display_name])
        tenant = tenant_to_wire(found.document, opened, context.call.actor.home_tenant_id)
        return pb.GetTenantResponse(tenant=tenant)

    async def ListTenants(self, request: pb.ListTenantsRequest, context: Context) -> pb.ListTenantsResponse:
        await self._wait(request, context)
        where = _visible("key", request.tenant_ids, context)
        if request.states:
            where.append(one_of("status", [status_from_wire(state).value for state in request.states]))
        if request.HasField("parent_tenant_id"):
            where.append(equal("parent", request.parent_tenant_id))
        page = await TENANTS.list(
            self._reader,
            [PROVIDER],
            where,
            [ascending("key")],
            page_from_wire(request.page),
            at=_at(request),
            deadline=context.deadline,
        )
        documents = [item.document for item in page.items]
        opened = await self._open(context, [document.display_name for document in documents])
        home = context.call.actor.home_tenant_id
        return pb.ListTenantsResponse(
            tenants=[tenant_to_wire(document, opened, home) for document in documents],
            page=common_pb2.Page(next_page_token=page.next_token),
        )

    async def ListPrincipals(self, request: pb.ListPrincipalsRequest, context: Context) -> pb.ListPrincipalsResponse:
        await self._wait(request, context)
        page = await PRINCIPALS.list(
            self._reader,
            [PROVIDER],
            [equal("home", request.home_tenant_id)] if request.HasField("home_tenant_id") else [],
            [ascending("key")],
            page_from_wire(request.page),
            at=_at(request),
            deadline=context.deadline,
        )
        documents = [item.document for item in page.items]
        opened = await self._open(context, [document.display_name for document in documents])
        return pb.ListPrincipalsResponse(
            principals=[principal_to_wire(document, opened) for document in documents],
            page=common_pb2.Page(next_page_token=page.next_token),
        )

    async def ListNames(self, request: pb.ListNamesRequest, context: Context) -> pb.ListNamesResponse:
        """Only the provider's own principals hold a role that may ask."""
        await self._wait(request, context)
        page = await PRINCIPALS.list(
            self._reader,
            [PROVIDER],
            [Condition("home", Comparison.ONE_OF, sorted({PROVIDER, *context.tenants}))],
            [ascending("key")],
            page_from_wire(request.page),
            at=_at(request),
            deadline=context.deadline,
        )
        documents = [item.document for item in page.items]
        opened = await self._open(context, [document.display_name for document in documents])
        return pb.ListNamesResponse(
            names=[name_to_wire(document, opened) for document in documents],
            page=common_pb2.Page(next_page_token=page.next_token),
        )

    async def ListGrants(self, request: pb.ListGrantsRequest, context: Context) -> pb.ListGrantsResponse:
        await self._wait(request, context)
        where = _visible("granted_tenant", request.tenant_ids, context)
        if request.HasField("principal_id"):
            where.append(equal("principal", request.principal_id))
        if not request.include_revoked:
            where.append(equal("revoked", False))
        page = await GRANTS.list(
            self._reader,
            [PROVIDER],
            where,
            [ascending("key")],
            page_from_wire(request.page),
            at=_at(request),
            deadline=context.deadline,
        )
        return pb.ListGrantsResponse(
            grants=[grant_to_wire(item.document) for item in page.items],
            page=common_pb2.Page(next_page_token=page.next_token),
        )

    async def GetWhoAmI(self, _request: pb.GetWhoAmIRequest, context: Context) -> pb.GetWhoAmIResponse:
        actor = context.call.actor
        return pb.GetWhoAmIResponse(
            principal_id=actor.id,
            home_tenant_id=actor.home_tenant_id,
            authenticated_by=authenticated_by_to_wire(actor.authenticated_by),
            tenants=[
                pb.TenantRoles(tenant_id=tenant_id, roles=sorted(role_to_wire(role) for role in roles))
                for tenant_id, roles in context.roles.items()
            ],
        )

    async def ListAccessLog(self, request: pb.ListAccessLogRequest, context: Context) -> pb.ListAccessLogResponse:
        records = await self._access_log.read(
            context.call.tenant_id, request.from_number, request.limit or DEFAULT_RECORDS
        )
        return pb.ListAccessLogResponse(
            records=[access_record_to_wire(record) for record in records],
            next_number=records[-1].number + 1 if records else request.from_number,
        )

    async def _wait(self, request: "_Positioned", context: Context) -> None:
        wanted = request.min_position if request.HasField("min_position") else None
        await self._reader.waited(PROVIDER, wanted, context.deadline)

    async def _open(self, context: Context, names: Sequence[Sealed]) -> Opened:
        """Opens the names of what the caller may see at all, in the provider's ledger."""
        call = context.call.for_tenant(PROVIDER)
        return await self._opener.open(call, [(name, NAMES) for name in names], purpose=f"names in {call.rpc}")


_Positioned = (
    pb.GetTenantRequest | pb.ListTenantsRequest | pb.ListPrincipalsRequest | pb.ListNamesRequest | pb.ListGrantsRequest
)


def _at(request: _Positioned) -> int | None:
    return request.at_position if request.HasField("at_position") else None


def _visible(column: str, named: Sequence[str], context: Context) -> list[Condition]:
    """Narrows a list to the tenants of the call. An administrator of the provider who names none sees every one."""
    if not named and Role.ADMIN in context.roles_for(PROVIDER):
        return []
    # Not `one_of`, whose limit is for values that callers bring: these are as many as the caller has grants for.
    return [Condition(column, Comparison.ONE_OF, list(context.tenants))]
