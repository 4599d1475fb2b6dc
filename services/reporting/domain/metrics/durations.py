"""How long it took: to detect, acknowledge, decide, notify, contain and resolve."""

from collections.abc import Iterator
from datetime import timedelta

from contracts.events.cases import ResponseType
from contracts.events.subjects import SubjectKind
from services.reporting.domain.chronicle import Chronicle, Mark
from services.reporting.domain.chronicle.responses import Action, Case
from services.reporting.domain.figures import FigureMaker, Json, Span
from services.reporting.domain.metrics.funnel import cohort

CONTAINING = frozenset({ResponseType.CONTAIN, ResponseType.ELIMINATE})


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    detections = cohort(chronicle)
    cases = opened_in_period(chronicle)
    contained = [_containment(chronicle, case, actions) for case, actions in _containing(chronicle, cases)]
    return [
        make.durations("durations.detect_lag", "detect_lag", "Activity to detection", _detect_lag(chronicle)),
        make.durations(
            "durations.acknowledge", "acknowledge", "Detection to first human look",
            (Span(item.id, item.raised, item.triaged) for item in detections),
        ),
        make.durations("durations.decide", "decide", "First look to verdict", _decide(chronicle)),
        make.durations("durations.notify", "notify", "Confirmation to acknowledged notice", _notify(chronicle, cases)),
        make.durations(
            "durations.contain_first", "contain", "Confirmation to first containment", (first for first, _ in contained)
        ),
        make.durations(
            "durations.contain_final", "contain", "Confirmation to final containment", (final for _, final in contained)
        ),
        _resolve(cases, make),
    ]  # fmt: skip


def opened_in_period(chronicle: Chronicle) -> list[Case]:
    return [case for case in chronicle.responses.cases.values() if chronicle.scope.in_period(case.opened.at)]


def _detect_lag(chronicle: Chronicle) -> Iterator[Span]:
    for item in cohort(chronicle):
        if item.first_seen_at is not None and not item.in_retrospect:
            yield Span(item.id, Mark(item.raised.position, item.first_seen_at), item.raised)


def _decide(chronicle: Chronicle) -> Iterator[Span]:
    for item in chronicle.subjects.of_kind(SubjectKind.DETECTION):
        if item.triaged and chronicle.scope.in_period(item.triaged.at):
            yield Span(item.id, item.triaged, item.first_validated)


def _notify(chronicle: Chronicle, cases: list[Case]) -> Iterator[Span]:
    messages = chronicle.responses.messages.values()
    for case in cases:
        notices = [
            m for m in messages if m.kind == "notice" and chronicle.responses.worked_in(m.case_id or "") == case.id
        ]
        acknowledged = [message.answered for message in notices if message.answered]
        if notices:
            yield Span(case.id, confirmation(chronicle, case), min(acknowledged, default=None))


def confirmation(chronicle: Chronicle, case: Case) -> Mark:
    """The entry that confirmed the case's first subject; the opening where that entry is not in the chronicle."""
    subject = chronicle.subjects.by_id.get(case.subjects[0].id)
    for moment in subject.history if subject else ():
        if moment.position == case.subjects[0].validation_position:
            return Mark(moment.position, moment.recorded_at)
    return case.opened


def _containing(chronicle: Chronicle, cases: list[Case]) -> Iterator[tuple[Case, list[Action]]]:
    """Cases with the actions dispatched in them that contain or eliminate. Reversals end an effect and do not count."""
    by_case: dict[str, list[Action]] = {}
    for action in chronicle.responses.actions.values():
        if action.response_type in CONTAINING and "dispatched" in action.marks and not action.reverses_action_id:
            by_case.setdefault(chronicle.responses.worked_in(action.basis.case_id), []).append(action)
    for case in cases:
        if case.id in by_case:
            yield case, by_case[case.id]


def _containment(chronicle: Chronicle, case: Case, actions: list[Action]) -> tuple[Span, Span]:
    verified: dict[str, Mark] = {}
    for action in actions:
        if mark := action.marks.get("verified"):
            verified[action.target_asset_id] = min(mark, verified.get(action.target_asset_id, mark))
    needed = dict(case.assets)
    for action in actions:
        needed.setdefault(action.target_asset_id, action.marks["dispatched"])
    since = confirmation(chronicle, case)
    final = max((verified[a] for a in needed), default=None) if all(a in verified for a in needed) else None
    return Span(case.id, since, _first_complete(needed, verified)), Span(case.id, since, final)


def _first_complete(needed: dict[str, Mark], verified: dict[str, Mark]) -> Mark | None:
    """The earliest verification after which every asset that was known by then was verified contained."""
    for moment in sorted(verified.values()):
        known = [asset_id for asset_id, mark in needed.items() if mark.position <= moment.position]
        if known and all(asset_id in verified and verified[asset_id] <= moment for asset_id in known):
            return moment
    return None


def _resolve(cases: list[Case], make: FigureMaker) -> Json:
    """Episodes of one case add up; the sum is laid end to end from the last opening to keep both ends in the ledger."""
    spans: list[Span] = []
    worked: list[int] = []
    for case in cases:
        openings, closings = [case.opened, *case.reopenings], [mark for mark, _ in case.closings]
        earlier = sum(start.milliseconds_until(end) for start, end in zip(openings[:-1], closings, strict=False))
        last = closings[len(openings) - 1] if len(closings) >= len(openings) else None
        spans.append(Span(case.id, _earlier_by(openings[-1], earlier), last))
        worked.extend(mark.position for mark in (*openings, *closings))
    made = make.durations("durations.resolve", "resolve", "Opening to closing of a case", spans)
    made["source"] = make.sources.add(worked)
    return made


def _earlier_by(mark: Mark, milliseconds: int) -> Mark:
    return Mark(mark.position, mark.at - timedelta(milliseconds=milliseconds))
