"""Cases: how many, and each one's story with both clocks, its plan, its approvals, its actions and its messages."""

from collections.abc import Iterable
from typing import Any

from contracts.events.base import Sealed, instant
from contracts.events.cases import Priority, Step
from contracts.labels import Label, may_see
from services.reporting.domain.chronicle import Chronicle, Moment
from services.reporting.domain.chronicle.responses import Action, Approval, Case, Message
from services.reporting.domain.figures import FigureMaker, Json
from services.reporting.domain.headlines import headline
from services.reporting.domain.metrics.durations import opened_in_period

UNLABELLED = Label.AMBER_STRICT
"""What words without any label count as: for the organisation that the ledger is about, and no further."""
MAX_MOMENTS = 100
"""Most lines of one case's story in a report; later ones are counted in `timeline_omitted`."""


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    opened = opened_in_period(chronicle)
    everything = chronicle.responses.cases.values()
    closed = [mark for case in everything for mark, _ in case.closings if chronicle.scope.in_period(mark.at)]
    still_open = [case.opened.position for case in everything if not case.closed]
    made = [make.count("cases.opened", "cases", "Cases opened", (case.opened.position for case in opened))]
    for priority in Priority:
        positions = [case.opened.position for case in opened if case.event.priority is priority]
        made.append(
            make.count(f"cases.opened.{priority.value.lower()}", "cases", f"Opened as {priority.value}", positions)
        )
    made.append(make.count("cases.closed", "cases", "Cases closed", (mark.position for mark in closed)))
    made.append(make.count("cases.open", "cases", "Cases open now", still_open))
    return [*made, *_approval_figures(chronicle, make)]


def rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """The cases that were opened in the period or had something recorded in it, in the order of their opening."""
    in_period = chronicle.scope.in_period
    active = [
        case
        for case in chronicle.responses.cases.values()
        if any(in_period(moment.recorded_at) for moment in case.history)
    ]
    return [_row(chronicle, case, make) for case in active]


def sealed_json(value: Sealed, label: Label) -> Json:
    """A sealed word in a model: enough to find and to check its opening, and the label that it stands under."""
    return {
        "sealed": {
            "event_id": value.event_id,
            "path": value.path,
            "commitment": value.commitment,
            "subject": value.subject,
        },
        "label": label.value,
    }


def _row(chronicle: Chronicle, case: Case, make: FigureMaker) -> Json:
    story, worked_in = _story(chronicle, case), chronicle.responses.worked_in
    actions = [a for a in chronicle.responses.actions.values() if worked_in(a.basis.case_id) == case.id]
    rehearsals = chronicle.responses.rehearsals
    rehearsed = [mark.position for mark, event in rehearsals if worked_in(event.basis.case_id) == case.id]
    return {
        "case_id": case.id,
        "title": sealed_json(case.event.title, case.label),
        "label": case.label.value,
        "priority": case.event.priority.value,
        "severity_id": case.event.severity_id,
        "event_kind": case.event.event_kind,
        "state": "closed" if case.closed else "open",
        "opened_at": instant(case.opened.at),
        "closed_at": instant(case.closings[-1][0].at) if case.closed else None,
        "outcome": case.closings[-1][1].outcome if case.closed else None,
        "charter": case.event.charter.model_dump(mode="json") if case.event.charter else None,
        "assets": [_asset(chronicle, asset_id) for asset_id in case.assets],
        "subjects": [_subject(chronicle, subject.id, subject.validation_position) for subject in case.subjects],
        "plan": _plan(case),
        "approvals": [_approval(approval, case) for approval in case.approvals],
        "actions": [_action(action) for action in actions],
        "rehearsals": len(rehearsed),
        "messages": [
            _message(m) for m in chronicle.responses.messages.values() if worked_in(m.case_id or "") == case.id
        ],
        "timeline": [_moment(moment) for moment in story[:MAX_MOMENTS]],
        "timeline_omitted": max(0, len(story) - MAX_MOMENTS),
        "source": make.sources.add(moment.position for moment in story),
    }


def _story(chronicle: Chronicle, case: Case) -> list[Moment]:
    """The case's own history and that of the subjects it rests on, in the order of the ledger."""
    moments = {moment.position: moment for moment in case.history}
    for subject in case.subjects:
        if known := chronicle.subjects.by_id.get(subject.id):
            moments |= {moment.position: moment for moment in known.history}
    return [moments[position] for position in sorted(moments)]


def _moment(moment: Moment) -> Json:
    return {
        "position": moment.position,
        "topic": moment.topic,
        "headline": headline(moment.topic, moment.facts),
        "recorded_at": instant(moment.recorded_at),
        "occurred_at": instant(moment.occurred_at),
        "actor_id": moment.actor_id,
        "facts": [[name, _plain(value)] for name, value in moment.facts.items()],
        "words": [{"name": name} | sealed_json(value, label) for name, value, label in moment.sealed],
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | list) or value is None else str(value)


