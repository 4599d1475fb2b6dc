"""The one queue of exposures, insecure changes and newcomers, most urgent first; what is not known is shown as missing.

Its order: known exploited ones first, then severity, then exposure (internet before internal), then likelihood. An
input that is missing stands behind the worst known value of the same kind only where nothing else decides, and never
counts as zero: `exposure_rank` and `likelihood` are null then, and nulls come last.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.assets import (
    FeedVersion,
    FindingFixReported,
    FindingFixVerified,
    FindingKind,
    FindingReassessed,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.subjects import CALLS_FOR_RESPONSE, Evidence, Verdict
from contracts.labels import Label
from infra.read_database.views import DocumentView

EXPOSURE_RANKS = {"internet": 2, "internal": 1, "none": 0}


class FindingState(StrEnum):
    REPORTED = "reported"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    FIX_REPORTED = "fix_reported"
    FIXED = "fixed"


OPEN_STATES = (FindingState.REPORTED, FindingState.CONFIRMED, FindingState.FIX_REPORTED)


class ValidationRow(Value):
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    evidence: tuple[Evidence, ...]
    principal_id: str
    validated_at: Instant
    position: int


class FindingRow(Value):
    finding_id: str
    kind: FindingKind
    asset_ids: tuple[str, ...]
    title: str
    vulnerability_id: str | None
    severity_id: int
    exposure: str | None
    likelihood_millionths: int | None
    known_exploited: bool | None
    detail: Sealed
    label: Label
    source: str
    validation: ValidationRow | None = None
    fix_reported: tuple[str, ...] = ()
    fix_verified: tuple[str, ...] = ()
    reported_at: Instant
    stream_version: int
    feeds: tuple[FeedVersion, ...] = ()
    """What the likelihood and the exploitation rest on, where feeds and not the reporter said it."""

    @property
    def state(self) -> FindingState:
        needed = set(self.asset_ids or self.fix_reported)
        if needed and needed <= set(self.fix_verified):
            return FindingState.FIXED
        if self.validation and self.validation.verdict not in CALLS_FOR_RESPONSE:
            return FindingState.DISMISSED
        if needed and needed <= set(self.fix_reported):
            return FindingState.FIX_REPORTED
        return FindingState.CONFIRMED if self.validation else FindingState.REPORTED

    @property
    def missing(self) -> tuple[str, ...]:
        inputs = {
            "exposure": self.exposure,
            "likelihood": self.likelihood_millionths,
            "known_exploited": self.known_exploited,
        }
        return tuple(name for name, value in inputs.items() if value is None)


class Findings(DocumentView[FindingRow]):
    NAME = "findings"
    VERSION = 2
    READABLE_VERSIONS = frozenset({1})
    TABLE = "findings"
    TOPICS = frozenset(
        {
            FindingReported,
            FindingReassessed,
            FindingValidated,
            FindingValidationWithdrawn,
            FindingFixReported,
            FindingFixVerified,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "kind": "text",
        "state": "text",
        "asset_ids": "text[]",
        "exploited": "boolean",
        "severity": "integer",
        "exposure_rank": "integer",
        "likelihood": "integer",
        "vulnerability": "text",
    }
    DOCUMENT = FindingRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.finding_id]

    def fold(self, key: str, document: FindingRow | None, recorded: Recorded[Any]) -> FindingRow | None:
        event = recorded.event
        if isinstance(event, FindingReported):
            return _reported(key, event, recorded)
        if document is None:
            return None
        changes: dict[str, object] = {"stream_version": recorded.envelope.version}
        match event:
            case FindingReassessed():
                changes["likelihood_millionths"] = event.likelihood_millionths
                changes["known_exploited"] = event.known_exploited
                changes["feeds"] = event.feeds
            case FindingValidated():
                changes["validation"] = _validation(event, recorded)
            case FindingValidationWithdrawn():
                changes["validation"] = None
            case FindingFixReported(asset_ids=asset_ids):
                changes["fix_reported"] = _joined(document.fix_reported, asset_ids)
            case FindingFixVerified(asset_ids=asset_ids):
                changes["fix_verified"] = _joined(document.fix_verified, asset_ids)
        return document.model_copy(update=changes)

    def columns(self, document: FindingRow) -> Mapping[str, object]:
        return {
            "kind": document.kind.value,
            "state": document.state.value,
            "asset_ids": list(document.asset_ids),
            "exploited": document.known_exploited is True,
            "severity": document.severity_id,
            "exposure_rank": EXPOSURE_RANKS[document.exposure] if document.exposure else None,
            "likelihood": document.likelihood_millionths,
            "vulnerability": document.vulnerability_id,
        }


def _reported(key: str, event: FindingReported, recorded: Recorded[Any]) -> FindingRow:
    return FindingRow(
        finding_id=key,
        kind=event.kind,
        asset_ids=event.asset_ids,
        title=event.title,
        vulnerability_id=event.vulnerability_id,
        severity_id=event.severity_id,
        exposure=event.exposure,
        likelihood_millionths=event.likelihood_millionths,
        known_exploited=event.known_exploited,
        detail=event.detail,
        label=event.label,
        source=event.source,
        reported_at=recorded.recorded_at,
        stream_version=recorded.envelope.version,
    )


def _validation(event: FindingValidated, recorded: Recorded[Any]) -> ValidationRow:
    return ValidationRow(
        verdict=event.verdict,
        confidence_percent=event.confidence_percent,
        rationale=event.rationale,
        evidence=event.evidence,
        principal_id=recorded.envelope.actor.id,
        validated_at=recorded.recorded_at,
        position=recorded.position,
    )


def _joined(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))
