"""The life of rules and what tenants except, without a database: tests within rules, packs over packs, limits."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Envelope, Event, Recorded, Sealed
from contracts.events.rule_lives import (
    RuleExcepted,
    RuleReinstated,
    RuleRetired,
    RulesDeployed,
    RulesDropped,
    RulesResearched,
    RulesTested,
    RulesTuned,
)
from contracts.ids import PROVIDER, StreamName, TenantId
from contracts.roles import Role
from infra.event_store.limits import MAX_ENTRY_BYTES
from services.detections.config import MAX_INLINE_TESTS_PER_RULE, MAX_STANDING_RULE_EXCEPTIONS
from services.detections.domain import rule_exception, rule_life
from services.detections.domain.commands import ExceptRule, ReinstateRule, RenewRuleException, RetireRule
from services.detections.domain.inline_tests import Trial, try_rules
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.rule_pack import RulePack
from services.detections.domain.sigma.about import about
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.expressions import Atom, Kind
from services.detections.domain.sigma.packs import CompiledPack, compile_pack, compile_texts, pack_of, rule_text
from tests.services.detections.correlation.sign_ins import BASE_ID, GUESSING_ID, PACK

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TENANT = TenantId("clinic")
OWN = RulePack("rule_pack-own", "own", "a" * 64)
ONE, TWO = "one", "two"
TESTED = """\
title: T
id: 7e1c1f1e-5a1b-4a53-9f2d-0b8f8e3b0001
logsource: {product: linux, service: sshd}
detection:
    words: [Invalid user]
    condition: words
