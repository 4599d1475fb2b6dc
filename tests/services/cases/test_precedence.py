"""The precedence, walked in full: protected class > tripwire > validated containment > freeze > charter."""

import itertools

import pytest

from contracts.events.assets import AssetClass, AssetKind
from contracts.events.cases import Mode, Precedence, ResponseType
from contracts.events.subjects import SubjectKind, Verdict
from services.cases.domain import errors
from services.cases.domain.charter import read_charter
from services.cases.domain.ruling import Situation, precedence_of, rule
from services.cases.domain.subjects import Asset, Subject, Validation
from tests.services.cases.charters import in_force
from tests.services.cases.world import START

ORDER = (
    Precedence.PROTECTED_CLASS,
    Precedence.TRIPWIRE,
    Precedence.VALIDATED_CONTAINMENT,
    Precedence.FREEZE,
    Precedence.CHARTER,
)
TABLE = """
charter: 1
title: Table
time_zone: UTC
{protected}
windows:
  - {{name: frozen, kind: freeze, start: "{start}", end: "{end}"}}
contacts:
  - contact: boss
    principal: principal-00000000000000000000000000
    channels: [{{channel: phone}}]
lines:
  - id: observe
    outcome: Watch it.
    when: {{desired_outcome: [observe]}}
    then:
      mode: observe
      observe: {{approver: boss, scope: one host, tripwires: [spreads], deadline_minutes: 30, then: stop}}
      steps:
        - {{id: let-it-run, type: investigate, do: task, task: Watch., authority: customer, reason: To learn.}}
  - id: {first}
    outcome: First.
    then: {first_then}
  - id: stop
    outcome: Stop it.
    then: {stop_then}
"""
STOP = (
    "{mode: stop, steps: ["
    "{id: isolate, type: contain, do: contain network, on: devices, authority: customer, connector: edr,"
    " limit_seconds: 60, reason: Stop.},"
    "{id: patch, type: remediate, do: update patch, on: devices, authority: customer, connector: edr, reason: Fix.}]}"
)
LOOK = (
    "{mode: understand, steps: ["
    "{id: look, type: investigate, do: task, task: Look., authority: provider, reason: To know.},"
    "{id: patch, type: remediate, do: update patch, on: devices, authority: customer, connector: edr, reason: Fix.}]}"
)


def charter(*, protected: bool, frozen: bool, stops: bool) -> str:
    return TABLE.format(
        protected="protected_classes: [{class: clinical}]" if protected else "",
        start="2026-11-01T00:00:00" if frozen else "2020-01-01T00:00:00",
        end="2026-12-01T00:00:00" if frozen else "2020-02-01T00:00:00",
        first="stop-first" if stops else "look",
        first_then=STOP if stops else LOOK,
        stop_then=STOP,
    )


def situation(*, attack: bool, tripped: bool, desired: Mode | None = None) -> Situation:
    verdict = Verdict.MALICIOUS if attack else Verdict.CONFIRMED_EXPOSURE
    kind = SubjectKind.DETECTION if attack else SubjectKind.FINDING
    validation = Validation(7, verdict, 90, "analyst")
    subject = Subject(kind, "s", "detection" if attack else "exposure", 4, validation=validation)
    asset = Asset("asset-1", AssetKind.SERVER, AssetClass.CLINICAL, 4, "ward", "host-1")
    return Situation((subject,), (asset,), START, desired, "stop" if tripped else None)


@pytest.mark.parametrize("facts", list(itertools.product((False, True), repeat=4)))
def test_the_strongest_rule_that_applies_has_the_last_word(facts: tuple[bool, ...]) -> None:
    protected, tripped, containment, frozen = facts
    applying = [rule for rule, applies in zip(ORDER, (*facts, True), strict=True) if applies]
    ruled = precedence_of(
        attacked_protected=protected, tripped=tripped, validated_containment=containment, frozen=frozen
    )
    assert ruled is applying[0]


@pytest.mark.parametrize(
    ("protected", "attack", "tripped", "frozen", "stops"), list(itertools.product((False, True), repeat=5))
)
def test_the_whole_table_gives_the_mode_and_the_times_that_the_precedence_says(
    protected: bool, attack: bool, tripped: bool, frozen: bool, stops: bool
) -> None:
    ruling = rule(
        in_force(read_charter(charter(protected=protected, frozen=frozen, stops=stops))),
        situation(attack=attack, tripped=tripped),
    )
    stopping = stops or tripped
    expected = (
        Precedence.PROTECTED_CLASS
        if protected and attack
        else Precedence.TRIPWIRE
        if tripped
        else Precedence.VALIDATED_CONTAINMENT
        if attack and stopping
        else Precedence.FREEZE
        if frozen
        else Precedence.CHARTER
    )
    assert ruling.precedence is expected
    assert ruling.mode is (Mode.STOP if stopping or (protected and attack) else Mode.UNDERSTAND)
    for step in ruling.steps:
        through = expected in ORDER[:3] and step.response_type in (ResponseType.CONTAIN, ResponseType.ELIMINATE)
        waits = frozen and step.active and not through
        assert (step.not_before is not None) is waits, step.step_id


def test_an_attack_on_a_protected_class_is_never_left_to_go_on() -> None:
    force = in_force(read_charter(charter(protected=True, frozen=False, stops=True)))
    with pytest.raises(errors.ProtectedClass):
        rule(force, situation(attack=True, tripped=False, desired=Mode.OBSERVE))


def test_observing_has_an_end_and_a_line_that_follows_it() -> None:
    force = in_force(read_charter(charter(protected=False, frozen=False, stops=True)))
    ruling = rule(force, situation(attack=True, tripped=False, desired=Mode.OBSERVE))
    assert ruling.mode is Mode.OBSERVE
    assert ruling.observe_until is not None
    assert (ruling.observe_until - START).total_seconds() == 1800


def test_every_step_names_the_line_and_the_reason_that_it_comes_from() -> None:
    force = in_force(read_charter(charter(protected=False, frozen=True, stops=False)))
    ruling = rule(force, situation(attack=False, tripped=False))
    assert ruling.cited.digest == force.digest
    assert [step.line for step in ruling.steps] == ["look/look", "look/patch"]
    assert all(step.reason for step in ruling.steps)


@pytest.mark.parametrize(("asked_for", "covered"), [(1, True), (2, False)])
def test_a_line_that_asks_for_no_severity_also_covers_what_tells_none(asked_for: int, covered: bool) -> None:
    charter = read_charter(
        f"""
charter: 1
title: Least
time_zone: UTC
lines:
  - id: any
    outcome: Look.
    when: {{min_severity: {asked_for}}}
    then: {LOOK}
"""
    )
    subject = Subject(
        SubjectKind.DETECTION,
        "detection-1",
        "detection",
        severity_id=0,
        validation=Validation(1, Verdict.MALICIOUS, 90, "analyst"),
    )
    situation = Situation((subject,), (), START)
    if covered:
        assert rule(in_force(charter), situation).line.id == "any"
    else:
        with pytest.raises(errors.CharterLineMissing):
            rule(in_force(charter), situation)
