"""Names for the people in a record, which holds identifiers only; for those who may see who is who."""

from collections.abc import Mapping

from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_read_pb2 as read

from contracts.ids import PROVIDER
from infra.auth.authorisation import RULES
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import word
from infra.grpc.status import RemoteError

_WHO_LISTS = RULES["/tenet.tenancy.v1.TenancyReadService/ListPrincipals"].roles


class Names:
    """What identifiers of principals are shown as. Rules and timers of Tenet have names of their own."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def of(self, principal_id: str) -> str:
        """`Ana, analyst`; the identifier of whom nothing is known, or may be shown."""
        return self._names.get(principal_id, principal_id)

    def with_id(self, principal_id: str) -> str:
        """`Ana, analyst (principal-…)`, where the identifier may be needed as well."""
        name = self._names.get(principal_id)
        return f"{name} ({principal_id})" if name else principal_id


NOBODY = Names({})


async def names_for(session: Session) -> Names:
    """The names that the caller may see: all, or none. Others are not asked for, which would be a refusal on record.

    A record can be read without them, so nobody's names are shown where the service that has them does not answer.
    """
    try:
        caller = await session.ask(read.GetWhoAmIRequest(), read.GetWhoAmIResponse)
        held = {word(common.Role, role) for each in caller.tenants if each.tenant_id == PROVIDER for role in each.roles}
        if held.isdisjoint(role.value for role in _WHO_LISTS):
            return NOBODY
        found = await every(session, read.ListPrincipalsRequest(), read.ListPrincipalsResponse)
    except RemoteError:
        return NOBODY
    return Names({each.principal_id: each.display_name.value for each in found.principals if each.display_name.value})
