"""A finding: a weakness that precedes an attack, a person's verdict on it, its fix until an observation proves it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.assets import (
    FindingFixReported,
    FindingFixVerified,
    FindingKind,
    FindingReassessed,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Recorded, Sealed
from contracts.events.subjects import CALLS_FOR_RESPONSE, Evidence, Verdict
from contracts.ids import derive_id
from services.assets.config import LIKELIHOOD_STEP_MILLIONTHS
from services.assets.domain.asset import Asset
from services.assets.domain.commands import (
    EvidenceBrought,
    ReassessFinding,
    ReportFinding,
    ReportFindingFix,
    ValidateFinding,
    VerifyFindingFix,
    WithdrawFindingValidation,
)
from services.assets.domain.errors import (
    AlreadyValidated,
    AssetNotInFinding,
    AssetUnknown,
    FindingUnknown,
    FindingWithoutAsset,
    FixAlreadyVerified,
    FixNotReported,
    ObservationWithoutSource,
    RationaleMissing,
    ValidationNotStanding,
    ValidatorNotHuman,
    VerdictNotForFindings,
)
from services.assets.domain.vulnerability_feed import Said

CATEGORY = "finding"
VERDICTS = frozenset(Verdict) - {Verdict.DUPLICATE}
"""A duplicate is told by naming the other one, which a finding cannot do."""

FindingEvent = (
    FindingReported
    | FindingReassessed
    | FindingValidated
    | FindingValidationWithdrawn
    | FindingFixReported
    | FindingFixVerified
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What decisions need to know of a finding. `finding_id` is empty before the report."""

    finding_id: str = ""
    asset_ids: tuple[str, ...] = ()
    validation_position: int | None = None
    verdict: Verdict | None = None
    fix_reported: frozenset[str] = field(default=frozenset())
    fix_verified: frozenset[str] = field(default=frozenset())
    vulnerability_id: str | None = None
    reported_as_exploited: bool | None = None
    likelihood_millionths: int | None = None
    known_exploited: bool | None = None

    @property
    def open(self) -> bool:
        """Whether it may still call for something: neither dismissed nor fixed everywhere."""
        if self.verdict is not None and self.verdict not in CALLS_FOR_RESPONSE:
            return False
        needed = set(self.asset_ids) or self.fix_reported
        return not needed or not needed <= self.fix_verified


def evolve(state: Finding, recorded: Recorded[FindingEvent]) -> Finding:
    match recorded.event:
        case FindingReported() as event:
            return Finding(
                event.finding_id,
                event.asset_ids,
                vulnerability_id=event.vulnerability_id,
                reported_as_exploited=event.known_exploited,
                likelihood_millionths=event.likelihood_millionths,
                known_exploited=event.known_exploited,
            )
        case FindingReassessed() as event:
            return replace(
                state, likelihood_millionths=event.likelihood_millionths, known_exploited=event.known_exploited
            )
        case FindingValidated() as event:
            return replace(state, validation_position=recorded.position, verdict=event.verdict)
        case FindingValidationWithdrawn():
            return replace(state, validation_position=None, verdict=None)
        case FindingFixReported() as event:
            return replace(state, fix_reported=state.fix_reported.union(event.asset_ids))
        case FindingFixVerified() as event:
            return replace(state, fix_verified=state.fix_verified.union(event.asset_ids))
        case event:
            assert_never(event)


def report(command: ReportFinding, finding_id: str, assets: Sequence[tuple[str, Asset]]) -> list[FindingEvent]:
    """`assets` are the states of the assets that the command names. Raises AssetUnknown, FindingWithoutAsset."""
    if not command.asset_ids and command.kind is not FindingKind.NEWCOMER:
        raise FindingWithoutAsset
    for asset_id, asset in assets:
        if not asset.live:
            raise AssetUnknown(asset_id)
    return [
        FindingReported(
            finding_id=finding_id,
            kind=command.kind,
            asset_ids=command.asset_ids,
            title=command.title,
            vulnerability_id=command.vulnerability_id,
            severity_id=command.severity_id,
            exposure=command.exposure,
            likelihood_millionths=command.likelihood_millionths,
            known_exploited=command.known_exploited,
            detail=Sealed.of(command.detail, subject=finding_id),
            label=command.label,
            source=command.source,
        )
    ]


