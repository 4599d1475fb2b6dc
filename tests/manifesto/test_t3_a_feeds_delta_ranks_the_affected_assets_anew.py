"""T3: refreshed with research: a delta of the KEV catalogue ranks what is affected anew within five minutes, and old
findings keep the version that judged them.

The catalogues are CISA's of two dates, as published.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read

from tests.fixtures.platform import Platform, new_platform
from tests.services.assets.test_assets_service import finding
from tests.services.assets.test_vulnerabilities_service import KEV, bring
from tests.services.assets.world import AssetsWorld, assets_world

WITHIN_SECONDS = 300.0
BEFORE, AFTER = (
    "known_exploited_vulnerabilities-2025-01-27.json.gz",
    "known_exploited_vulnerabilities-2025-06-09.json.gz",
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[AssetsWorld]:
    async with assets_world(platform) as made:
        yield made


def listed(catalogue: bytes) -> set[str]:
    return {each["cveID"] for each in orjson.loads(gzip.decompress(catalogue))["vulnerabilities"]}


async def test_a_delta_of_the_catalogue_ranks_what_is_affected_anew(world: AssetsWorld, shared_data: Path) -> None:
    before, after = ((shared_data / "kev" / name).read_bytes() for name in (BEFORE, AFTER))
    news = sorted(listed(after) - listed(before))[:5]
    known = min(listed(before) & listed(after))
    lead = await world.lead()
    first = await bring(lead, KEV, before)
    server, desk = [(await world.register(name)).asset_id for name in ("server-1", "desk-1")]
    reports = [finding(world, desk, vulnerability_id=known), finding(world, server, severity_id=6)]
    reports += [finding(world, server, vulnerability_id=cve, severity_id=2) for cve in news]
    made = [await world.analyst.call(world.write.ReportFinding, each) for each in reports]

    async def queue() -> list[pb.Finding]:
        request = read.ListFindingsRequest(tenant_ids=[world.tenant_id], min_position=made[-1].position)
        return list((await world.analyst.call(world.read.ListFindings, request)).findings)

    async with asyncio.timeout(WITHIN_SECONDS):
        while not all(each.feeds for each in await queue() if each.vulnerability_id):
            await asyncio.sleep(0.1)
        assert [each.asset_ids[0] for each in await queue()][:2] == [desk, server]
        second = await bring(lead, KEV, after)
        assert second.added == len(listed(after) - listed(before))
        while [each.known_exploited for each in await queue()] != [True] * 6 + [False]:
            await asyncio.sleep(0.1)
    ranked = await queue()
    assert ranked[0].vulnerability_id == known
    assert {each.asset_ids[0] for each in ranked[1:6]} == {server}
    # What the old catalogue judged already keeps naming it; what the new one changed names the new one.
    assert [each.position for each in ranked[0].feeds] == [first.position]
    assert {version.position for each in ranked[1:6] for version in each.feeds} == {second.position}
