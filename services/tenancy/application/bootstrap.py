"""The one thing that nobody has to be authorised for: the first administrator, in a provider's ledger that is empty.

It is a local command of whoever operates the machine (`python -m services.tenancy bootstrap`, which `tenet up` runs),
and is recorded as done by the actor `local:bootstrap`. In a ledger that is not empty it changes nothing.
"""

from datetime import datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.ids import PROVIDER, derive_id
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Unit
from infra.event_store.placements import Placements
from services.tenancy.application.aggregates import GRANT, IDENTITY, ISSUER, PRINCIPAL, TENANT
from services.tenancy.domain import bootstrap, identity
from services.tenancy.domain.commands import Bootstrap
from services.tenancy.domain.errors import AlreadyBootstrapped
from services.tenancy.domain.grant import grant_id_of
from services.tenancy.domain.issuer import issuer_id_of
from services.tenancy.domain.tenant import Status

ACTOR = Actor("local:bootstrap", AuthenticatedBy.SERVICE, PROVIDER)
RPC = "local/Bootstrap"


async def bootstrap_provider(handler: CommandHandler, placements: Placements, command: Bootstrap, now: datetime) -> str:
    """Makes the provider's ledger and its first administrator, and returns that principal's identifier.

    For the same identity again it changes nothing. Raises AlreadyBootstrapped for another one.
    """
    await placements.create_tenant(PROVIDER, command.cell)
    identity_id = identity.identity_id_of(command.identity)
    principal_id = bootstrap.administrator_id_of(command)

    async def work(unit: Unit) -> None:
        provider = await unit.load(TENANT, PROVIDER)
        claimed = await unit.load(IDENTITY, identity_id)
        if claimed.state.principal_id == principal_id:
            return
        if provider.state.status is not Status.UNKNOWN:
            raise AlreadyBootstrapped("The provider has administrators; one of them registers further ones.")
        unit.append(provider, bootstrap.provider_of(command))
        unit.append(await unit.load(ISSUER, issuer_id_of(command.issuer)), bootstrap.issuer_of(command))
        unit.append(await unit.load(PRINCIPAL, principal_id), bootstrap.administrator_of(command))
        unit.append(claimed, identity.claim(claimed.state, command.identity, principal_id))
        granted = bootstrap.grant_of(command)
        unit.append(await unit.load(GRANT, grant_id_of(principal_id, Role.ADMIN, PROVIDER)), granted)

    call = Call(
        tenant_id=PROVIDER,
        actor=ACTOR,
        rpc=RPC,
        request_id=command.request_id,
        now=now,
        correlation_id=derive_id("correlation", RPC, command.request_id),
    )
    await handler.handle(call, command, work)
    return principal_id
