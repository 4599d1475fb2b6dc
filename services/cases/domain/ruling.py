"""What a charter says to a case: the matching line, the rule that has the last word, and the ordered steps.

The precedence is total: a protected class under attack, then a tripwire, then a validated containment, then a
freeze, then the charter's own line. The first three let containing and eliminating steps run through a freeze;
remediation never does. Of the lines, the first that matches is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events.cases import Authority, CharterLine, Mode, Precedence, Priority, ResponseType, Step
from contracts.events.subjects import Verdict
from services.cases.domain.charter import Charter, Line, StepRule
from services.cases.domain.errors import (
    CharterLineMissing,
    ModeForbidden,
    ProtectedClass,
    TargetUnaddressable,
)
from services.cases.domain.repertoire import DEEDS, NOTIFY, TASK, fits
from services.cases.domain.subjects import Asset, Subject
from services.cases.domain.windows import Window, WindowKind, first_free_moment, is_open, next_opening

MAX_STEPS = 100
"""Most steps of one plan, after each rule has been laid out over its assets."""
LEAST_SEVERITY = 1
OBSERVE_DEADLINE = "deadline"
"""The tripwire that every plan that observes has besides its own: its time is up."""
STRONGER_THAN_FREEZE = frozenset({Precedence.PROTECTED_CLASS, Precedence.TRIPWIRE, Precedence.VALIDATED_CONTAINMENT})
CONTAINING = frozenset({ResponseType.CONTAIN, ResponseType.ELIMINATE})


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a charter looks at: what is validated, on which assets, when, and what is wished for."""

    subjects: tuple[Subject, ...]
    """Those whose validation stands."""
    assets: tuple[Asset, ...]
    now: datetime
    desired_outcome: Mode | None = None
    tripped: str | None = None
    """The line that a hit tripwire, or the end of the observation, leads to."""

    @property
    def under_attack(self) -> bool:
        return any(
            subject.validation is not None and subject.validation.verdict is Verdict.MALICIOUS
            for subject in self.subjects
        )

    @property
    def severity_id(self) -> int:
        return max((subject.severity_id for subject in self.subjects), default=0)

    @property
    def value(self) -> int:
        return max((asset.value for asset in self.assets), default=1)


@dataclass(frozen=True, slots=True)
class Ruling:
    line: Line
    cited: CharterLine
    precedence: Precedence
    mode: Mode
    steps: tuple[Step, ...]
    why: tuple[str, ...]
    observe_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CharterInForce:
    charter: Charter
    charter_id: str
    version: int
    digest: str

    def cite(self, line: str) -> CharterLine:
        return CharterLine(charter_id=self.charter_id, version=self.version, digest=self.digest, line=line)


def rule(force: CharterInForce, situation: Situation) -> Ruling:
    """The charter's answer. Raises CharterLineMissing, ModeForbidden, ProtectedClass, TargetUnaddressable."""
    charter = force.charter
    attacked_protected = situation.under_attack and protected_assets(charter, situation.assets) != ()
    if attacked_protected and situation.desired_outcome is Mode.OBSERVE:
        raise ProtectedClass("An attack on a protected class is never left to go on.")
    line = _line(charter, situation, attacked_protected)
    frozen = any(frozen_for(charter, asset, situation.now) for asset in situation.assets)
    precedence = _precedence(line, situation, attacked_protected, frozen)
    mode = Mode.STOP if precedence in (Precedence.PROTECTED_CLASS, Precedence.TRIPWIRE) else line.then.mode
    steps = _steps(force, line, situation, precedence)
    why = _why(line, situation, precedence, frozen, attacked_protected)
    observe = line.then.observe if mode is Mode.OBSERVE else None
    until = situation.now + timedelta(minutes=observe.deadline_minutes) if observe else None
    return Ruling(line, force.cite(line.id), precedence, mode, steps, why, until)


def protected_assets(charter: Charter, assets: Iterable[Asset]) -> tuple[Asset, ...]:
    return tuple(asset for asset in assets if charter.protection(asset.asset_class) is not None)


def precedence_of(*, attacked_protected: bool, tripped: bool, validated_containment: bool, frozen: bool) -> Precedence:
    """The total order of the rules, and nothing else."""
    if attacked_protected:
        return Precedence.PROTECTED_CLASS
    if tripped:
        return Precedence.TRIPWIRE
    if validated_containment:
        return Precedence.VALIDATED_CONTAINMENT
    return Precedence.FREEZE if frozen else Precedence.CHARTER


