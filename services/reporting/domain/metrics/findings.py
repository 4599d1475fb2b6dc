"""Weaknesses found before an attack: how many, how long open, known exploited ones apart, missing inputs shown as
missing.
"""

from datetime import datetime

from contracts.events.assets import FindingKind
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.subjects import Subject
from services.reporting.domain.figures import FigureMaker, Json, Span


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    scope = chronicle.scope
    everything = chronicle.subjects.of_kind(SubjectKind.FINDING)
    reported = [item for item in everything if scope.in_period(item.raised.at)]
    made = [
        make.count(
            f"findings.reported.{kind.value}", "findings", f"New: {kind.value.replace('_', ' ')}",
            (item.raised.position for item in reported if item.finding and item.finding.kind is kind),
        )
        for kind in FindingKind
    ]  # fmt: skip
    verified = [item.fixed.position for item in everything if item.fixed and scope.in_period(item.fixed.at)]
    made += [
        _open_at("findings.open_at_start", "Open at the start", everything, scope.period_from, make),
        _open_at("findings.open_at_end", "Open at the end", everything, scope.period_to, make),
        _open_at(
            "findings.exploited_open_at_start", "Known exploited, open at the start",
            [item for item in everything if _exploited(item, scope.period_from)], scope.period_from, make,
        ),
        _open_at(
            "findings.exploited_open_at_end", "Known exploited, open at the end",
            [item for item in everything if _exploited(item, scope.period_to)], scope.period_to, make,
        ),
        make.count("findings.fix_verified", "findings", "Fix verified on all assets", verified),
        make.count(
            "findings.missing.exposure", "findings", "New without a known exposure",
            (item.raised.position for item in reported if item.finding and item.finding.exposure is None),
        ),
        make.count(
            "findings.missing.likelihood", "findings", "New without a known likelihood",
            (item.raised.position for item in reported if _likelihood(item, scope.period_to) is None),
        ),
        make.count(
            "findings.missing.known_exploited", "findings", "New, exploitation not known",
            (item.raised.position for item in reported if _known_exploited(item, scope.period_to) is None),
        ),
        make.durations(
            "findings.exposure_time.exploited", "exposure_time", "Time exposed, known exploited",
            (span for item in reported if _exploited(item, scope.period_to) for span in _spans(item)),
        ),
        make.durations(
            "findings.exposure_time.others", "exposure_time", "Time exposed, others",
            (span for item in reported if not _exploited(item, scope.period_to) for span in _spans(item)),
        ),
    ]  # fmt: skip
    return made


def is_open(item: Subject, at: datetime) -> bool:
    """Reported by then, not yet verified fixed by then, and not dismissed by the verdict that stands."""
    dismissed = item.verdict is not None and item.verdict not in CALLS_FOR_RESPONSE
    fixed = item.fixed is not None and item.fixed.at < at
    return item.raised.at < at and not fixed and not dismissed


def _open_at(figure: str, label: str, items: list[Subject], at: datetime, make: FigureMaker) -> Json:
    return make.count(figure, "findings", label, (item.raised.position for item in items if is_open(item, at)))


def _exploited(item: Subject, by: datetime) -> bool:
    return _known_exploited(item, by) is True


def _known_exploited(item: Subject, by: datetime) -> bool | None:
    assessed = item.assessed(by)
    return assessed.known_exploited if assessed else None


def _likelihood(item: Subject, by: datetime) -> int | None:
    assessed = item.assessed(by)
    return assessed.likelihood_millionths if assessed else None


def _spans(item: Subject) -> list[Span]:
    if not is_open(item, datetime.max.replace(tzinfo=item.raised.at.tzinfo)) and item.fixed is None:
        return []
    return [
        Span(f"{item.id}/{asset_id}", item.raised, item.fixes_verified.get(asset_id)) for asset_id in item.asset_ids
    ]
