"""The clocks of a case as policies and timers keep them: started, met, breached and started anew, in whatever order."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from contracts.errors import TenetError
from contracts.events.assets import AssetClass
from contracts.events.cases import CaseOpened, PlanDecided
from contracts.events.people import (
    Objective,
    ServiceLevelBreached,
    ServiceLevelEnded,
    ServiceLevelMet,
    ServiceLevelStarted,
)
from infra.read_database.policies import Policy
from infra.read_database.timers import TimerHandler
from services.cases.application.calling import Calling
from services.cases.application.handovers import Handovers
from services.cases.application.people import PeopleApplication
from services.cases.application.questions import Questions
from services.cases.application.rotas import Rotas
from services.cases.application.service_levels import KeepingServiceLevels
from services.cases.domain import commands as ask
from services.cases.domain import work_commands as work
from services.cases.domain.charter import charter_digest, read_charter
from services.cases.domain.handover import Open
from services.cases.domain.rota import Rota
from services.cases.policies.act_when_people_are_late import PeopleTimers
from services.cases.policies.keep_service_levels_when_case_progressed import KeepServiceLevelsWhenCaseProgressed
from tests.services.cases.world import World as PlainWorld

MINUTE = timedelta(minutes=1)
CHARTER = """
charter: 1
title: A site that is promised something
time_zone: UTC
priorities: [{priority: P3, min_severity: 1}]
deadlines:
  P3: {acknowledge_minutes: 15, decide_minutes: 60, contain_minutes: 120, resolve_minutes: 480}
lines:
  - id: cut-off
    outcome: Stop it.
    then:
      mode: stop
      steps:
        - {id: look, type: investigate, do: task, task: Look at it., authority: provider, reason: To know.}
        - {id: cut-off, type: contain, do: task, task: Unplug it., authority: provider, reason: It spreads.}
        - {id: clean, type: eliminate, do: task, task: Remove it., authority: provider, reason: It must go.}
