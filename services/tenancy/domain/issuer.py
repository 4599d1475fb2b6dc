"""An issuer of tokens, and the home tenants whose principals it may speak for."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.events.base import Event, Recorded
from contracts.events.tenancy import IssuerBound
from contracts.ids import TenantId, derive_id
from services.tenancy.domain.commands import BindIssuer
from services.tenancy.domain.errors import IssuerInsecure, IssuerRefused
from services.tenancy.domain.tenant import Tenant, check_open

CATEGORY = "issuer"


@dataclass(frozen=True, slots=True)
class Issuer:
    id: str = ""
    home_tenant_ids: frozenset[TenantId] = frozenset()
    insecure: bool = False


def initial() -> Issuer:
    return Issuer()


def evolve(_state: Issuer, recorded: Recorded[IssuerBound]) -> Issuer:
    return Issuer(recorded.event.issuer_id, frozenset(recorded.event.home_tenant_ids), recorded.event.insecure)


def issuer_id_of(issuer: str) -> str:
    return derive_id("issuer", issuer)


def bind(state: Issuer, homes: Sequence[Tenant], command: BindIssuer, *, insecure_allowed: bool) -> list[Event]:
    """Binding an issuer again replaces its keys' address, audience and home tenants.

    An issuer without https is refused unless the configuration allows such, or it is bound as one already: the local
    issuer of a machine for trials is, from the bootstrap on.
    """
    for home in homes:
        check_open(home)
    secure = all(urlsplit(url).scheme == "https" for url in (command.issuer, command.jwks_uri))
    if not (secure or insecure_allowed or state.insecure):
        raise IssuerInsecure("An issuer and its keys must be at https addresses.")
    return [
        IssuerBound(
            issuer_id=issuer_id_of(command.issuer),
            issuer=command.issuer,
            jwks_uri=command.jwks_uri,
            audience=command.audience,
            home_tenant_ids=tuple(sorted(command.home_tenant_ids)),
            insecure=not secure,
        )
    ]


def check_may_speak_for(issuer: Issuer, home_tenant_id: TenantId) -> None:
    if home_tenant_id not in issuer.home_tenant_ids:
        raise IssuerRefused("The issuer is not bound for principals of that home tenant.")
