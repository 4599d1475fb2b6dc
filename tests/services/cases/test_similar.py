"""What cases have in common: suggestions that they are one attack, likeness, assets that share an observable."""

import hashlib
from datetime import timedelta

import pytest

from contracts.events.assets import AssetClass
from contracts.events.case_work import JoiningRule, LinkSuggested, ObservableKind, TracesDrawn
from services.cases.domain import errors
from services.cases.domain.joining import LONG_WINDOW, MAX_SHARED_BY
from services.cases.projections import CASE_MARKS, CASES, INDEX_ASSETS, LINK_SUGGESTIONS
from services.cases.projections import recognition as recognising
from services.cases.projections.recognition import Recognition
from tests.services.cases.casework import accept, add_observable, close, decline, seen
from tests.services.cases.world import TENANT, World

HASH = hashlib.sha256(b"a dropper of our own invention").hexdigest()


def recognition(world: World) -> Recognition:
    return Recognition(world.reader, CASES, CASE_MARKS, INDEX_ASSETS)  # type: ignore[arg-type]  # what is used of it


async def test_stages_thirty_days_apart_are_suggested_by_a_strong_observable_and_joined_by_a_person(
    world: World,
) -> None:
    first, _ = await seen(world, "1", f"hashes: SHA256={HASH}")
    await close(world, first)
    world.now += timedelta(days=30)
    second, _ = await seen(world, "22", f"hashes: SHA256={HASH}")
    (suggested,) = world.events(LinkSuggested)
    assert {suggested.case_id, suggested.with_case_id} == {first, second}
    assert [reason.rule for reason in suggested.reasons] == [JoiningRule.SAME_STRONG_OBSERVABLE]
    await accept(world, suggested.suggestion_id)
    root = world.reader.fold(CASES)[second]
    assert root.case_ids == (second, first)
    with pytest.raises(errors.SuggestionSettled):
        await decline(world, suggested.suggestion_id)


async def test_of_two_open_cases_the_later_one_is_worked_in_the_earlier_one(world: World) -> None:
    first, _ = await seen(world, "1", "domain: c2.example.net")
    second, _ = await seen(world, "22", "domain: c2.example.net")
    (suggested,) = world.events(LinkSuggested)
    await accept(world, suggested.suggestion_id)
    assert world.reader.fold(CASES)[first].case_ids == (first, second)


async def test_what_was_declined_is_not_suggested_again(world: World) -> None:
    first, _ = await seen(world, "1", "domain: c2.example.net")
    await seen(world, "22", "domain: c2.example.net")
    (suggested,) = world.events(LinkSuggested)
    await decline(world, suggested.suggestion_id)
    await add_observable(world, first, ObservableKind.DOMAIN, "another.example.net")
    await world.settle()
    assert len(world.events(LinkSuggested)) == 1
    assert world.reader.fold(LINK_SUGGESTIONS)[suggested.suggestion_id].status == "declined"
    with pytest.raises(errors.SuggestionUnknown):
        await accept(world, "suggestion-of-nobody")


async def test_a_weak_observable_joins_for_days_and_a_strong_one_for_months_but_not_for_ever(world: World) -> None:
    await seen(world, "1", "host: desk-1", "domain: c2.example.net")
    world.now += timedelta(days=4)
    await seen(world, "22", "host: desk-1")
    assert world.events(LinkSuggested) == []
    world.now += LONG_WINDOW
    await seen(world, "333", "domain: c2.example.net")
    assert world.events(LinkSuggested) == []


async def test_what_very_many_cases_have_joins_none_of_them(world: World) -> None:
    for number in range(MAX_SHARED_BY + 2):
        await seen(world, "x" * (number + 1), "domain: proxy.example.net")
    suggested = {case_id for each in world.events(LinkSuggested) for case_id in (each.case_id, each.with_case_id)}
    first, *_, last = world.events(TracesDrawn)
    assert first.case_id in suggested
    assert last.case_id not in suggested


async def test_a_rare_mark_is_not_crowded_out_by_what_many_cases_have(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognising, "MAX_MARKS", 6)
    monkeypatch.setattr(recognising, "MAX_OF_ONE_MARK", 3)
    first, _ = await seen(world, "1", f"hashes: SHA256={HASH}")
    world.now += timedelta(days=30)
    for number in range(8):
        await seen(world, "x" * (number + 2), "domain: proxy.example.net")
    last, _ = await seen(world, "y" * 12, "domain: proxy.example.net", f"hashes: SHA256={HASH}")
    pairs = [{each.case_id, each.with_case_id} for each in world.events(LinkSuggested)]
    assert {first, last} in pairs


async def test_similar_cases_say_what_they_share_and_count_a_merged_one_once(world: World) -> None:
    asset = world.asset("shared", AssetClass.STANDARD, group="office")
    first, _ = await seen(world, "1", "domain: c2.example.net", asset=asset)
    second, _ = await seen(world, "2", "domain: c2.example.net")
    third, _ = await seen(world, "3", asset=asset)
    row = world.reader.fold(CASES)[first]
    found = await recognition(world).similar(TENANT, row, None)
    assert [each.case.case_id for each in found] == [second, third]
    assert [{shared.mark.kind.value for shared in each.shared} for each in found] == [
        {"observable", "rule", "technique"},
        {"asset", "rule", "technique"},
    ]
    assert found[0].score == sum(shared.weight for shared in found[0].shared)
    (suggested, *_) = [
        each for each in world.events(LinkSuggested) if {each.case_id, each.with_case_id} == {second, first}
    ]
    await accept(world, suggested.suggestion_id)
    after = await recognition(world).similar(TENANT, world.reader.fold(CASES)[third], None)
    assert [each.case.case_id for each in after] == [first]


async def test_a_case_names_every_asset_that_was_seen_with_one_of_its_observables(world: World) -> None:
    case_id, _ = await seen(world, "1", "domain: c2.example.net")
    other = world.asset("other", AssetClass.STANDARD)
    await seen(world, "22", "domain: c2.example.net", asset=other)
    marks = await recognition(world).marks_of(TENANT, [case_id])
    rows = await recognition(world).assets_sharing(TENANT, marks, None)
    assert {row.asset_id for row in rows} == {other, world.reader.fold(CASES)[case_id].asset_ids[0]}
