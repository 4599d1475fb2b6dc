"""No sequence of commands, withdrawals, races, timers and policies responds to what no standing validation calls for.

The checker (`checker.py`) reads the recorded events alone and shares no code with the service.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.errors import TenetError
from contracts.events.assets import AssetClass
from contracts.events.case_work import (
    CaseMerged,
    CaseUnmerged,
    LinkSuggested,
    ObservableKind,
    PlanVoided,
)
from contracts.events.cases import (
    ActionDispatched,
    Authority,
    CaseOpened,
    NoticeSent,
    PlanApproved,
    PlanDecided,
    SubjectLinked,
)
from contracts.events.subjects import SubjectKind, Verdict
from contracts.ids import PROVIDER
from contracts.labels import Label
from services.cases.application import delivery
from services.cases.domain import commands as ask
from tests.services.cases.casework import accept, add_observable, close, merge, split, unlink, unmerge
from tests.services.cases.charters import principal
from tests.services.cases.checker import unsupported
from tests.services.cases.plans import simple
from tests.services.cases.world import World

DETECTIONS = ("d1", "d2")
STEPS = ("keep-1", "kill-1", "isolate-1", "both-1", "fix", "keep-2", "isolate-2")
VERDICTS = (Verdict.MALICIOUS, Verdict.MALICIOUS, Verdict.FALSE_POSITIVE, Verdict.UNDETERMINED)


class Responses(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.detections: dict[str, str] = {}

    def teardown(self) -> None:
        self.loop.close()

    @initialize()
    def begin(self) -> None:
        hosts = [self.world.asset(f"host-{name}", AssetClass.STANDARD, group="office") for name in DETECTIONS]
        for name, host in zip(DETECTIONS, hosts, strict=True):
            self.detections[name] = self.world.detection(host, name=name)
        digest = self.run(self.world.charter(text=simple()))
        self.run(self.world.preauthorise(digest, ["contain network"], ["office"]))

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(_as_coroutine(work))

    def attempt(self, work: Awaitable[Any]) -> Any:
        try:
            return self.run(work)
        except TenetError:
            return None

    def plan(self) -> Any:
        plans = self.world.events(PlanDecided)
        return plans[-1] if plans else None

    def case_ids(self) -> list[str]:
        return [event.case_id for event in self.world.events(CaseOpened)]

    @rule(name=st.sampled_from(DETECTIONS), verdict=st.sampled_from(VERDICTS))
    def validate(self, name: str, verdict: Verdict) -> None:
        self.world.validate(self.detections[name], verdict)

    @rule(name=st.sampled_from(DETECTIONS))
    def withdraw(self, name: str) -> None:
        self.world.withdraw(self.detections[name])

    @rule(name=st.sampled_from(DETECTIONS))
    def withdraw_and_validate_anew(self, name: str) -> None:
        self.world.withdraw(self.detections[name])
        self.world.validate(self.detections[name])

    @rule(name=st.sampled_from(DETECTIONS))
    def go_as_far_as_a_plan(self, name: str) -> None:
        self.world.validate(self.detections[name])
        case_id = self.attempt(self.world.open(self.detections[name]))
        if case_id is not None:
            self.attempt(self.world.decide(case_id))

    @rule(name=st.sampled_from(DETECTIONS))
    def withdraw_during_the_next_append(self, name: str) -> None:
        self.world.ledger.before_append.append(lambda: self.world.withdraw(self.detections[name]))

    @rule(name=st.sampled_from(DETECTIONS))
    def open(self, name: str) -> None:
        self.attempt(self.world.open(self.detections[name]))

    @rule(name=st.sampled_from(DETECTIONS), which=st.integers(0, 1))
    def link(self, name: str, which: int) -> None:
        cases = self.case_ids()
        if cases:
            call = self.world.call()
            command = self.world.make(
                ask.LinkSubject,
                call,
                case_id=cases[which % len(cases)],
                subject_kind=SubjectKind.DETECTION,
                subject_id=self.detections[name],
            )
            self.attempt(self.world.app.case_work.link_subject(call, command))

    @rule(which=st.integers(0, 3), into=st.integers(0, 3))
    def merge(self, which: int, into: int) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(merge(self.world, cases[which % len(cases)], cases[into % len(cases)]))

    @rule(which=st.integers(0, 3))
    def unmerge(self, which: int) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(unmerge(self.world, cases[which % len(cases)]))

    @rule(which=st.integers(0, 3), name=st.sampled_from(DETECTIONS))
    def split(self, which: int, name: str) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(split(self.world, cases[which % len(cases)], self.detections[name]))

    @rule(which=st.integers(0, 3), name=st.sampled_from(DETECTIONS))
    def unlink(self, which: int, name: str) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(unlink(self.world, cases[which % len(cases)], self.detections[name]))

    @rule(which=st.integers(0, 3))
    def observe(self, which: int) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(add_observable(self.world, cases[which % len(cases)], ObservableKind.DOMAIN, "c2.example.net"))

    @rule()
    def accept(self) -> None:
        suggested = self.world.events(LinkSuggested)
        if suggested:
            self.attempt(accept(self.world, suggested[-1].suggestion_id))

    @rule(which=st.integers(0, 3), outcome=st.sampled_from(("resolved", "verdict_withdrawn")))
    def close_and_reopen(self, which: int, outcome: str) -> None:
        cases = self.case_ids()
        if cases:
            case_id = cases[which % len(cases)]
            self.attempt(close(self.world, case_id, outcome))
            call = self.world.call()
            command = self.world.make(ask.ReopenCase, call, case_id=case_id, reason="More of it.")
            self.attempt(self.world.app.case_work.reopen_case(call, command))

    @rule(which=st.integers(0, 1))
    def decide(self, which: int) -> None:
        cases = self.case_ids()
        if cases:
            self.attempt(self.world.decide(cases[which % len(cases)]))

    @rule(name=st.sampled_from(("approver-one", "approver-two", "lead")))
    def approve(self, name: str) -> None:
        if self.plan():
            self.attempt(self.world.approve(self.plan(), name))

    @rule(step_id=st.sampled_from(STEPS), attempt=st.integers(1, 2))
    def dispatch(self, step_id: str, attempt: int) -> None:
        if self.plan():
            self.attempt(self.world.dispatch(self.plan(), step_id, attempt))

    @rule(step_id=st.sampled_from(STEPS))
    def complete(self, step_id: str) -> None:
        if self.plan():
            self.attempt(self.world.complete(self.plan(), step_id))

    @rule()
    def reverse(self) -> None:
        actions = self.world.events(ActionDispatched)
        if actions:
            call = self.world.call()
            command = self.world.make(ask.ReverseAction, call, action_id=actions[-1].action_id)
            self.attempt(self.world.app.acting.reverse_action(call, command))

    @rule()
    def notify(self) -> None:
        cases = self.case_ids()
        if cases:
            call = self.world.call()
            command = self.world.make(
                ask.SendNotice,
                call,
                case_id=cases[-1],
                channel="phone",
                recipient_principal_id=principal("boss"),
                what="What",
                where="Where",
                when="When",
                evidence=(ask.EvidenceGiven(label=Label.AMBER, summary="x"),),
                options=("Wait",),
                deadline=self.world.now + timedelta(minutes=5),
                label=Label.AMBER,
            )
            self.attempt(self.world.app.conversing.send_notice(call, command))

    @rule(behaviour=st.sampled_from(("obey", "obey", "refuse", "lie", "hang_after", "silent")))
    def behave(self, behaviour: str) -> None:
        self.world.edr.behaviour = behaviour

    @rule(minutes=st.sampled_from((1, 11, 61)))
    def wait(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

    @rule()
    def let_everything_react(self) -> None:
        self.run(self.world.settle())

    @invariant()
    def every_response_rests_on_a_validation_that_stood(self) -> None:
        assert unsupported(self.world.ledger.entries) == []

    @invariant()
    def what_is_done_is_done_under_the_plan_of_the_case_that_is_worked(self) -> None:
        ended: set[str] = set()
        merged: set[str] = set()
        for entry in self.world.ledger.entries:
            event = entry.event
            if isinstance(event, PlanVoided):
                ended.add(event.plan_id)
            elif isinstance(event, CaseMerged):
                merged.add(event.case_id)
            elif isinstance(event, CaseUnmerged):
                merged.discard(event.case_id)
            elif isinstance(event, PlanDecided | NoticeSent | SubjectLinked):
                assert event.case_id not in merged
            elif isinstance(event, ActionDispatched) and not event.reverses_action_id:
                assert event.basis.plan_id not in ended
                assert event.basis.case_id not in merged

    @invariant()
    def nothing_takes_effect_twice(self) -> None:
        assert len(self.world.edr.effects) == len(set(self.world.edr.effects))

    @invariant()
    def what_needs_two_persons_had_two_of_the_customers(self) -> None:
        plans = {event.plan_id: event for event in self.world.events(PlanDecided)}
        for action in self.world.events(ActionDispatched):
            steps = {step.step_id: step for step in plans[action.basis.plan_id].steps}
            if steps[action.basis.step_id].authority is not Authority.TWO_PERSONS:
                continue
            given = [self.world.ledger.entries[position] for position in action.basis.approval_positions]
            assert all(isinstance(entry.event, PlanApproved) for entry in given)
            assert all(entry.envelope.actor.home_tenant_id != PROVIDER for entry in given)
            assert len({entry.envelope.actor.id for entry in given}) >= 2


async def _as_coroutine(work: Awaitable[Any]) -> Any:
    return await work


def test_no_sequence_responds_without_a_standing_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SEND_PAUSES_SECONDS", (0.0,))
    monkeypatch.setattr(delivery, "READ_PAUSES_SECONDS", (0.0,))
    limits = settings(max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
    Responses.TestCase.settings = limits
    Responses.TestCase("runTest").runTest()


def test_the_checker_finds_a_response_that_rests_on_nothing() -> None:
    """The checker itself is tried on a ledger that breaks the rule."""
    machine = Responses()
    machine.begin()
    machine.validate("d1", Verdict.MALICIOUS)
    machine.open("d1")
    machine.decide(0)
    machine.dispatch("keep-1", 1)
    dispatched = machine.world.ledger.entries[-1]
    assert isinstance(dispatched.event, ActionDispatched)
    machine.every_response_rests_on_a_validation_that_stood()
    machine.withdraw("d1")
    stream = dispatched.envelope.stream
    machine.world.ledger.record(dispatched.event, stream, machine.world.call())
    with pytest.raises(AssertionError):
        machine.every_response_rests_on_a_validation_that_stood()
    machine.teardown()
