"""How a case looks on a terminal."""

from collections.abc import Iterable

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_people_pb2 as people
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.common.v1 import common_pb2 as common

from infra.cli.names import NOBODY, Names
from infra.cli.output import say, show_pairs, show_table
from infra.cli.words import sealed, time_of, word


def show_case(answer: read.GetCaseResponse, names: Names = NOBODY) -> None:
    case = answer.case
    show_pairs(
        [
            ("case", case.case_id),
            ("title", sealed(case.title)),
            ("status", f"{word(pb.CaseStatus, case.status)} {case.outcome}".strip()),
            ("priority", f"{word(pb.Priority, case.priority).upper()}, severity {case.severity_id}"),
            ("worked in", case.merged_into_case_id),
            ("worked here", ", ".join(case.merged_case_ids)),
            ("split from", case.split_from_case_id),
            ("split into", ", ".join(case.split_into_case_ids)),
            ("rests on", ", ".join(_subject(each) for each in case.subjects)),
            ("assets", ", ".join(case.asset_ids)),
            ("assigned to", names.with_id(case.assignee_principal_id)),
            ("opened", _stamp(case.opened, names)),
            ("closed", _stamp(case.closed, names)),
            ("root cause", sealed(case.root_cause)),
            ("lessons", sealed(case.lessons)),
            ("recommendation", sealed(case.recommendation)),
            ("as known at", f"position {answer.sight.position}"),
        ]
    )
    if case.HasField("plan"):
        say("")
        show_plan(case.plan, names)
    if answer.actions:
        say("")
        show_actions(answer.actions, title="Actions")
    if answer.notices:
        say("")
        show_table(
            ("notice!", "channel", "status", "sent", "decision"),
            [
                (n.notice_id, n.channel, word(pb.NoticeStatus, n.status), time_of(n.sent.recorded_at), n.decision)
                for n in answer.notices
            ],
            title="Notices",
        )
    if answer.service_levels:
        say("")
        show_table(
            ("objective", "status", "deadline", "met"),
            [
                (
                    word(people.Objective, each.objective),
                    word(people.ClockStatus, each.status),
                    time_of(each.deadline),
                    time_of(each.met_at),
                )
                for each in answer.service_levels
            ],
            title="Service levels",
        )


def show_plan(plan: pb.Plan, names: Names = NOBODY) -> None:
    show_pairs(
        [
            ("plan", plan.plan_id),
            ("digest", plan.digest),
            ("charter", f"version {plan.line.version}, line {plan.line.line}"),
            ("wanted", plan.desired_outcome),
            ("mode", word(pb.Mode, plan.mode)),
            ("last word", word(pb.Precedence, plan.precedence)),
            ("why", "; ".join(plan.why)),
            ("decided", _stamp(plan.decided, names)),
            ("rejected", "yes" if plan.rejected else ""),
            ("approvals", "; ".join(_approval(each, names) for each in plan.approvals)),
        ]
    )
    show_table(
        ("step", "type", "what", "authority", "waits for", "status"),
        [
            (
                step.step_id,
                word(pb.ResponseType, step.response_type),
                _act(step.action, step.argument),
                word(pb.Authority, step.authority),
                "; ".join(_waits(step)),
                word(pb.StepStatus, step.status),
            )
            for step in plan.steps
        ],
    )


def _waits(step: pb.Step) -> Iterable[str]:
    if step.status in (pb.STEP_STATUS_DONE, pb.STEP_STATUS_DISPATCHED):
        return
    yield from step.after
    if step.HasField("ring"):
        yield f"ring {step.ring}"
    if step.HasField("not_before") and not step.released:
        yield f"not before {time_of(step.not_before)}"


def show_actions(actions: Iterable[pb.Action], *, title: str = "") -> None:
    show_table(
        ("tenant", "what", "on", "step", "status", "asked", "rests on", "action!"),
        [
            (
                each.tenant_id,
                _act(each.action, each.argument) + (f" #{each.attempt}" if each.attempt > 1 else ""),
                sealed(each.target) or each.target_asset_id,
                "reverse" if each.reverses_action_id else each.step_id,
                word(pb.ActionStatus, each.status),
                time_of(each.stages[0].stamp.recorded_at) if each.stages else "",
                f"@{each.subject.validation_position}",
                each.action_id,
            )
            for each in actions
        ],
        title=title,
        empty="No action.",
    )


def _act(action: str, argument: str) -> str:
    """`set monitoring raised`; a task's argument is a sentence of a person, and stays as it is."""
    shown = argument if action == "task" else argument.replace("_", " ")
    return f"{action} {shown}".strip()


def show_timeline(case: pb.Case, names: Names) -> None:
    show_table(
        ("position>", "occurred", "recorded", "what", "who", "detail"),
        [
            (
                entry.stamp.position,
                time_of(entry.stamp.occurred_at),
                time_of(entry.stamp.recorded_at)[11:],
                entry.event,
                names.of(entry.stamp.actor.id),
                " ".join(part for part in (entry.detail, sealed(entry.text)) if part),
            )
            for entry in case.timeline
        ],
        empty="Nothing yet.",
    )


def _subject(subject: common.SubjectRef) -> str:
    kind = word(common.SubjectKind, subject.kind)
    named = subject.id if subject.id.startswith(f"{kind}-") else f"{kind} {subject.id}"
    return f"{named}, validated at position {subject.validation_position}"


def _stamp(stamp: pb.Stamp, names: Names) -> str:
    if not stamp.HasField("recorded_at"):
        return ""
    return f"{time_of(stamp.recorded_at)} at position {stamp.position} by {names.with_id(stamp.actor.id)}"


def _approval(approval: pb.Approval, names: Names) -> str:
    void = ", void" if approval.void else ""
    return f"{names.with_id(approval.stamp.actor.id)} until {time_of(approval.expires_at)}{void}"
