"""What people judged: verdicts by kind of subject, and how often each rule was right."""

from contracts.events.subjects import OCSF_VERDICT_ID, SubjectKind, Verdict
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.subjects import Subject
from services.reporting.domain.figures import FigureMaker, Json
from services.reporting.domain.metrics.funnel import cohort

BENIGN = frozenset({Verdict.AUTHORISED_TEST, Verdict.BENIGN_EXPECTED, Verdict.BENIGN_UNEXPECTED})


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Standing verdicts on what was recorded in the period, only those that occur, and the withdrawals in it."""
    in_period = chronicle.scope.in_period
    made = []
    for kind in SubjectKind:
        subjects = [item for item in chronicle.subjects.of_kind(kind) if in_period(item.raised.at)]
        for verdict in Verdict:
            positions = [item.validated.position for item in subjects if item.validated and item.verdict is verdict]
            if positions:
                label = f"{kind.value.replace('_', ' ').capitalize()}: {verdict.value.replace('_', ' ')}"
                figure = make.count(f"verdicts.{kind.value}.{verdict.value}", "verdicts", label, positions)
                made.append(figure | {"ocsf_verdict_id": OCSF_VERDICT_ID[verdict]})
    withdrawn = [
        mark.position for item in chronicle.subjects.by_id.values() for mark in item.withdrawn if in_period(mark.at)
    ]
    made.append(make.count("verdicts.withdrawn", "verdicts", "Verdicts withdrawn", withdrawn))
    return made


def rule_rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """One row a rule version that raised a detection in the period, the busiest first."""
    groups: dict[tuple[str, str], list[Subject]] = {}
    for item in cohort(chronicle):
        if item.rule is not None:
            groups.setdefault((item.rule.rule_id, item.rule.sha256), []).append(item)
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [_rule_row(items, make) for _, items in ordered]


def _rule_row(items: list[Subject], make: FigureMaker) -> Json:
    rule = items[0].rule
    if rule is None:
        raise ValueError("a rule's row is made of detections that a rule raised")
    prefix = f"rules.{rule.rule_id}.{rule.sha256[:12]}"
    true = _judged(items, {Verdict.MALICIOUS})
    false = _judged(items, {Verdict.FALSE_POSITIVE})
    undecided = [item.raised.position for item in items if item.verdict in (None, Verdict.UNDETERMINED)]
    return {
        "rule_id": rule.rule_id,
        "title": rule.title,
        "level": rule.level,
        "sha256": rule.sha256,
        "pack_sha256": rule.pack_sha256,
        "figures": [
            make.count(f"{prefix}.detections", "precision", "Detections", (item.raised.position for item in items)),
            make.count(f"{prefix}.true", "precision", "Malicious", true),
            make.count(f"{prefix}.false", "precision", "False positive", false),
            make.count(f"{prefix}.benign", "precision", "Benign or authorised", _judged(items, BENIGN)),
            make.count(f"{prefix}.undecided", "precision", "Undecided", undecided),
            make.share(f"{prefix}.precision", "precision", "Precision", true, [*true, *false], interval=True),
        ],
    }


def _judged(items: list[Subject], verdicts: set[Verdict] | frozenset[Verdict]) -> list[int]:
    return [item.validated.position for item in items if item.validated and item.verdict in verdicts]
