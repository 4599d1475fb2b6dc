"""What waits for the customer, each with an owner, since when, and the entries that say so."""

from collections.abc import Iterator

from contracts.events.base import instant
from contracts.events.cases import Authority
from contracts.events.subjects import SubjectKind
from contracts.labels import may_see
from contracts.roles import Role
from services.reporting.domain.chronicle import Chronicle, Mark
from services.reporting.domain.chronicle.responses import Case
from services.reporting.domain.figures import FigureMaker, Json, Span
from services.reporting.domain.metrics.cases import UNLABELLED, sealed_json

PERSONS_NEEDED = {Authority.CUSTOMER: 1, Authority.TWO_PERSONS: 2}


def figures(make: FigureMaker, needs: list[Json], since: list[Mark]) -> list[Json]:
    """`since` holds the beginning of each need, in their order."""
    waiting = [Span(need["id"], mark, None) for need, mark in zip(needs, since, strict=True) if need["awaited"]]
    ages = sorted(span.since.milliseconds_until(make.as_of) for span in waiting)
    positions = [span.since.position for span in waiting]
    oldest = ages[-1] if ages else None
    return [
        make.count("needs.open", "awaiting_customer", "Waiting for you", positions),
        make.quantity(
            "needs.oldest",
            "awaiting_customer",
            "Longest waiting",
            "milliseconds",
            oldest,
            positions[:1] if ages else [],
        ),
    ]


def rows(chronicle: Chronicle, make: FigureMaker) -> tuple[list[Json], list[Mark]]:
    """The needs, oldest first, and the entry at which each began."""
    found = [
        *_charter(chronicle, make),
        *_approvals(chronicle, make),
        *_messages(chronicle, make),
        *_fixes(chronicle, make),
        *_silent_sensors(chronicle, make),
        *_recommendations(chronicle, make),
    ]
    found.sort(key=lambda pair: (pair[1].position, pair[0]["id"]))
    return [need for need, _ in found], [mark for _, mark in found]


def _need(kind: str, identifier: str, mark: Mark, make: FigureMaker, **fields: object) -> tuple[Json, Mark]:
    need: Json = {
        "id": f"{kind}:{identifier}",
        "kind": kind,
        "since": instant(mark.at),
        "due": None,
        "owner": None,
        "case_id": None,
        "title": None,
        "words": None,
        "awaited": True,
        "source": make.sources.add([mark.position]),
    }
    return need | fields, mark


def _charter(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    if waiting := chronicle.mandates.awaiting:
        yield _need(
            "charter",
            waiting.event.charter_id,
            waiting.proposed,
            make,
            owner={"role": Role.CUSTOMER_APPROVER.value},
            title=f"Version {waiting.event.charter_version}",
        )


def _approvals(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    for case in chronicle.responses.cases.values():
        missing = _persons_missing(case)
        if case.plan is None or case.closed or not missing:
            continue
        yield _need(
            "approval",
            case.plan.event.plan_id,
            case.plan.decided,
            make,
            owner={"role": Role.CUSTOMER_APPROVER.value},
            case_id=case.id,
            words=sealed_json(case.event.title, case.label),
            persons_missing=missing,
        )


def _persons_missing(case: Case) -> int:
    """How many distinct persons have yet to approve the plan that holds now; 0 after a rejection of it."""
    if case.plan is None:
        return 0
    needed = max((PERSONS_NEEDED.get(step.authority, 0) for step in case.plan.event.steps), default=0)
    speaking = [approval for approval in case.approvals if approval.digest == case.plan.digest]
    if any(not approval.approved for approval in speaking):
        return 0
    return max(0, needed - len({approval.actor_id for approval in speaking}))


def _messages(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    for message in chronicle.responses.messages.values():
        if message.answered is None:
            yield _need(
                message.kind,
                message.id,
                message.sent,
                make,
                due=instant(message.deadline),
                owner={"principal_id": message.recipient_id},
                case_id=message.case_id,
                words=sealed_json(message.words, message.label),
            )


def _fixes(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    for item in chronicle.subjects.of_kind(SubjectKind.FINDING):
        if item.confirmed is None or item.fixed is not None or item.finding is None:
            continue
        owners = [asset.owner for asset_id in item.asset_ids if (asset := chronicle.watch.assets.get(asset_id))]
        owner = next((owner for owner in owners if owner is not None), None)
        visible = may_see(item.label, chronicle.scope.audience)
        yield _need(
            "fix",
            item.id,
            item.confirmed,
            make,
            owner=sealed_json(owner, UNLABELLED) if owner else {"role": Role.CUSTOMER_APPROVER.value},
            title=item.finding.title if visible else None,
            words=sealed_json(item.finding.detail, item.label),
            assets_open=[asset_id for asset_id in item.asset_ids if asset_id not in item.fixes_verified],
            fix_reported=sorted(item.fixes_reported),
        )


def _silent_sensors(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    for sensor in chronicle.watch.sensors.values():
        if sensor.silences and sensor.silences[-1].until is None:
            silence = sensor.silences[-1]
            yield _need(
                "sensor",
                sensor.id,
                Mark(silence.positions[0], silence.since),
                make,
                owner={"role": Role.CUSTOMER_APPROVER.value},
                title=sensor.system_type,
                asset_id=sensor.asset_id,
            )


def _recommendations(chronicle: Chronicle, make: FigureMaker) -> Iterator[tuple[Json, Mark]]:
    """What cases closed in the period recommend: advice, which nobody waits for."""
    for case in chronicle.responses.cases.values():
        if not case.closed:
            continue
        mark, closing = case.closings[-1]
        if closing.recommendation is not None and chronicle.scope.in_period(mark.at):
            yield _need(
                "recommendation",
                case.id,
                mark,
                make,
                owner={"role": Role.CUSTOMER_APPROVER.value},
                case_id=case.id,
                words=sealed_json(closing.recommendation, case.label),
                awaited=False,
            )