"""


def recorded(event: Event, position: int = 0) -> Recorded[Event]:
    envelope = Envelope(
        id=f"event-{position}",
        tenant_id=PROVIDER,
        stream=StreamName(rule_life.STREAM),
        version=position + 1,
        topic=event.TOPIC,
        schema_version=event.VERSION,
        occurred_at=NOW,
        actor=Actor("ada", AuthenticatedBy.OIDC, PROVIDER),
        grant_id=None,
        correlation_id="",
        causation=None,
        trace_parent="",
        facts=(),
        request_key=None,
        request_digest=None,
    )
    return Recorded(position, NOW, envelope, event)


def lives(*events: Event) -> rule_life.RuleLives:
    state = rule_life.initial()
    for event in events:
        state = rule_life.evolve(state, recorded(event))  # type: ignore[arg-type]  # Events of the stream.
    return state


def compiled(texts: dict[str, str]) -> CompiledPack:
    """A pack of rules by id, each with a text that is only a hash here."""
    rules = tuple(
        CompiledRule(rule_id, f"Title of {rule_id}", sha256, "high", 4, (), None, None, None, Atom("A", Kind.NULL))
        for rule_id, sha256 in texts.items()
    )
    return CompiledPack(rules, (), paths={rule_id: f"rules/{rule_id}.yml" for rule_id in texts})


def researched(state: rule_life.RuleLives, texts: dict[str, str], *trials: Trial, again: bool = False) -> list[Event]:
    return list(rule_life.research(state, OWN, compiled(texts), trials, "", again=again))


def deployed(state: rule_life.RuleLives, texts: dict[str, str]) -> list[Event]:
    return list(rule_life.deploy(state, OWN, texts, texts, "why"))


def kinds(events: Iterable[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def refused(reason: str) -> "pytest.RaisesExc[TenetError]":
    return pytest.raises(TenetError, check=lambda error: error.reason == reason)


def retiring(rule_id: str = ONE) -> RetireRule:
    return RetireRule(tenant_id=PROVIDER, request_id="request-1", rule_id=rule_id, reason="Noise.")


def test_what_a_pack_changes_is_what_is_recorded() -> None:
    first = researched(lives(), {ONE: "1", TWO: "2"})
    begun = deployed(lives(*first), {ONE: "1", TWO: "2"})
    assert kinds([*first, *begun]) == [RulesResearched, RulesDeployed]
    state = lives(*first, *begun)
    (only,) = researched(state, {ONE: "1", TWO: "3"})
    assert isinstance(only, RulesResearched)
    assert [(text.rule_id, text.sha256, text.path) for text in only.rules] == [(TWO, "3", "rules/two.yml")]
    changed = deployed(lives(*first, *begun, only), {TWO: "3"})
    assert kinds(changed) == [RulesDeployed, RulesTuned, RulesDropped]
    nothing, tuned, dropped = changed
    assert isinstance(nothing, RulesDeployed)
    assert isinstance(tuned, RulesTuned)
    assert isinstance(dropped, RulesDropped)
    assert nothing.rules == ()
    assert [(each.rule_id, each.sha256, each.replaced_sha256) for each in tuned.rules] == [(TWO, "3", "2")]
    assert [(each.rule_id, each.sha256) for each in dropped.rules] == [(ONE, "1")]


def test_a_pack_that_was_imported_before_says_nothing_anew() -> None:
    state = lives(*researched(lives(), {ONE: "1"}))
    assert researched(state, {ONE: "0"}, again=True) == []
    # Of a rule that was deployed before lives were recorded, the text is told the next time that its pack is imported.
    unrecorded = lives(*deployed(lives(), {ONE: "1"}))
    assert kinds(researched(unrecorded, {ONE: "1"}, again=True)) == [RulesResearched]


def test_a_retired_rule_stays_out_until_it_is_reinstated() -> None:
    running = [*researched(lives(), {ONE: "1"}), *deployed(lives(), {ONE: "1"})]
    (retired,) = rule_life.retire(lives(*running), retiring(), ())
    assert isinstance(retired, RuleRetired)
    assert (retired.sha256, retired.reason.plaintext) == ("1", "Noise.")
    state = lives(*running, retired)
    with refused("RULE_RETIRED"):
        rule_life.retire(state, retiring(), ())
    (again,) = deployed(state, {ONE: "1"})
    assert isinstance(again, RulesDeployed)
    assert again.rules == ()
    command = ReinstateRule(tenant_id=PROVIDER, request_id="request-2", rule_id=ONE, reason="Needed.")
    with refused("RULE_NOT_DEPLOYED"):
        rule_life.reinstate(state, command, {})
    (back,) = rule_life.reinstate(state, command, {ONE: "4"})
    assert isinstance(back, RuleReinstated)
    assert lives(*running, retired, back).at_work(ONE) == "4"
    with refused("RULE_NOT_RETIRED"):
        rule_life.reinstate(lives(*running, retired, back), command, {ONE: "4"})


def test_what_cannot_be_retired_is_refused_with_its_reason() -> None:
    known = researched(lives(), {ONE: "1"})
    with refused("RULE_NOT_DEPLOYED"):
        rule_life.retire(lives(*known), retiring(), ())
    with refused("RULE_UNKNOWN"):
        rule_life.retire(lives(*known), retiring(TWO), ())
    running = lives(*known, *deployed(lives(*known), {ONE: "1"}))
    with refused("RULE_REFERRED_TO"):
        rule_life.retire(running, retiring(), ["above"])
    with refused("RATIONALE_MISSING"):
        rule_life.retire(running, retiring().model_copy(update={"reason": "  "}), ())


def test_a_text_that_fails_its_tests_is_not_put_to_work_and_the_one_before_it_is() -> None:
    tested = researched(lives(), {ONE: "1"}, Trial(ONE, "1", 1, (("t", "It does not match."),)))
    assert kinds(tested) == [RulesResearched, RulesTested]
    with refused("RULE_TESTS_FAILED"):
        deployed(lives(*tested), {ONE: "1"})
    assert kinds(deployed(lives(*tested), {ONE: "0"})) == [RulesDeployed]
    mended = researched(lives(*tested), {ONE: "2"}, Trial(ONE, "2", 2, ()))
    assert kinds(deployed(lives(*tested, *mended), {ONE: "2"})) == [RulesDeployed]


def test_a_pack_of_any_size_is_recorded_in_entries_that_a_ledger_takes() -> None:
    texts = {f"rule-{number}": hashlib.sha256(str(number).encode()).hexdigest() for number in range(4_000)}
    events = [*researched(lives(), texts), *deployed(lives(), texts)]
    assert sum(len(event.rules) for event in events if isinstance(event, RulesResearched)) == 4_000
    assert 2 < len(events) < 60
    assert max(len(event.model_dump_json()) for event in events) < MAX_ENTRY_BYTES - 10_000


def tried(text: str) -> Trial:
    pack = compile_texts([("a.yml", text.encode())])
    assert not pack.failed
    (trial,) = try_rules(pack.rules, pack.correlations, pack.tested)
    return trial


def test_tests_within_a_rule_are_run_and_what_fails_is_named() -> None:
    text = TESTED + (
        "inline_tests:\n"
        "    - {name: guessed, match: true, event: 'Nov 24 10:00:00 node sshd[1]: Invalid user bob from 192.0.2.1'}\n"
        "    - {match: false, event: 'Nov 24 10:00:00 node sshd[1]: Accepted publickey for bob'}\n"
        "    - {name: wrong, match: false, event: 'Nov 24 10:00:00 node sshd[1]: Invalid user bob'}\n"
        "    - {name: what is it, match: true, event: {a: b}}\n"
        "    - {name: no event, match: true}\n"
        "    - {name: no match, event: x}\n"
        "    - nonsense\n"
    )
    trial = tried(text)
    assert trial.passed == 2
    assert trial.failed == (
        ("wrong", "It matches and must not."),
        ("what is it", "FORMAT_UNKNOWN"),
        ("no event", "An event is a mapping, or a line of text."),
        ("no match", "A test says `match: true` or `match: false`."),
        ("test 7", "A test says `match: true` or `match: false`."),
    )
    assert about(text.encode()).tests[:2] == ("guessed", "test 2")


@pytest.mark.parametrize(
    "said", ["nothing", "[]", "{a: b}", f"[{', '.join(['{}'] * (MAX_INLINE_TESTS_PER_RULE + 1))}]"]
)
def test_what_is_no_list_of_tests_fails_and_is_bounded(said: str) -> None:
    trial = tried(f"{TESTED}inline_tests: {said}\n")
    assert trial.passed == 0
    assert 1 <= len(trial.failed) <= MAX_INLINE_TESTS_PER_RULE + 1


def test_a_text_that_aliases_make_endless_is_refused_by_its_size() -> None:
    layers = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 20)}]\n" for n in range(1, 12))
    tests = "inline_tests: [{name: *x11, match: true, event: {a: *x11}}]\n"
    text = f"{TESTED}x0: &x0 [a, a]\n{layers}{tests}"
    assert [name for name, reason in tried(text).failed if "longer than" in reason] == ["test 1"]
    assert about(text.encode()).tests == ("test 1",)


def test_a_correlation_is_tested_over_several_events() -> None:
    event = "{Channel: Security, EventID: 4625, TargetUserName: bob}"
    tests = (
        "inline_tests:\n"
        f"    - {{name: three, match: true, events: [{event}, {event}, {event}]}}\n"
        f"    - {{name: two, match: false, events: [{event}, {event}]}}\n"
    )
    pack = compile_texts([("guessing.yml", (PACK["guessing.yml"] + tests).encode())])
    (trial,) = try_rules(pack.rules, pack.correlations, pack.tested)
    assert (trial.rule_id, trial.passed, trial.failed) == (GUESSING_ID, 2, ())


def test_every_rule_of_ours_brings_tests_of_both_kinds_that_hold(own_pack: bytes) -> None:
    pack = compile_pack(own_pack)
    trials = try_rules(pack.rules, pack.correlations, pack.tested)
    assert [trial for trial in trials if trial.failed or trial.passed < 2] == []
    assert len(trials) == len(pack.rules)
    assert all(b"match: true" in text and b"match: false" in text for text in pack.tested.values())


def test_every_rules_text_is_found_again_in_its_pack() -> None:
    archive = pack_of({path: text.encode() for path, text in PACK.items()} | {"deep/a.yml": TESTED.encode()})
    pack = compile_pack(archive)
    assert rule_text(archive, pack.paths["7e1c1f1e-5a1b-4a53-9f2d-0b8f8e3b0001"]) == TESTED.encode()
    for rule_id in (BASE_ID, GUESSING_ID):
        text = rule_text(archive, pack.paths[rule_id])
        assert text is not None
        assert f"id: {rule_id}".encode() in text
    assert rule_text(archive, "deep/b.yml") is None


def call(now: datetime = NOW) -> Call:
    actor = Actor("ann", AuthenticatedBy.OIDC, PROVIDER)
    return Call(TENANT, actor, "ExceptRule", "request-1", now, roles=frozenset({Role.ANALYST}))


def standing(rules: Sequence[str], days: int = 7) -> rule_exception.RuleExceptions:
    state = rule_exception.initial()
    for rule_id in rules:
        event = RuleExcepted(
            exception_id=f"exception-{rule_id}",
            rule_id=rule_id,
            sha256="1",
            owner_id="ann",
            expires_at=NOW + timedelta(days=days),
            reason=Sealed.of("why", subject="s"),
        )
        state = rule_exception.evolve(state, recorded(event))  # type: ignore[arg-type]  # An event of the stream.
    return state


def excepting(rule_id: str, days: float = 7) -> ExceptRule:
    expires_at = NOW + timedelta(days=days)
    return ExceptRule(tenant_id=TENANT, request_id="r", rule_id=rule_id, expires_at=expires_at, reason="why")


def test_a_tenants_exceptions_are_limited_and_those_that_are_over_make_room() -> None:
    many = [f"rule-{number}" for number in range(MAX_STANDING_RULE_EXCEPTIONS)]
    with refused("RULE_EXCEPTIONS_TOO_MANY"):
        rule_exception.except_rule(standing(many), call(), excepting(ONE), "1")
    later = call(NOW + timedelta(days=8))
    assert rule_exception.except_rule(standing(many), later, excepting(ONE, days=15), "1")


def test_what_is_over_cannot_be_renewed_and_holds_nothing_back() -> None:
    state, later = standing([ONE]), NOW + timedelta(days=7)
    assert state.at(NOW) == {ONE: "exception-one"}
    assert state.at(later) == {}
    renewal = RenewRuleException(
        tenant_id=TENANT, request_id="r", exception_id="exception-one", expires_at=later + timedelta(days=1), reason="w"
    )
    assert rule_exception.renew(state, call(), renewal)
    with refused("RULE_EXCEPTION_UNKNOWN"):
        rule_exception.renew(state, call(later), renewal)


def test_a_machine_excepts_nothing() -> None:
    machine = Call(TENANT, Actor("m", AuthenticatedBy.API_KEY, TENANT), "r", "r", NOW, roles=frozenset({Role.ANALYST}))
    with refused("NOT_A_PERSON"):
        rule_exception.except_rule(standing([]), machine, excepting(ONE), "1")


def test_what_an_exception_keeps_back_is_counted_by_rule() -> None:
    excepted = Excepted({ONE: "exception-one"})
    assert excepted.takes(ONE, NOW)
    assert excepted.takes(ONE, NOW - timedelta(hours=1), hits=3)
    assert not excepted.takes(TWO, NOW)
    (event,) = excepted.event("batch", "sensor")
    (hits,) = event.excepted
    assert (hits.exception_id, hits.hits, hits.first_seen_at, hits.last_seen_at) == (
        "exception-one",
        4,
        NOW - timedelta(hours=1),
        NOW,
    )
    assert Excepted({ONE: "exception-one"}).event("batch", "sensor") == []