def reassess(state: Finding, command: ReassessFinding, said: Said) -> list[FindingEvent]:
    """Nothing where the feeds tell nothing new, and for what is closed: it keeps the versions that it was judged by.

    What its reporter knew to be exploited stays so, whatever the catalogue lists. A score that the feed does not give
    is left as it was. Raises FindingUnknown.
    """
    _require_reported(state, command.finding_id)
    if not state.open or not said.feeds:
        return []
    known = True if state.reported_as_exploited else said.listed
    known = state.known_exploited if known is None else known
    likelihood = said.likelihood_millionths
    if likelihood is None or _near(likelihood, state.likelihood_millionths):
        likelihood = state.likelihood_millionths
    if (likelihood, known) == (state.likelihood_millionths, state.known_exploited):
        return []
    return [
        FindingReassessed(
            finding_id=command.finding_id,
            likelihood_millionths=likelihood,
            known_exploited=known,
            feeds=said.feeds,
        )
    ]


def validate(state: Finding, command: ValidateFinding, actor: Actor) -> list[FindingEvent]:
    """Raises FindingUnknown, ValidatorNotHuman, RationaleMissing, VerdictNotForFindings, AlreadyValidated."""
    _require_reported(state, command.finding_id)
    _require_person(actor)
    if not command.rationale.strip():
        raise RationaleMissing
    if command.verdict not in VERDICTS:
        raise VerdictNotForFindings(command.verdict)
    if state.validation_position is not None:
        raise AlreadyValidated(state.validation_position)
    return [
        FindingValidated(
            finding_id=command.finding_id,
            verdict=command.verdict,
            confidence_percent=command.confidence_percent,
            rationale=Sealed.of(command.rationale, subject=command.finding_id),
            evidence=tuple(
                _evidence(item, command.finding_id, command.request_id, index)
                for index, item in enumerate(command.evidence)
            ),
            seen=command.seen,
        )
    ]


def withdraw_validation(state: Finding, command: WithdrawFindingValidation, actor: Actor) -> list[FindingEvent]:
    """Raises FindingUnknown, ValidatorNotHuman, ValidationNotStanding."""
    _require_reported(state, command.finding_id)
    _require_person(actor)
    if state.validation_position is None or state.validation_position != command.validation_position:
        raise ValidationNotStanding(state.validation_position)
    return [
        FindingValidationWithdrawn(
            finding_id=command.finding_id,
            validation_position=command.validation_position,
            reason=Sealed.of(command.reason, subject=command.finding_id),
        )
    ]


def report_fix(state: Finding, command: ReportFindingFix) -> list[FindingEvent]:
    """Raises FindingUnknown, AssetNotInFinding, FixAlreadyVerified."""
    _require_reported(state, command.finding_id)
    _require_named(state, command.asset_ids)
    if state.fix_verified.issuperset(command.asset_ids):
        raise FixAlreadyVerified
    return [
        FindingFixReported(
            finding_id=command.finding_id,
            asset_ids=command.asset_ids,
            detail=Sealed.of(command.detail, subject=command.finding_id),
        )
    ]


def verify_fix(state: Finding, command: VerifyFindingFix) -> list[FindingEvent]:
    """Raises FindingUnknown, AssetNotInFinding, FixNotReported, FixAlreadyVerified, ObservationWithoutSource."""
    _require_reported(state, command.finding_id)
    _require_named(state, command.asset_ids)
    if command.observation.sha256 is None and command.observation.position is None:
        raise ObservationWithoutSource
    for asset_id in command.asset_ids:
        if asset_id not in state.fix_reported:
            raise FixNotReported(asset_id)
    if state.fix_verified.issuperset(command.asset_ids):
        raise FixAlreadyVerified
    return [
        FindingFixVerified(
            finding_id=command.finding_id,
            asset_ids=command.asset_ids,
            observation=_evidence(command.observation, command.finding_id, command.request_id, 0),
        )
    ]


def _near(likelihood: int, before: int | None) -> bool:
    return before is not None and abs(likelihood - before) < LIKELIHOOD_STEP_MILLIONTHS


def _require_reported(state: Finding, finding_id: str) -> None:
    if not state.finding_id:
        raise FindingUnknown(finding_id)


def _require_person(actor: Actor) -> None:
    if actor.authenticated_by is not AuthenticatedBy.OIDC:
        raise ValidatorNotHuman


def _require_named(state: Finding, asset_ids: Sequence[str]) -> None:
    """A newcomer that named no asset yet may be tied to one by its fix: its registration is the fix."""
    for asset_id in asset_ids:
        if state.asset_ids and asset_id not in state.asset_ids:
            raise AssetNotInFinding(asset_id)


def _evidence(brought: EvidenceBrought, finding_id: str, request_id: str, index: int) -> Evidence:
    return Evidence(
        id=derive_id("evidence", finding_id, request_id, index),
        label=brought.label,
        summary=Sealed.of(brought.summary, subject=finding_id),
        sha256=brought.sha256,
        offset=brought.offset,
        position=brought.position,
    )