"""


class World(PlainWorld):
    """With the clocks of cases as the service keeps them."""

    def people(self) -> PeopleApplication:
        ledger: Any = self.ledger
        rotas = Rotas(ledger, ledger)
        return PeopleApplication(
            rotas,
            Calling(ledger, rotas),
            KeepingServiceLevels(ledger, self.app.charters),
            Handovers(ledger, ledger, nothing_open),
            Questions(ledger, ledger, rotas),
        )

    @override
    def policies(self) -> list[Policy]:
        return [*super().policies(), KeepServiceLevelsWhenCaseProgressed(self.people())]

    @override
    def timers(self) -> Mapping[str, TimerHandler]:
        return {**super().timers(), **PeopleTimers(self.people()).handlers()}


async def nothing_open(rota: Rota) -> Open:
    raise AssertionError(f"nobody hands over a shift of {rota.rota_id} here")


@pytest.fixture
def world() -> World:
    return World()


async def validated(world: World, text: str = CHARTER) -> None:
    await world.charter(text=text)
    world.validate(world.detection(world.asset("desk", AssetClass.STANDARD)))
    await world.settle()


async def opened(world: World) -> str:
    await validated(world)
    return str(world.events(CaseOpened)[-1].case_id)


async def assign(world: World, case_id: str) -> None:
    call = world.call()
    await world.app.case_work.assign_case(
        call, world.make(ask.AssignCase, call, case_id=case_id, principal_id=call.actor.id)
    )


async def close(world: World, case_id: str) -> None:
    call = world.call()
    command = world.make(
        ask.CloseCase,
        call,
        case_id=case_id,
        outcome="resolved",
        root_cause="A macro.",
        cause_addressed=True,
        lessons="None.",
        recommendation="Block macros.",
        no_recommendation_reason="",
    )
    await world.app.case_work.close_case(call, command)


async def reopen(world: World, case_id: str) -> None:
    call = world.call()
    await world.app.case_work.reopen_case(call, world.make(ask.ReopenCase, call, case_id=case_id, reason="Again."))


def of(events: list[Any]) -> list[Objective]:
    return [event.objective for event in events]


async def test_opening_a_case_starts_what_the_charter_promises_for_its_priority(world: World) -> None:
    await opened(world)
    started = world.events(ServiceLevelStarted)
    assert {event.objective: event.deadline - world.now for event in started} == {
        Objective.ACKNOWLEDGE: 15 * MINUTE,
        Objective.DECIDE: 60 * MINUTE,
        Objective.CONTAIN: 120 * MINUTE,
        Objective.RESOLVE: 480 * MINUTE,
    }
    assert {event.charter.digest for event in started} == {charter_digest(read_charter(CHARTER))}


async def test_a_charter_that_promises_nothing_for_the_priority_starts_nothing(world: World) -> None:
    await validated(world, CHARTER.replace("  P3:", "  P1:"))
    assert len(world.events(CaseOpened)) == 1
    assert world.events(ServiceLevelStarted) == []


async def test_containment_is_met_by_the_last_containing_step_and_not_by_another(world: World) -> None:
    case_id = await opened(world)
    plan = await world.decide(case_id)
    for step, expected in (("look", 0), ("cut-off", 0), ("clean", 1)):
        await world.complete(plan, step)
        await world.settle()
        assert of(world.events(ServiceLevelMet)).count(Objective.CONTAIN) == expected
    met = [event for event in world.events(ServiceLevelMet) if event.objective is Objective.CONTAIN]
    completed = [entry.position for entry in world.ledger.entries if type(entry.event).__name__ == "StepCompleted"]
    assert met[0].by_position == completed[-1]


async def test_a_deadline_that_passes_is_breached_once_however_late_the_timer_comes(world: World) -> None:
    case_id = await opened(world)
    await assign(world, case_id)
    await world.settle()
    world.now += timedelta(days=30)
    await world.settle()
    world.now += timedelta(days=30)
    await world.settle()
    assert sorted(of(world.events(ServiceLevelBreached))) == ["contain", "decide", "resolve"]
    assert of(world.events(ServiceLevelMet)) == [Objective.ACKNOWLEDGE]


async def test_closing_meets_the_resolution_and_does_not_claim_a_containment_that_was_never_decided(
    world: World,
) -> None:
    case_id = await opened(world)
    await close(world, case_id)
    await world.settle()
    assert sorted(of(world.events(ServiceLevelMet))) == ["acknowledge", "resolve"]
    assert sorted(of(world.events(ServiceLevelEnded))) == ["contain", "decide"]
    world.now += timedelta(days=30)
    await world.settle()
    assert world.events(ServiceLevelBreached) == []


async def test_a_reopening_starts_new_clocks_also_when_nobody_has_looked_at_the_closing_before(world: World) -> None:
    case_id = await opened(world)
    await close(world, case_id)
    world.now += timedelta(days=3)
    await reopen(world, case_id)
    await world.settle()
    again = [event for event in world.events(ServiceLevelStarted) if event.episode == 2]
    assert sorted(of(again)) == ["contain", "decide", "resolve"]
    assert {event.started_at for event in again} == {world.now}
    world.now += 61 * MINUTE
    await world.settle()
    assert [(event.episode, event.objective) for event in world.events(ServiceLevelBreached)] == [(2, Objective.DECIDE)]


async def test_what_every_event_says_is_decided_once_though_it_is_delivered_twice(world: World) -> None:
    case_id = await opened(world)
    await assign(world, case_id)
    await world.settle()
    before = len(world.ledger.entries)
    world.reacted = 0
    await world.settle()
    assert len(world.ledger.entries) == before


async def test_a_merged_case_is_measured_in_the_other_one_and_again_once_the_merge_is_taken_back(world: World) -> None:
    case_id, other = await opened(world), await another(world)
    await merge(world, other, case_id)
    assert len([event for event in world.events(ServiceLevelEnded) if event.case_id == other]) == 4
    world.now += timedelta(days=30)
    await world.settle()
    assert {event.case_id for event in world.events(ServiceLevelBreached)} == {case_id}
    await unmerge(world, other)
    again = [event for event in world.events(ServiceLevelStarted) if event.case_id == other and event.episode == 2]
    assert {event.started_at for event in again} == {world.now}
    assert again


async def test_a_closed_case_that_was_merged_gets_no_clocks_when_the_merge_is_taken_back(world: World) -> None:
    case_id, other = await opened(world), await another(world)
    await close(world, other)
    await world.settle()
    await merge(world, other, case_id)
    await unmerge(world, other)
    assert {event.episode for event in world.events(ServiceLevelStarted)} == {1}


async def another(world: World) -> str:
    detection = world.detection(world.asset("elsewhere", AssetClass.STANDARD), techniques=("T1110",), name="other")
    world.validate(detection)
    await world.settle()
    return str(world.events(CaseOpened)[1].case_id)


async def merge(world: World, case_id: str, into: str) -> None:
    call = world.call()
    command = world.make(work.MergeCase, call, case_id=case_id, into_case_id=into, reason="One attack.")
    await world.app.merging.merge_case(call, command)
    await world.settle()


async def unmerge(world: World, case_id: str) -> None:
    call = world.call()
    await world.app.merging.unmerge_case(call, world.make(work.UnmergeCase, call, case_id=case_id, reason="Two."))
    await world.settle()


DOINGS = ("assign", "decide", "look", "cut-off", "clean", "close", "reopen", "wait", "settle")


async def do(world: World, case_id: str, doing: str) -> None:
    """What a person does, as far as the case allows it; policies and timers only act in `settle`."""
    plans = world.events(PlanDecided)
    match doing:
        case "assign":
            await assign(world, case_id)
        case "decide":
            await world.decide(case_id)
        case "close":
            await close(world, case_id)
        case "reopen":
            await reopen(world, case_id)
        case "wait":
            world.now += 50 * MINUTE
        case "settle":
            await world.settle()
        case step if plans:
            await world.complete(plans[-1], step)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(DOINGS), max_size=20))
def test_whatever_people_do_and_however_late_it_is_looked_at_each_clock_ends_in_one_way(doings: list[str]) -> None:
    async def lived() -> World:
        world = World()
        case_id = await opened(world)
        for doing in doings:
            with suppress(TenetError):
                await do(world, case_id, doing)
        await world.settle()
        world.now += timedelta(days=365)
        await world.settle()
        return world

    world = asyncio.run(lived())
    deadlines = {(event.episode, event.objective): event.deadline for event in world.events(ServiceLevelStarted)}
    outcomes: dict[tuple[int, Objective], list[type]] = {place: [] for place in deadlines}
    for event in world.events(ServiceLevelMet, ServiceLevelBreached, ServiceLevelEnded):
        outcomes[event.episode, event.objective].append(type(event))
    for place, found in outcomes.items():
        assert found in ALLOWED, (place, found)
    for event in world.events(ServiceLevelMet):
        place = (event.episode, event.objective)
        assert event.late == (event.met_at > deadlines[place]) == (ServiceLevelBreached in outcomes[place])


ALLOWED: list[list[type]] = [
    [ServiceLevelMet],
    [ServiceLevelEnded],
    [ServiceLevelBreached],
    [ServiceLevelBreached, ServiceLevelMet],
    [ServiceLevelBreached, ServiceLevelEnded],
]
