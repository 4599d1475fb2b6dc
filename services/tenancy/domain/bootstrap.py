"""The first entries of a provider's ledger: the provider itself, an issuer, and an administrator for the rest."""

from contracts.events.base import Event, Sealed
from contracts.events.tenancy import (
    IssuerBound,
    PrincipalKind,
    PrincipalRegistered,
    RoleGranted,
    TenantActivated,
    TenantOnboarded,
    TenantPlaced,
)
from contracts.ids import PROVIDER, derive_id, schema_of
from contracts.roles import Role
from services.tenancy.domain.commands import Bootstrap
from services.tenancy.domain.grant import grant_id_of
from services.tenancy.domain.issuer import issuer_id_of
from services.tenancy.domain.tenant import entity_of

RETENTION_DAYS = 3_650


def provider_of(command: Bootstrap) -> list[Event]:
    return [
        TenantOnboarded(
            tenant_id=PROVIDER,
            parent_tenant_id=None,
            display_name=Sealed.of(command.provider_name, subject=entity_of(PROVIDER)),
            region=command.region,
            retention_days=RETENTION_DAYS,
            time_zone="UTC",
        ),
        TenantPlaced(tenant_id=PROVIDER, cell=command.cell, schema_name=schema_of(PROVIDER), region=command.region),
        TenantActivated(tenant_id=PROVIDER),
    ]


def issuer_of(command: Bootstrap) -> list[Event]:
    return [
        IssuerBound(
            issuer_id=issuer_id_of(command.issuer),
            issuer=command.issuer,
            jwks_uri=command.jwks_uri,
            audience=command.audience,
            home_tenant_ids=(PROVIDER,),
            insecure=not (command.issuer.startswith("https://") and command.jwks_uri.startswith("https://")),
        )
    ]


def administrator_id_of(command: Bootstrap) -> str:
    return derive_id("principal", "bootstrap", command.identity)


def administrator_of(command: Bootstrap) -> list[Event]:
    principal_id = administrator_id_of(command)
    return [
        PrincipalRegistered(
            principal_id=principal_id,
            kind=PrincipalKind.PERSON,
            home_tenant_id=PROVIDER,
            display_name=Sealed.of(command.display_name, subject=principal_id),
            identity=command.identity,
        )
    ]


def grant_of(command: Bootstrap) -> list[Event]:
    principal_id = administrator_id_of(command)
    return [
        RoleGranted(
            grant_id=grant_id_of(principal_id, Role.ADMIN, PROVIDER),
            principal_id=principal_id,
            role=Role.ADMIN,
            tenant_id=PROVIDER,
            inherited=False,
            expires_at=None,
        )
    ]
