"""What the provider's ledger says about tenants, principals, grants, issuers and API keys: a fold of its events."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.events import tenancy
from contracts.events.base import Recorded
from contracts.ids import PROVIDER, TenantId
from contracts.roles import CUSTOMER_ROLES, PROVIDER_ROLES, Role

MAX_TREE_DEPTH = 32
"""Entities above a tenant that are looked at; deeper trees do not exist among customers."""


class TenantState(StrEnum):
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Tenant:
    id: TenantId
    parent_id: TenantId | None
    region: str
    time_zone: str
    state: TenantState = TenantState.ONBOARDING
    cell: str = ""
    schema_name: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    id: str
    home_tenant_id: TenantId
    active: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    principal_id: str
    role: Role
    tenant_id: TenantId
    inherited: bool
    expires_at: datetime | None

    def stands(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Issuer:
    """`bound_to` are the home tenants of the principals that its tokens may speak for."""

    id: str
    url: str
    jwks_uri: str
    audience: str
    bound_to: frozenset[TenantId]
    insecure: bool


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    principal_id: str
    secret_digest: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """The roles of a principal for one tenant, and the grants that give them."""

    roles: frozenset[Role]
    grants: tuple[Grant, ...]

    def grant_for(self, allowed: frozenset[Role]) -> str | None:
        """The grant under which a call that asks for one of these roles is made."""
        return next((grant.id for grant in self.grants if grant.role in allowed), None)


NOTHING = Held(frozenset(), ())


@dataclass(slots=True)
class DirectoryState:
    """Filled by `apply`, in the order of the provider's ledger. `next_position` is the first that is not in it yet."""

    next_position: int = 0
    tenants: dict[TenantId, Tenant] = field(default_factory=dict)
    principals: dict[str, Principal] = field(default_factory=dict)
    principal_by_identity: dict[str, str] = field(default_factory=dict)
    issuers: dict[str, Issuer] = field(default_factory=dict)
    api_keys: dict[str, ApiKey] = field(default_factory=dict)
    _grants: dict[str, Grant] = field(default_factory=dict)
    _grants_of: dict[str, dict[TenantId, list[Grant]]] = field(default_factory=lambda: defaultdict(dict))
    _children: dict[TenantId, list[TenantId]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, recorded: Recorded[Any]) -> None:
        """Takes in one entry. Events of other categories in the provider's ledger only move the position."""
        match recorded.event:
            case tenancy.TenantOnboarded() as event:
                tenant = Tenant(event.tenant_id, event.parent_tenant_id, event.region, event.time_zone)
                self.tenants[tenant.id] = tenant
                if tenant.parent_id is not None:
                    self._children[tenant.parent_id].append(tenant.id)
            case tenancy.TenantPlaced(tenant_id=tenant_id, cell=cell, schema_name=schema, region=region):
                self._change(tenant_id, cell=cell, schema_name=schema, region=region)
            case tenancy.TenantActivated(tenant_id=tenant_id) | tenancy.TenantResumed(tenant_id=tenant_id):
                self._change(tenant_id, state=TenantState.ACTIVE)
            case tenancy.TenantSuspended(tenant_id=tenant_id):
                self._change(tenant_id, state=TenantState.SUSPENDED)
            case tenancy.TenantLeavingStarted(tenant_id=tenant_id):
                self._change(tenant_id, state=TenantState.LEAVING)
            case tenancy.TenantClosed(tenant_id=tenant_id):
                self._change(tenant_id, state=TenantState.CLOSED)
            case other:
                self._apply_authority(other)
        self.next_position = recorded.position + 1

    def _apply_authority(self, event: Any) -> None:
        match event:
            case tenancy.PrincipalRegistered(principal_id=principal_id, home_tenant_id=home, identity=identity):
                self.principals[principal_id] = Principal(principal_id, home)
                if identity:
                    self.principal_by_identity[identity] = principal_id
            case tenancy.IdentityLinked(principal_id=principal_id, identity=identity):
                self.principal_by_identity[identity] = principal_id
            case tenancy.PrincipalDeactivated(principal_id=principal_id):
                self.principals[principal_id] = replace(self.principals[principal_id], active=False)
            case tenancy.IssuerBound() as bound:
                self._bind(bound)
            case tenancy.RoleGranted() as granted:
                self._grant(granted)
            case tenancy.GrantRevoked(grant_id=grant_id):
                if grant := self._grants.pop(grant_id, None):
                    self._grants_of[grant.principal_id][grant.tenant_id].remove(grant)
            case tenancy.ApiKeyIssued(key_id=key_id, principal_id=principal_id, secret_digest=digest, expires_at=end):
                self.api_keys[key_id] = ApiKey(key_id, principal_id, digest, end)
            case tenancy.ApiKeyRevoked(key_id=key_id):
                self.api_keys.pop(key_id, None)
            case _:
                # The provider's ledger also holds what is no matter of authority, such as rule packs.
                pass

    def held(self, principal: Principal, tenant_id: TenantId, now: datetime, bound_to: frozenset[TenantId]) -> Held:
        """What a principal may be for a tenant, by grants that stand at `now`, within its issuer's binding.

        Grants of a parent entity count when they are inherited; nothing flows sideways or upwards. A role of the
        provider's people needs the provider as home, a customer's role the tenant itself or an entity above it.
        """
        line = (tenant_id, *self.ancestors(tenant_id))
        if PROVIDER not in bound_to and bound_to.isdisjoint(line):
            return NOTHING
        of_tenant = self._grants_of.get(principal.id)
        if not of_tenant or not principal.active:
            return NOTHING
        grants = tuple(
            grant
            for entity in line
            for grant in of_tenant.get(entity, ())
            if (entity == tenant_id or grant.inherited)
            and grant.stands(now)
            and _fits_home(grant.role, principal.home_tenant_id, line)
        )
        return Held(frozenset(grant.role for grant in grants), grants) if grants else NOTHING

    def ancestors(self, tenant_id: TenantId) -> tuple[TenantId, ...]:
        """The entities above a tenant in its customer tree, nearest first."""
        found: list[TenantId] = []
        tenant = self.tenants.get(tenant_id)
        while tenant is not None and tenant.parent_id is not None and len(found) < MAX_TREE_DEPTH:
            found.append(tenant.parent_id)
            tenant = self.tenants.get(tenant.parent_id)
        return tuple(found)

    def reach(self, principal: Principal) -> set[TenantId]:
        """Every tenant that some grant of the principal might cover; `held` says what it gives."""
        found: set[TenantId] = set()
        spread: set[TenantId] = set()
        for tenant_id, grants in self._grants_of.get(principal.id, {}).items():
            if grants:
                found.add(tenant_id)
            waiting = [tenant_id] if any(grant.inherited for grant in grants) else []
            while waiting:
                current = waiting.pop()
                if current not in spread:
                    spread.add(current)
                    waiting.extend(self._children.get(current, ()))
        return found | spread

    def _change(self, tenant_id: TenantId, **changes: Any) -> None:
        if tenant_id in self.tenants:
            self.tenants[tenant_id] = replace(self.tenants[tenant_id], **changes)

    def _bind(self, event: tenancy.IssuerBound) -> None:
        bound_to = frozenset(event.home_tenant_ids)
        self.issuers[event.issuer] = Issuer(
            event.issuer_id, event.issuer, event.jwks_uri, event.audience, bound_to, event.insecure
        )

    def _grant(self, event: tenancy.RoleGranted) -> None:
        grant = Grant(
            event.grant_id, event.principal_id, event.role, event.tenant_id, event.inherited, event.expires_at
        )
        self._grants[grant.id] = grant
        self._grants_of[grant.principal_id].setdefault(grant.tenant_id, []).append(grant)


def _fits_home(role: Role, home: TenantId, line: tuple[TenantId, ...]) -> bool:
    if role is Role.SERVICE:
        return False
    if role in PROVIDER_ROLES:
        return home == PROVIDER
    return role not in CUSTOMER_ROLES or home in line