def _asset(chronicle: Chronicle, asset_id: str) -> Json:
    asset = chronicle.watch.assets.get(asset_id)
    if asset is None:
        return {"asset_id": asset_id, "name": None, "asset_class": None, "value": None}
    return {
        "asset_id": asset_id,
        "name": sealed_json(asset.name, UNLABELLED),
        "asset_class": asset.asset_class.value,
        "value": asset.value,
    }


def _subject(chronicle: Chronicle, subject_id: str, validation_position: int) -> Json:
    subject = chronicle.subjects.by_id.get(subject_id)
    row: Json = {"id": subject_id, "validation_position": validation_position}
    if subject is None:
        return row | {"kind": None, "verdict": None, "title": None, "standing": None}
    visible = may_see(subject.label, chronicle.scope.audience)
    clear = subject.rule.title if subject.rule else subject.finding.title if subject.finding else None
    standing = subject.validated is not None and subject.validated.position == validation_position
    return row | {
        "kind": subject.kind.value,
        "verdict": subject.verdict.value if subject.verdict else None,
        "title": clear if visible else None,
        "standing": standing,
    }


def _plan(case: Case) -> Json | None:
    if case.plan is None:
        return None
    steps = {step.step_id: step for step in case.plan.event.steps}
    done = {
        value: moment.position
        for moment in case.history
        if moment.topic == "tenet.cases.StepCompleted" and isinstance(value := moment.facts.get("step_id"), str)
    }
    return {
        "plan_id": case.plan.event.plan_id,
        "digest": case.plan.digest,
        "mode": case.plan.event.mode.value,
        "desired_outcome": case.plan.event.desired_outcome,
        "charter": case.plan.event.line.model_dump(mode="json"),
        "precedence": case.plan.event.precedence.value,
        "why": list(case.plan.event.why),
        "decided_position": case.plan.decided.position,
        "steps": [_step(steps[step_id], done.get(step_id)) for step_id in case.plan.order if step_id in steps],
    }


def _step(step: Step, completed_position: int | None) -> Json:
    return {
        "step_id": step.step_id,
        "response_type": step.response_type.value,
        "action": step.action,
        "target_asset_id": step.target_asset_id,
        "authority": step.authority.value,
        "reason": step.reason,
        "after": list(step.after),
        "charter_line": step.line,
        "not_before": instant(step.not_before) if step.not_before else None,
        "completed_position": completed_position,
    }


def _approval(approval: Approval, case: Case) -> Json:
    holds = approval.approved and case.plan is not None and approval.digest == case.plan.digest
    return {
        "position": approval.mark.position,
        "recorded_at": instant(approval.mark.at),
        "actor_id": approval.actor_id,
        "decision": "approved" if approval.approved else "rejected",
        "speaks_of_present_plan": holds,
        "acr": approval.acr,
        "amr": list(approval.amr),
    }


def _action(action: Action) -> Json:
    return {
        "action_id": action.id,
        "response_type": action.response_type.value if action.response_type else None,
        "action": action.action,
        "target_asset_id": action.target_asset_id,
        "connector": action.connector,
        "reverses_action_id": action.reverses_action_id,
        "validation_position": action.basis.subject.validation_position,
        "approval_positions": list(action.basis.approval_positions),
        "preauthorisation_position": action.basis.preauthorisation_position,
        "states": [
            {"state": name, "position": mark.position, "recorded_at": instant(mark.at)}
            for name, mark in sorted(action.marks.items(), key=lambda item: item[1])
        ],
    }


def _message(message: Message) -> Json:
    return {
        "id": message.id,
        "kind": message.kind,
        "recipient_id": message.recipient_id,
        "channel": message.channel,
        "words": sealed_json(message.words, message.label),
        "sent_position": message.sent.position,
        "answered_position": message.answered.position if message.answered else None,
        "overdue_position": message.overdue.position if message.overdue else None,
        "deadline": instant(message.deadline),
    }


def _approval_figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    given: Iterable[Approval] = [
        approval
        for case in chronicle.responses.cases.values()
        for approval in case.approvals
        if chronicle.scope.in_period(approval.mark.at)
    ]
    approved = [approval.mark.position for approval in given if approval.approved]
    rejected = [approval.mark.position for approval in given if not approval.approved]
    return [
        make.count("approvals.given", "approvals", "Approvals of response plans", approved),
        make.count("approvals.rejected", "approvals", "Rejections of response plans", rejected),
    ]
