"""Between what is stored and what is on the wire."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2
from tenet.tenancy.v1 import tenancy_pb2

from contracts.calls import AuthenticatedBy
from contracts.events.tenancy import PrincipalKind
from contracts.ids import PROVIDER, TenantId
from contracts.roles import Role
from infra.auth.access_log import AccessRecord
from infra.disclosure.opener import Opened
from infra.read_database.reader.pages import PageRequest
from services.tenancy.domain.tenant import Status
from services.tenancy.projections.grants import GrantDocument
from services.tenancy.projections.principals import PrincipalDocument
from services.tenancy.projections.tenants import TenantDocument


def role_to_wire(role: Role) -> common_pb2.Role.ValueType:
    return common_pb2.Role.Value(f"ROLE_{role.name}")


def role_from_wire(role: common_pb2.Role.ValueType) -> Role:
    return Role[common_pb2.Role.Name(role).removeprefix("ROLE_")]


def authenticated_by_to_wire(means: AuthenticatedBy) -> common_pb2.AuthenticatedBy.ValueType:
    return common_pb2.AuthenticatedBy.Value(f"AUTHENTICATED_BY_{means.name}")


def kind_to_wire(kind: PrincipalKind) -> tenancy_pb2.PrincipalKind.ValueType:
    return tenancy_pb2.PrincipalKind.Value(f"PRINCIPAL_KIND_{kind.name}")


def kind_from_wire(kind: tenancy_pb2.PrincipalKind.ValueType) -> PrincipalKind:
    return PrincipalKind[tenancy_pb2.PrincipalKind.Name(kind).removeprefix("PRINCIPAL_KIND_")]


def status_from_wire(state: tenancy_pb2.TenantState.ValueType) -> Status:
    return Status[tenancy_pb2.TenantState.Name(state).removeprefix("TENANT_STATE_")]


def page_from_wire(page: common_pb2.PageRequest) -> PageRequest:
    return PageRequest(page.page_size, page.page_token)


def time_to_wire(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def tenant_to_wire(document: TenantDocument, opened: Opened, asking_home: TenantId) -> tenancy_pb2.Tenant:
    return tenancy_pb2.Tenant(
        tenant_id=document.tenant_id,
        parent_tenant_id=document.parent_tenant_id or "",
        display_name=opened.text(document.display_name),
        state=tenancy_pb2.TenantState.Value(f"TENANT_STATE_{document.status.name}"),
        region=document.region,
        retention_days=document.retention_days,
        time_zone=document.time_zone,
        cell=document.cell if asking_home == PROVIDER else "",
        onboarded_at=time_to_wire(document.onboarded_at),
        export_sha256=document.export_sha256,
        exported_entries=document.exported_entries,
    )


def principal_to_wire(document: PrincipalDocument, opened: Opened) -> tenancy_pb2.Principal:
    return tenancy_pb2.Principal(
        principal_id=document.principal_id,
        kind=kind_to_wire(document.kind),
        home_tenant_id=document.home_tenant_id,
        display_name=opened.text(document.display_name),
        identities=document.identities,
        active=document.active,
        registered_at=time_to_wire(document.registered_at),
    )


def name_to_wire(document: PrincipalDocument, opened: Opened) -> tenancy_pb2.PrincipalName:
    return tenancy_pb2.PrincipalName(
        principal_id=document.principal_id,
        kind=kind_to_wire(document.kind),
        home_tenant_id=document.home_tenant_id,
        display_name=opened.text(document.display_name),
        active=document.active,
    )


def grant_to_wire(document: GrantDocument) -> tenancy_pb2.Grant:
    return tenancy_pb2.Grant(
        grant_id=document.grant_id,
        principal_id=document.principal_id,
        role=role_to_wire(document.role),
        tenant_id=document.tenant_id,
        inherited=document.inherited,
        granted_at=time_to_wire(document.granted_at),
        expires_at=time_to_wire(document.expires_at),
        revoked=document.revoked,
    )


def access_record_to_wire(record: AccessRecord) -> tenancy_pb2.AccessRecord:
    return tenancy_pb2.AccessRecord(
        number=record.number,
        first_at=time_to_wire(record.first_at),
        last_at=time_to_wire(record.last_at),
        principal_id=record.person,
        subject=record.subject,
        purpose=record.purpose,
        outcome=record.outcome,
        times=record.times,
        previous_hash=record.previous_hash,
        record_hash=record.record_hash,
    )
