"""Commands of administrators."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.tenancy.v1 import tenancy_admin_pb2 as pb

from contracts.ids import PROVIDER, TenantId
from infra.auth.identity import identity_index
from infra.grpc import Context
from infra.keys import KeyStore
from services.tenancy.application.access import Access
from services.tenancy.application.closing import Closing
from services.tenancy.application.tenants import TenantLife
from services.tenancy.config import DEFAULT_RETENTION_DAYS, DEFAULT_TIME_ZONE
from services.tenancy.domain import commands
from services.tenancy.domain.grant import grant_id_of
from services.tenancy.domain.issuer import issuer_id_of
from services.tenancy.servicer.translation import kind_from_wire, role_from_wire


class TenancyAdminServicer:
    """`keys` gives the provider's search key, under which identities are indexed before they become a command."""

    def __init__(self, tenants: TenantLife, closing: Closing, access: Access, keys: KeyStore) -> None:
        self._tenants, self._closing, self._access, self._keys = tenants, closing, access, keys

    async def OnboardTenant(self, request: pb.OnboardTenantRequest, context: Context) -> pb.OnboardTenantResponse:
        command = commands.OnboardTenant(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            new_tenant_id=TenantId(request.new_tenant_id),
            parent_tenant_id=TenantId(request.parent_tenant_id) if request.parent_tenant_id else None,
            display_name=request.display_name,
            region=request.region or None,
            retention_days=request.retention_days or DEFAULT_RETENTION_DAYS,
            time_zone=request.time_zone or DEFAULT_TIME_ZONE,
            cell=request.cell or None,
        )
        committed = await self._tenants.onboard_tenant(context.call, command)
        placed = committed.recorded[1].event
        return pb.OnboardTenantResponse(tenant_id=placed.tenant_id, cell=placed.cell, position=committed.position)

    async def ActivateTenant(self, request: pb.ActivateTenantRequest, context: Context) -> pb.ActivateTenantResponse:
        command = commands.ActivateTenant(
            tenant_id=PROVIDER, request_id=request.request_id, subject_tenant_id=TenantId(request.tenant_id)
        )
        committed = await self._tenants.activate_tenant(context.call, command)
        return pb.ActivateTenantResponse(position=committed.position)

    async def SuspendTenant(self, request: pb.SuspendTenantRequest, context: Context) -> pb.SuspendTenantResponse:
        command = commands.SuspendTenant(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            subject_tenant_id=TenantId(request.tenant_id),
            reason=request.reason,
        )
        committed = await self._tenants.suspend_tenant(context.call, command)
        return pb.SuspendTenantResponse(position=committed.position)

    async def ResumeTenant(self, request: pb.ResumeTenantRequest, context: Context) -> pb.ResumeTenantResponse:
        command = commands.ResumeTenant(
            tenant_id=PROVIDER, request_id=request.request_id, subject_tenant_id=TenantId(request.tenant_id)
        )
        committed = await self._tenants.resume_tenant(context.call, command)
        return pb.ResumeTenantResponse(position=committed.position)

    async def StartLeaving(self, request: pb.StartLeavingRequest, context: Context) -> pb.StartLeavingResponse:
        command = commands.StartLeaving(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            subject_tenant_id=TenantId(request.tenant_id),
            reason=request.reason,
        )
        committed = await self._tenants.start_leaving(context.call, command)
        return pb.StartLeavingResponse(position=committed.position)

    async def CloseTenant(self, request: pb.CloseTenantRequest, context: Context) -> pb.CloseTenantResponse:
        command = commands.CloseTenant(
            tenant_id=PROVIDER, request_id=request.request_id, subject_tenant_id=TenantId(request.tenant_id)
        )
        closed = await self._closing.close_tenant(context.call, command)
        event = closed.committed.recorded[0].event
        return pb.CloseTenantResponse(
            export_sha256=event.export_sha256,
            entries=event.entries,
            export_path=str(closed.export_path),
            position=closed.committed.position,
        )

    async def RegisterPrincipal(
        self, request: pb.RegisterPrincipalRequest, context: Context
    ) -> pb.RegisterPrincipalResponse:
        command = commands.RegisterPrincipal(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            kind=kind_from_wire(request.kind),
            home_tenant_id=TenantId(request.home_tenant_id),
            display_name=request.display_name,
            issuer_id=issuer_id_of(request.issuer) if request.issuer else None,
            identity=await self._identity(request.issuer, request.subject) if request.subject else None,
        )
        committed = await self._access.register_principal(context.call, command)
        return pb.RegisterPrincipalResponse(
            principal_id=committed.recorded[0].event.principal_id, position=committed.position
        )

    async def LinkIdentity(self, request: pb.LinkIdentityRequest, context: Context) -> pb.LinkIdentityResponse:
        command = commands.LinkIdentity(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            principal_id=request.principal_id,
            issuer_id=issuer_id_of(request.issuer),
            identity=await self._identity(request.issuer, request.subject),
        )
        committed = await self._access.link_identity(context.call, command)
        return pb.LinkIdentityResponse(position=committed.position)

    async def DeactivatePrincipal(
        self, request: pb.DeactivatePrincipalRequest, context: Context
    ) -> pb.DeactivatePrincipalResponse:
        command = commands.DeactivatePrincipal(
            tenant_id=PROVIDER, request_id=request.request_id, principal_id=request.principal_id
        )
        committed = await self._access.deactivate_principal(context.call, command)
        return pb.DeactivatePrincipalResponse(position=committed.position)

    async def GrantRole(self, request: pb.GrantRoleRequest, context: Context) -> pb.GrantRoleResponse:
        command = commands.GrantRole(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            principal_id=request.principal_id,
            role=role_from_wire(request.role),
            granted_tenant_id=TenantId(request.tenant_id),
            inherited=request.inherited,
            expires_at=_time(request.expires_at) if request.HasField("expires_at") else None,
        )
        committed = await self._access.grant_role(context.call, command)
        grant_id = grant_id_of(command.principal_id, command.role, command.granted_tenant_id)
        return pb.GrantRoleResponse(grant_id=grant_id, position=committed.position)

    async def RevokeGrant(self, request: pb.RevokeGrantRequest, context: Context) -> pb.RevokeGrantResponse:
        command = commands.RevokeGrant(tenant_id=PROVIDER, request_id=request.request_id, grant_id=request.grant_id)
        committed = await self._access.revoke_grant(context.call, command)
        return pb.RevokeGrantResponse(position=committed.position)

    async def BindIssuer(self, request: pb.BindIssuerRequest, context: Context) -> pb.BindIssuerResponse:
        command = commands.BindIssuer(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            issuer=request.issuer,
            jwks_uri=request.jwks_uri,
            audience=request.audience,
            home_tenant_ids=tuple(TenantId(home) for home in sorted(request.home_tenant_ids)),
        )
        committed = await self._access.bind_issuer(context.call, command)
        return pb.BindIssuerResponse(issuer_id=issuer_id_of(request.issuer), position=committed.position)

    async def IssueApiKey(self, request: pb.IssueApiKeyRequest, context: Context) -> pb.IssueApiKeyResponse:
        command = commands.IssueApiKey(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            principal_id=request.principal_id,
            expires_at=_time(request.expires_at) if request.HasField("expires_at") else None,
        )
        issued = await self._access.issue_api_key(context.call, command)
        return pb.IssueApiKeyResponse(
            key_id=issued.key_id, credential=issued.credential or "", position=issued.committed.position
        )

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Context) -> pb.RevokeApiKeyResponse:
        command = commands.RevokeApiKey(tenant_id=PROVIDER, request_id=request.request_id, key_id=request.key_id)
        committed = await self._access.revoke_api_key(context.call, command)
        return pb.RevokeApiKeyResponse(position=committed.position)

    async def _identity(self, issuer: str, subject: str) -> str:
        return identity_index(await self._keys.search_key(PROVIDER), issuer, subject)


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
