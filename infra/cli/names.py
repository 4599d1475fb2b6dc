"""Names for the people in a record, which holds identifiers only; for those who may see who is who."""

from collections.abc import Mapping, Sequence

from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_pb2 as pb
from tenet.tenancy.v1 import tenancy_read_pb2 as read

from contracts.ids import PROVIDER
from infra.auth.authorisation import RULES
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import word
from infra.grpc.status import RemoteError

_WHO_LISTS = RULES["/tenet.tenancy.v1.TenancyReadService/ListPrincipals"].roles
_WHO_READS_NAMES = RULES["/tenet.tenancy.v1.TenancyReadService/ListNames"].roles


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
Listed = read.ListPrincipalsResponse | read.ListNamesResponse
Known = Sequence[pb.Principal] | Sequence[pb.PrincipalName]


async def names_for(session: Session) -> Names:
    """The names that the caller may see. Others are not asked for, which would be a refusal on record.

    A record can be read without them, so nobody's names are shown where the service that has them does not answer.
    """
    try:
        listed = await list_of_principals(session)
    except RemoteError:
        return NOBODY
    known: Known = principals_of(listed) if listed is not None else []
    return Names({each.principal_id: each.display_name.value for each in known if each.display_name.value})


async def list_of_principals(session: Session) -> Listed | None:
    """All principals, or the names of those whom the caller works beside; None for who may see neither.

    Raises RemoteError.
    """
    caller = await session.ask(read.GetWhoAmIRequest(), read.GetWhoAmIResponse)
    roles = {each.tenant_id: {word(common.Role, role) for role in each.roles} for each in caller.tenants}
    if not roles.get(PROVIDER, set()).isdisjoint(role.value for role in _WHO_LISTS):
        return await every(session, read.ListPrincipalsRequest(), read.ListPrincipalsResponse)
    if not set[str]().union(*roles.values()).isdisjoint(role.value for role in _WHO_READS_NAMES):
        return await every(session, read.ListNamesRequest(), read.ListNamesResponse)
    return None


def principals_of(listed: Listed) -> Known:
    return listed.names if isinstance(listed, read.ListNamesResponse) else listed.principals