def priority_of(charter: Charter | None, situation: Situation) -> tuple[Priority, int | None]:
    """The priority and the index of the rule that set it; by severity alone where there is no charter or no rule."""
    classes = {asset.asset_class for asset in situation.assets}
    for index, candidate in enumerate(charter.priorities if charter else ()):
        severe = situation.severity_id >= candidate.min_severity and situation.value >= candidate.min_value
        if severe and (not candidate.classes or classes & set(candidate.classes)):
            return candidate.priority, index
    by_severity = {6: Priority.P1, 5: Priority.P1, 4: Priority.P2, 3: Priority.P3}
    return by_severity.get(situation.severity_id, Priority.P4), None


def frozen_for(charter: Charter, asset: Asset | None, now: datetime) -> bool:
    return any(is_open(window, charter.zone, now) for window in freezes_for(charter, asset))


def freezes_for(charter: Charter, asset: Asset | None) -> list[Window]:
    return [
        window
        for window in charter.windows
        if window.kind is WindowKind.FREEZE
        and window.covers(asset.asset_class if asset else None, asset.group if asset else None)
    ]


def may_run_now(
    charter: Charter, step_rule: StepRule, asset: Asset | None, precedence: Precedence, now: datetime
) -> bool:
    """Whether windows and freezes let this step run now. Steps that are not active heed only their window."""
    if step_rule.window is not None and not _window_open(charter, step_rule.window, now):
        return False
    if not _active(step_rule) or _through_freeze(step_rule, precedence):
        return True
    return not frozen_for(charter, asset, now)


def _window_open(charter: Charter, name: str, now: datetime) -> bool:
    return any(window.name == name and is_open(window, charter.zone, now) for window in charter.windows)


def _active(step_rule: StepRule) -> bool:
    deed = DEEDS.get(step_rule.do)
    return deed.active if deed else step_rule.do == TASK and step_rule.type in _CHANGING


_CHANGING = frozenset({ResponseType.CONTAIN, ResponseType.ELIMINATE, ResponseType.REMEDIATE})


def _through_freeze(step_rule: StepRule, precedence: Precedence) -> bool:
    return precedence in STRONGER_THAN_FREEZE and step_rule.type in CONTAINING


def _line(charter: Charter, situation: Situation, attacked_protected: bool) -> Line:
    if situation.tripped is not None:
        line = charter.line(situation.tripped)
        if line is None:
            raise CharterLineMissing(
                "The charter in force has no such line any more.", metadata={"line": situation.tripped}
            )
        return line
    matching = [line for line in charter.lines if _matches(charter, line, situation)]
    if attacked_protected:
        matching = [line for line in matching if line.then.mode is not Mode.OBSERVE]
    if not matching:
        raise CharterLineMissing("No line of the charter covers this case.")
    if situation.desired_outcome is None:
        return matching[0]
    for line in matching:
        if line.then.mode is situation.desired_outcome:
            return line
    raise ModeForbidden(
        f"The charter has no line with the mode {situation.desired_outcome.value} for this case.",
        metadata={"mode": situation.desired_outcome.value},
    )


def _matches(charter: Charter, line: Line, situation: Situation) -> bool:
    when = line.when
    if when.desired_outcome and situation.desired_outcome not in when.desired_outcome:
        return False
    if situation.value < when.min_value:
        return False
    if when.classes and not any(asset.asset_class in when.classes for asset in situation.assets):
        return False
    if when.groups and not any(asset.group in when.groups for asset in situation.assets):
        return False
    if when.during and not any(_covered(charter, name, situation) for name in when.during):
        return False
    if any(_covered(charter, name, situation) for name in when.outside):
        return False
    return any(_subject_matches(line, subject) for subject in situation.subjects)


def _subject_matches(line: Line, subject: Subject) -> bool:
    when = line.when
    confidence = subject.validation.confidence_percent if subject.validation else 0
    return (
        (not when.kinds or subject.event_kind in when.kinds)
        and (not when.techniques or any(is_technique(found, when.techniques) for found in subject.techniques))
        # A line that asks for no more than the least severity also covers what has none: some sources tell none.
        and (when.min_severity == LEAST_SEVERITY or subject.severity_id >= when.min_severity)
        and confidence >= when.min_confidence
    )


def is_technique(found: str, wanted: Sequence[str]) -> bool:
    """A technique of ATT&CK covers its sub-techniques."""
    return any(found == name or found.startswith(name + ".") for name in wanted)


def _covered(charter: Charter, name: str, situation: Situation) -> bool:
    window = next(window for window in charter.windows if window.name == name)
    if not is_open(window, charter.zone, situation.now):
        return False
    return any(window.covers(asset.asset_class, asset.group) for asset in situation.assets) or window.covers(None, None)


def _precedence(line: Line, situation: Situation, attacked_protected: bool, frozen: bool) -> Precedence:
    containing = any(step.type in CONTAINING and _active(step) for step in line.then.steps)
    return precedence_of(
        attacked_protected=attacked_protected,
        tripped=situation.tripped is not None,
        validated_containment=situation.under_attack and line.then.mode is Mode.STOP and containing,
        frozen=frozen,
    )


