"""Every rule in the provider's ledger: where it stands, what its texts are, and what happened to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.rule_lives import (
    FailedTest,
    RuleReinstated,
    RuleRetired,
    RulesDeployed,
    RulesDropped,
    RulesResearched,
    RulesTested,
    RulesTuned,
)
from infra.read_database.views import DocumentView
from services.detections.config import MAX_RULE_STAGES_SHOWN, MAX_RULE_TEXTS_SHOWN


class RuleState(StrEnum):
    RESEARCHED = "researched"
    DEPLOYED = "deployed"
    RETIRED = "retired"


class StageKind(StrEnum):
    RESEARCHED = "researched"
    TESTED = "tested"
    DEPLOYED = "deployed"
    TUNED = "tuned"
    DROPPED = "dropped"
    RETIRED = "retired"
    REINSTATED = "reinstated"


class RuleTextDocument(BaseModel):
    """A text that the rule had: which pack brought it, and where it lies there."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    title: str
    level: str
    pack_id: str
    pack_sha256: str
    path: str


class TrialDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    sha256: str
    tested_at: datetime
    passed: int
    failed: int
    named: tuple[FailedTest, ...]


class StageDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: StageKind
    position: int
    recorded_at: datetime
    principal_id: str
    sha256: str
    pack_id: str
    reason: Sealed | None
    trial: TrialDocument | None


class RuleDocument(BaseModel):
    """`sha256` is the text that runs, or else came last; `texts` and `stages` are the latest, oldest first."""

    model_config = ConfigDict(frozen=True)

    rule_id: str
    state: RuleState = RuleState.RESEARCHED
    since: datetime
    sha256: str = ""
    texts: tuple[RuleTextDocument, ...] = ()
    trials: tuple[TrialDocument, ...] = ()
    stages: tuple[StageDocument, ...] = ()
    earlier_stages: int = 0

    @property
    def text(self) -> RuleTextDocument | None:
        """None for a rule that was deployed before the lives of rules were recorded."""
        return next((text for text in reversed(self.texts) if text.sha256 == self.sha256), None)

    @property
    def trial(self) -> TrialDocument | None:
        return next((trial for trial in reversed(self.trials) if trial.sha256 == self.sha256), None)


_NEXT: Mapping[type[Event], tuple[StageKind, RuleState]] = {
    RulesDeployed: (StageKind.DEPLOYED, RuleState.DEPLOYED),
    RulesTuned: (StageKind.TUNED, RuleState.DEPLOYED),
    RulesDropped: (StageKind.DROPPED, RuleState.RETIRED),
    RuleRetired: (StageKind.RETIRED, RuleState.RETIRED),
    RuleReinstated: (StageKind.REINSTATED, RuleState.DEPLOYED),
}


class Rules(DocumentView[RuleDocument]):
    NAME = "rules"
    VERSION = 2
    TABLE = "rules"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({RulesResearched, RulesTested, *_NEXT})
    COLUMNS: ClassVar[Mapping[str, str]] = {"state": "text", "title": "text", "failing": "boolean"}
    DOCUMENT = RuleDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, RuleRetired | RuleReinstated):
            return [event.rule_id]
        return [rule.rule_id for rule in event.rules]

    def fold(self, key: str, document: RuleDocument | None, recorded: Recorded[Any]) -> RuleDocument:
        event = recorded.event
        known = document or RuleDocument(rule_id=key, since=recorded.recorded_at)
        own = event if isinstance(event, RuleRetired | RuleReinstated) else _named(event.rules, key)
        if isinstance(event, RulesResearched):
            return _researched(known, own, recorded)
        if isinstance(event, RulesTested):
            return _tested(known, own, recorded)
        kind, state = _NEXT[type(event)]
        staged = _staged(known, _stage(kind, own.sha256, recorded))
        return staged.model_copy(update={"state": state, "since": recorded.recorded_at, "sha256": own.sha256})

    def columns(self, document: RuleDocument) -> Mapping[str, object]:
        text, trial = document.text, document.trial
        return {
            "state": document.state.value,
            "title": text.title if text else "",
            "failing": trial is not None and trial.failed > 0,
        }


def _named(rules: Sequence[Any], key: str) -> Any:
    return next(rule for rule in rules if rule.rule_id == key)


def _researched(known: RuleDocument, own: Any, recorded: Recorded[RulesResearched]) -> RuleDocument:
    event = recorded.event
    text = RuleTextDocument(
        sha256=own.sha256,
        title=own.title,
        level=own.level,
        pack_id=event.pack_id,
        pack_sha256=event.pack_sha256,
        path=own.path,
    )
    texts = (*(each for each in known.texts if each.sha256 != text.sha256), text)[-MAX_RULE_TEXTS_SHOWN:]
    update: dict[str, object] = {"texts": texts}
    if known.state is not RuleState.DEPLOYED:
        update["sha256"] = own.sha256
    return _staged(known, _stage(StageKind.RESEARCHED, own.sha256, recorded)).model_copy(update=update)


def _tested(known: RuleDocument, own: Any, recorded: Recorded[RulesTested]) -> RuleDocument:
    trial = TrialDocument(
        sha256=own.sha256,
        tested_at=recorded.recorded_at,
        passed=own.passed,
        failed=own.failed,
        named=own.named,
    )
    trials = (*(each for each in known.trials if each.sha256 != trial.sha256), trial)[-MAX_RULE_TEXTS_SHOWN:]
    staged = _staged(known, _stage(StageKind.TESTED, own.sha256, recorded, trial))
    return staged.model_copy(update={"trials": trials})


def _stage(kind: StageKind, sha256: str, recorded: Recorded[Any], trial: TrialDocument | None = None) -> StageDocument:
    event = recorded.event
    return StageDocument(
        kind=kind,
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        principal_id=recorded.envelope.actor.id,
        sha256=sha256,
        pack_id=getattr(event, "pack_id", ""),
        reason=getattr(event, "reason", None),
        trial=trial,
    )


def _staged(known: RuleDocument, stage: StageDocument) -> RuleDocument:
    stages = (*known.stages, stage)
    dropped = max(0, len(stages) - MAX_RULE_STAGES_SHOWN)
    return known.model_copy(update={"stages": stages[dropped:], "earlier_stages": known.earlier_stages + dropped})
