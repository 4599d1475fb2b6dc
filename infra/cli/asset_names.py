"""Names of assets, for lists whose lines would look alike without saying where something is."""

from collections.abc import Iterable, Mapping, Sequence

from tenet.assets.v1 import assets_read_pb2 as read

from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import sealed
from infra.grpc.status import RemoteError


async def asset_names(session: Session, tenant_ids: Iterable[str]) -> Mapping[str, str]:
    """By identifier, as far as the caller may see them; none where the service that has them does not answer."""
    named = sorted(set(tenant_ids))
    if not named:
        return {}
    request = read.ListAssetsRequest(tenant_ids=named, include_retired=True)
    try:
        found = await every(session, request, read.ListAssetsResponse)
    except RemoteError:
        return {}
    return {each.asset_id: sealed(each.name) for each in found.assets}


def where(asset_ids: Sequence[str], names: Mapping[str, str]) -> str:
    """`ward-7`, or `ward-7 and 3 more`: the first asset is the one that matters most."""
    if not asset_ids:
        return ""
    first = names.get(asset_ids[0], asset_ids[0])
    return first if len(asset_ids) == 1 else f"{first} and {len(asset_ids) - 1} more"
