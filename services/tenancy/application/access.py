"""Principals, their identities, grants, issuers and API keys: who may do what. Recorded in the provider's ledger."""

from dataclasses import dataclass, field

from contracts.calls import Call
from contracts.ids import PROVIDER, derive_id
from contracts.roles import Role
from infra.auth.identity import new_secret
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.tenancy.application.aggregates import API_KEY, GRANT, IDENTITY, ISSUER, PRINCIPAL, TENANT
from services.tenancy.application.ancestry import ancestors_of
from services.tenancy.domain import api_key, grant, identity, issuer, principal
from services.tenancy.domain.commands import (
    BindIssuer,
    DeactivatePrincipal,
    GrantRole,
    IssueApiKey,
    LinkIdentity,
    RegisterPrincipal,
    RevokeApiKey,
    RevokeGrant,
)
from services.tenancy.domain.issuer import issuer_id_of


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """`credential` is None for a repeated request: the secret was shown the first time and is kept nowhere."""

    committed: Committed
    key_id: str
    credential: str | None = field(repr=False)


class Access:
    """`insecure_issuers` allows issuers without https, which only a machine for trials should have."""

    def __init__(self, handler: CommandHandler, *, insecure_issuers: bool) -> None:
        self._handler, self._insecure_issuers = handler, insecure_issuers

    async def register_principal(self, call: Call, command: RegisterPrincipal) -> Committed:
        principal_id = derive_id("principal", call.request_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(PRINCIPAL, principal_id)
            home = await unit.load(TENANT, command.home_tenant_id)
            unit.require(home)
            bound = None
            if command.issuer_id is not None:
                binding = await unit.load(ISSUER, command.issuer_id)
                unit.require(binding)
                bound = binding.state
            unit.append(loaded, principal.register(principal_id, home.state, bound, command))
            if command.identity is not None:
                await _claim(unit, command.identity, principal_id)

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def link_identity(self, call: Call, command: LinkIdentity) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(PRINCIPAL, command.principal_id)
            binding = await unit.load(ISSUER, command.issuer_id)
            unit.require(binding)
            unit.append(loaded, principal.link_identity(loaded.state, binding.state, command))
            await _claim(unit, command.identity, command.principal_id)

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def deactivate_principal(self, call: Call, command: DeactivatePrincipal) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(PRINCIPAL, command.principal_id)
            await _still_administers(unit, call)
            unit.append(loaded, principal.deactivate(loaded.state, command, call.actor.id))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def grant_role(self, call: Call, command: GrantRole) -> Committed:
        grant_id = grant.grant_id_of(command.principal_id, command.role, command.granted_tenant_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(GRANT, grant_id)
            holder = await unit.load(PRINCIPAL, command.principal_id)
            target = await unit.load(TENANT, command.granted_tenant_id)
            ancestors = await ancestors_of(unit, target.state.parent_id)
            unit.require(holder)
            unit.require(target)
            unit.append(
                loaded, grant.grant_role(loaded.state, holder.state, target.state, ancestors, command, now=call.now)
            )

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def revoke_grant(self, call: Call, command: RevokeGrant) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(GRANT, command.grant_id)
            await _still_administers(unit, call)
            unit.append(loaded, grant.revoke(loaded.state, call.actor.id))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def bind_issuer(self, call: Call, command: BindIssuer) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(ISSUER, issuer_id_of(command.issuer))
            homes = [await unit.load(TENANT, home) for home in command.home_tenant_ids]
            for home in homes:
                unit.require(home)
            states = [home.state for home in homes]
            unit.append(loaded, issuer.bind(loaded.state, states, command, insecure_allowed=self._insecure_issuers))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def issue_api_key(self, call: Call, command: IssueApiKey) -> IssuedApiKey:
        key_id = derive_id("api_key", call.request_key)
        secret, digest = new_secret()

        async def work(unit: Unit) -> None:
            loaded = await unit.load(API_KEY, key_id)
            holder = await unit.load(PRINCIPAL, command.principal_id)
            unit.require(holder)
            unit.append(loaded, api_key.issue(key_id, holder.state, command, digest, call.now))

        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        return IssuedApiKey(committed, key_id, None if committed.replayed else f"{key_id}.{secret}")

    async def revoke_api_key(self, call: Call, command: RevokeApiKey) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(API_KEY, command.key_id)
            unit.append(loaded, api_key.revoke(loaded.state))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)


async def _claim(unit: Unit, index: str, principal_id: str) -> None:
    loaded = await unit.load(IDENTITY, identity.identity_id_of(index))
    unit.append(loaded, identity.claim(loaded.state, index, principal_id))


async def _still_administers(unit: Unit, call: Call) -> None:
    """Two administrators who end each other's access at once would leave nobody: the later one finds its own ended."""
    own = await unit.load(GRANT, grant.grant_id_of(call.actor.id, Role.ADMIN, PROVIDER))
    asking = await unit.load(PRINCIPAL, call.actor.id)
    unit.require(own)
    unit.require(asking)
    grant.check_administers(own.state, asking.state, call.now)
