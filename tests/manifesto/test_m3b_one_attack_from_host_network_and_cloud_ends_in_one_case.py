"""M3b: host, network and cloud events of one attack end in one case; what would need another answer does not.

What lies on the same assets joins by itself. What only shares an observable is suggested, and a person joins it; so do
stages a month apart (M5a).
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_work_pb2 as work

from contracts.events.assets import AssetClass, AssetKind
from tests.fixtures.platform import Platform, new_platform
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.test_case_work_service import Work
from tests.services.cases.test_service import eventually, open_cases

CHARTER = """
charter: 1
title: An office
time_zone: UTC
contacts:
  - {contact: boss, principal: "@boss", channels: [{channel: phone}]}
lines:
  - id: ransomware
    outcome: Stop it.
    when: {techniques: [T1486]}
    then:
      mode: stop
      steps:
        - {id: rebuild, type: remediate, do: task, task: Rebuild., authority: customer, reason: Encrypted.}
  - id: any
    outcome: Look closely.
    then:
      mode: understand
      steps:
        - {id: examine, type: investigate, do: task, task: Examine., authority: provider, reason: To know.}
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform, tmp_path: Path) -> AsyncIterator[CasesService]:
    async with cases_service(platform, tmp_path) as running:
        await running.approve(CHARTER.replace("@boss", running.approver_id))
        yield running


async def settled(service: CasesService, subjects: list[int]) -> list[pb.Case]:
    """Waits until the open cases rest on so many subjects each, the smallest first."""

    async def so_many() -> bool:
        return sorted(len(case.subjects) for case in await open_cases(service)) == subjects

    await eventually(so_many)
    return await open_cases(service)


async def test_host_network_and_cloud_events_of_one_attack_end_in_one_case(service: CasesService) -> None:
    desk = await service.asset("desk-1", AssetClass.STANDARD, "office", AssetKind.DESKTOP)
    account = await service.asset("nurse-7", AssetClass.IDENTITY, "office", AssetKind.ACCOUNT)
    on_host = await service.detection(desk, account, techniques=("T1059",))
    await service.validate(on_host)
    await settled(service, [1])
    in_network = await service.detection(desk, techniques=("T1071",))
    in_cloud = await service.detection(account, techniques=("T1078",))
    await service.validate(in_network)
    await service.validate(in_cloud)
    (case,) = await settled(service, [3])
    assert {subject.id for subject in case.subjects} == {on_host, in_network, in_cloud}


async def test_what_the_charter_answers_otherwise_gets_a_case_and_an_answer_of_its_own(service: CasesService) -> None:
    desk = await service.asset("desk-2", AssetClass.STANDARD, "office", AssetKind.DESKTOP)
    await service.validate(await service.detection(desk, techniques=("T1059",)))
    await settled(service, [1])
    await service.validate(await service.detection(desk, techniques=("T1486",)))
    await settled(service, [1, 1])


async def test_an_attack_on_further_assets_is_not_hidden_in_the_first_case(service: CasesService) -> None:
    desk, other = [
        await service.asset(name, AssetClass.STANDARD, "office", AssetKind.DESKTOP) for name in ("desk-3", "desk-4")
    ]
    await service.validate(await service.detection(desk, techniques=("T1059",)))
    await settled(service, [1])
    await service.validate(await service.detection(desk, other, techniques=("T1059",)))
    await settled(service, [1, 1])


async def suggested(service: CasesService) -> work.LinkSuggestion:
    """The one suggestion that waits for a person."""
    asking = Work(service)

    async def there() -> bool:
        return len((await asking.ask("ListLinkSuggestions")).suggestions) == 1

    await eventually(there)
    (found,) = (await asking.ask("ListLinkSuggestions")).suggestions
    suggestion: work.LinkSuggestion = found
    return suggestion


async def test_a_cloud_event_on_no_asset_of_the_case_is_joined_by_the_address_that_it_shares(
    service: CasesService,
) -> None:
    desk = await service.asset("desk-5", AssetClass.STANDARD, "office", AssetKind.DESKTOP)
    account = await service.asset("nurse-9", AssetClass.IDENTITY, "office", AssetKind.ACCOUNT)
    on_host = await service.detection(desk, techniques=("T1059",), observables=("host: desk-5",))
    await service.validate(on_host)
    await settled(service, [1])
    outside = "2001:4860:4860::8888"
    in_network = await service.detection(
        desk, techniques=("T1071",), observables=("source address: 10.0.0.5", f"destination address: {outside}")
    )
    await service.validate(in_network)
    await settled(service, [2])
    in_cloud = await service.detection(
        account, techniques=("T1078",), observables=("account: nurse-9", f"address: {outside.upper()}")
    )
    await service.validate(in_cloud)
    await settled(service, [1, 2])
    suggestion = await suggested(service)
    (reason,) = suggestion.reasons
    assert reason.rule == work.JOINING_RULE_SAME_STRONG_OBSERVABLE
    assert reason.observable.value.value == outside
    await Work(service).do("AcceptLink", suggestion_id=suggestion.suggestion_id, reason="The same address.")
    (case,) = await settled(service, [3])
    assert {subject.id for subject in case.subjects} == {on_host, in_network, in_cloud}
    assert set(case.asset_ids) == {desk, account}


async def test_stages_thirty_days_apart_join(service: CasesService) -> None:
    dropper = "hashes: SHA256=" + "5a" * 32
    first, second = [
        await service.asset(name, AssetClass.STANDARD, "office", AssetKind.DESKTOP) for name in ("desk-6", "desk-7")
    ]
    month_ago = datetime.now(UTC) - timedelta(days=30)
    await service.validate(
        await service.detection(first, techniques=("T1566",), observables=(dropper,), seen_at=month_ago)
    )
    await settled(service, [1])
    await service.validate(await service.detection(second, techniques=("T1048",), observables=(dropper,)))
    await settled(service, [1, 1])
    suggestion = await suggested(service)
    (reason,) = suggestion.reasons
    assert timedelta(seconds=reason.apart_seconds) >= timedelta(days=29)
    await Work(service).do("AcceptLink", suggestion_id=suggestion.suggestion_id, reason="The same dropper.")
    (case,) = await settled(service, [2])
    assert set(case.asset_ids) == {first, second}