def _steps(force: CharterInForce, line: Line, situation: Situation, precedence: Precedence) -> tuple[Step, ...]:
    laid_out = {rule.id: _targets(force.charter, rule, situation) for rule in line.then.steps}
    if all(not targets for targets in laid_out.values()):
        raise TargetUnaddressable("None of the case's assets fits any step of the line.", metadata={"line": line.id})
    if sum(len(targets) for targets in laid_out.values()) > MAX_STEPS:
        raise TargetUnaddressable(f"The plan would have more than {MAX_STEPS} steps; split the case.")
    return tuple(
        _step(force, line, rule, target, laid_out, situation.now, precedence)
        for rule in line.then.steps
        for target in laid_out[rule.id]
    )


def _targets(charter: Charter, step_rule: StepRule, situation: Situation) -> list[Asset | None]:
    """The assets that a rule is laid out over; one None for a step that is about the case itself."""
    if step_rule.on == "case":
        return [None]
    deed = DEEDS[step_rule.do]
    found: list[Asset | None] = []
    for asset in situation.assets:
        if not fits(deed, asset.kind) or (step_rule.groups and asset.group not in step_rule.groups):
            continue
        protection = charter.protection(asset.asset_class)
        if protection is None or step_rule.do not in protection.forbid:
            found.append(asset)
    return found


def _step(
    force: CharterInForce,
    line: Line,
    step_rule: StepRule,
    target: Asset | None,
    laid_out: dict[str, list[Asset | None]],
    now: datetime,
    precedence: Precedence,
) -> Step:
    action, _, argument = step_rule.do.partition(" ")
    return Step(
        step_id=_step_id(step_rule.id, target, laid_out),
        response_type=step_rule.type,
        action=action,
        target_asset_id=target.asset_id if target else None,
        argument=step_rule.task if step_rule.do in (TASK, NOTIFY) else argument,
        active=_active(step_rule),
        authority=step_rule.authority,
        connector=step_rule.connector,
        after=tuple(name for rule_id in step_rule.after for name in _predecessors(rule_id, target, laid_out)),
        reason=step_rule.reason,
        line=f"{line.id}/{step_rule.id}",
        ring=step_rule.ring,
        not_before=_not_before(force.charter, step_rule, target, precedence, now),
        limit_seconds=step_rule.limit_seconds,
        verify_by=step_rule.verify_by,
    )


def _step_id(rule_id: str, target: Asset | None, laid_out: dict[str, list[Asset | None]]) -> str:
    if target is None:
        return rule_id
    return f"{rule_id}-{laid_out[rule_id].index(target) + 1}"


def _predecessors(rule_id: str, target: Asset | None, laid_out: dict[str, list[Asset | None]]) -> list[str]:
    """What a step waits for: the earlier step on the same asset where there is one, else all of that rule's steps."""
    candidates = laid_out[rule_id]
    if target is not None and target in candidates:
        return [_step_id(rule_id, target, laid_out)]
    return [_step_id(rule_id, candidate, laid_out) for candidate in candidates]


def _not_before(
    charter: Charter, step_rule: StepRule, target: Asset | None, precedence: Precedence, now: datetime
) -> datetime | None:
    """When the step may run: in its service window and, if active, outside of every freeze; None for at once."""
    moment = now
    freezes = freezes_for(charter, target) if _active(step_rule) and not _through_freeze(step_rule, precedence) else []
    windows = [window for window in charter.windows if window.name == step_rule.window]
    for _ in range(_MAX_TRIES):
        opening = next_opening(windows, charter.zone, moment) if windows else moment
        if opening is None:
            return first_free_moment(freezes, charter.zone, moment)
        moment = first_free_moment(freezes, charter.zone, opening)
        if moment == opening:
            break
    return moment if moment > now else None


_MAX_TRIES = 60
"""Service windows that may fall into freezes before the search gives up and takes the last moment found."""


def _why(
    line: Line, situation: Situation, precedence: Precedence, frozen: bool, attacked_protected: bool
) -> tuple[str, ...]:
    reasons = [f"line {line.id}: severity {situation.severity_id}, value {situation.value}"]
    if attacked_protected:
        reasons.append("a protected class is under attack: it is stopped, whatever else is wished for")
    if situation.tripped is not None:
        reasons.append("a tripwire was hit, or the time to observe is over")
    if frozen:
        through = (
            "containment runs through it"
            if precedence in STRONGER_THAN_FREEZE
            else "nothing active runs before its end"
        )
        reasons.append(f"a freeze holds: {through}")
    return tuple(reasons)


def needs_customer(step: Step) -> bool:
    return step.authority in (Authority.CUSTOMER, Authority.TWO_PERSONS)
