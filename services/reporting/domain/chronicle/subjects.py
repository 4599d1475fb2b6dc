"""What a response can rest on, as known so far: detections, findings, customers' own reports, and their verdicts."""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.events.assets import (
    FindingFixReported,
    FindingFixVerified,
    FindingReassessed,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import (
    CustomerReportFiled,
    CustomerReportValidated,
    CustomerReportValidationWithdrawn,
    DetectionClaimed,
    DetectionFoundByHunt,
    DetectionRaised,
    DetectionReleased,
    DetectionRepeated,
    DetectionValidated,
    DetectionValidationWithdrawn,
    RuleRef,
)
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind, Verdict
from contracts.labels import Label
from services.reporting.domain.chronicle.marks import Mark, Moment


@dataclass(slots=True)
class Subject:
    """A detection, finding or customer report. `triaged` is the first human look, `validated` the standing verdict's
    entry, `first_validated` the first verdict that anybody gave, standing or not."""

    kind: SubjectKind
    id: str
    raised: Mark
    severity_id: int
    label: Label
    asset_ids: tuple[str, ...]
    source: str
    first_seen_at: datetime | None = None
    count: int = 1
    repeated: list[int] = field(default_factory=list)
    in_retrospect: bool = False
    """A hunt has raised it: how old its activity was says nothing of how fast we were."""
    rule: RuleRef | None = None
    finding: FindingReported | None = None
    reassessed: list[tuple[Mark, FindingReassessed]] = field(default_factory=list)
    triaged: Mark | None = None
    verdict: Verdict | None = None
    validated: Mark | None = None
    first_validated: Mark | None = None
    withdrawn: list[Mark] = field(default_factory=list)
    fixes_reported: dict[str, Mark] = field(default_factory=dict)
    fixes_verified: dict[str, Mark] = field(default_factory=dict)
    history: list[Moment] = field(default_factory=list)

    def assessed(self, by: datetime) -> FindingReported | FindingReassessed | None:
        """What gave a finding the likelihood and the known exploitation that it had by then."""
        return next((event for mark, event in reversed(self.reassessed) if mark.at < by), self.finding)

    @property
    def confirmed(self) -> Mark | None:
        """The standing validation, where it calls for a response."""
        return self.validated if self.verdict in CALLS_FOR_RESPONSE else None

    @property
    def positions(self) -> list[int]:
        return [moment.position for moment in self.history]

    @property
    def fixed(self) -> Mark | None:
        """The verification that completed the fix on all assets, None while one is missing."""
        needed = self.asset_ids or tuple(self.fixes_reported)
        if not needed or any(asset_id not in self.fixes_verified for asset_id in needed):
            return None
        return max(self.fixes_verified[asset_id] for asset_id in needed)


@dataclass(slots=True)
class Subjects:
    """All subjects of a ledger by identifier."""

    by_id: dict[str, Subject] = field(default_factory=dict)

    def of_kind(self, kind: SubjectKind) -> list[Subject]:
        return [subject for subject in self.by_id.values() if subject.kind is kind]

    def observe(self, recorded: Recorded[Event]) -> None:  # noqa: C901  # One case an event is the clearest list.
        match recorded.event:
            case DetectionRaised() | FindingReported() | CustomerReportFiled():
                self._raise(recorded)
            case DetectionRepeated() as event:
                self._repeat(recorded, event)
            case DetectionFoundByHunt() as event:
                self._found_late(recorded, event.detection_id)
            case DetectionClaimed() as event:
                self._triage(recorded, event.detection_id)
            case DetectionReleased() as event:
                self._note(recorded, event.detection_id)
            case DetectionValidated() as event:
                self._validate(recorded, event.detection_id, event.verdict, event.confidence_percent, event.rationale)
            case FindingValidated() as event:
                self._validate(recorded, event.finding_id, event.verdict, event.confidence_percent, event.rationale)
            case CustomerReportValidated() as event:
                subject_id = event.customer_report_id
                self._validate(recorded, subject_id, event.verdict, event.confidence_percent, event.rationale)
            case DetectionValidationWithdrawn() as event:
                self._withdraw(recorded, event.detection_id, event.reason)
            case FindingValidationWithdrawn() as event:
                self._withdraw(recorded, event.finding_id, event.reason)
            case CustomerReportValidationWithdrawn() as event:
                self._withdraw(recorded, event.customer_report_id, event.reason)
            case FindingReassessed() as event:
                self._reassess(recorded, event)
            case FindingFixReported() as event:
                self._fix(recorded, event.finding_id, event.asset_ids, verified=False)
            case FindingFixVerified() as event:
                self._fix(recorded, event.finding_id, event.asset_ids, verified=True)
            case _:
                return

    def _raise(self, recorded: Recorded[Event]) -> None:
        subject = _raised(recorded)
        self.by_id[subject.id] = subject

    def _repeat(self, recorded: Recorded[Event], event: DetectionRepeated) -> None:
        if subject := self.by_id.get(event.detection_id):
            subject.count += event.count
            subject.repeated.append(recorded.position)

    def _found_late(self, recorded: Recorded[Event], subject_id: str) -> None:
        """The mark of a hunt directly follows what the hunt has raised, or added to."""
        if subject := self._note(recorded, subject_id):
            subject.in_retrospect = subject.in_retrospect or recorded.position == subject.raised.position + 1

    def _triage(self, recorded: Recorded[Event], subject_id: str) -> None:
        if subject := self._note(recorded, subject_id):
            subject.triaged = subject.triaged or Mark.of(recorded)

    def _validate(
        self, recorded: Recorded[Event], subject_id: str, verdict: Verdict, confidence: int, rationale: Sealed
    ) -> None:
        if subject := self.by_id.get(subject_id):
            mark = Mark.of(recorded)
            subject.triaged = subject.triaged or mark
            subject.first_validated = subject.first_validated or mark
            subject.validated, subject.verdict = mark, verdict
            facts = {"verdict": verdict.value, "confidence_percent": confidence}
            subject.history.append(Moment.of(recorded, facts, [("rationale", rationale, subject.label)]))

    def _withdraw(self, recorded: Recorded[Event], subject_id: str, reason: Sealed) -> None:
        if subject := self.by_id.get(subject_id):
            subject.withdrawn.append(Mark.of(recorded))
            subject.validated, subject.verdict = None, None
            subject.history.append(Moment.of(recorded, {}, [("reason", reason, subject.label)]))

    def _reassess(self, recorded: Recorded[Event], event: FindingReassessed) -> None:
        if subject := self._note(recorded, event.finding_id):
            subject.reassessed.append((Mark.of(recorded), event))

    def _fix(self, recorded: Recorded[Event], subject_id: str, asset_ids: tuple[str, ...], *, verified: bool) -> None:
        if subject := self._note(recorded, subject_id):
            fixes = subject.fixes_verified if verified else subject.fixes_reported
            for asset_id in asset_ids:
                fixes.setdefault(asset_id, Mark.of(recorded))

    def _note(self, recorded: Recorded[Event], subject_id: str) -> Subject | None:
        subject = self.by_id.get(subject_id)
        if subject is not None:
            subject.history.append(Moment.of(recorded, {}))
        return subject


def _raised(recorded: Recorded[Event]) -> Subject:
    event, mark = recorded.event, Mark.of(recorded)
    match event:
        case DetectionRaised():
            subject = Subject(
                SubjectKind.DETECTION, event.detection_id, mark, event.severity_id, event.label, event.asset_ids,
                event.source, event.first_seen_at, event.count, rule=event.rule,
            )  # fmt: skip
            facts = {"rule": event.rule.title, "severity_id": event.severity_id, "techniques": list(event.techniques)}
            words = ("headline", event.headline, event.label)
        case FindingReported():
            subject = Subject(
                SubjectKind.FINDING, event.finding_id, mark, event.severity_id, event.label, event.asset_ids,
                event.source, finding=event,
            )  # fmt: skip
            facts = {"finding_kind": event.kind.value, "severity_id": event.severity_id}
            words = ("detail", event.detail, event.label)
        case CustomerReportFiled():
            subject = Subject(
                SubjectKind.CUSTOMER_REPORT, event.customer_report_id, mark, event.severity_id, event.label,
                event.asset_ids, "customer",
            )  # fmt: skip
            facts = {"severity_id": event.severity_id}
            words = ("summary", event.summary, event.label)
        case _:
            raise TypeError(f"{recorded.envelope.topic} begins no subject")
    subject.history.append(Moment.of(recorded, facts, [words]))
    return subject
