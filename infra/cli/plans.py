"""`tenet plan …` and `tenet action …`: deciding, approving, carrying out, verifying, ending."""

import typer
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.as_of import At, position_of_one
from infra.cli.case_pages import show_actions, show_plan
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import label, value_or_none, word

plans = typer.Typer(no_args_is_help=True, help="Response plans, as the customer's charter gives them.")
actions = typer.Typer(no_args_is_help=True, help="Actions at a customer.")
Case = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more.")
Action = typer.Argument(..., metavar="ACTION", help="Its identifier, or the first six characters or more.")


async def _shown(session: Session, tenant_id: str, case_id: str) -> read.GetCaseResponse:
    request = read.GetCaseRequest(tenant_id=tenant(tenant_id), case_id=case_id)
    return await session.ask(request, read.GetCaseResponse)


@plans.command("decide")
def decide(
    tenant_id: TenantOption,
    case_id: str = Case,
    mode: str = typer.Option("", "--mode", help="stop, understand or observe; what the charter says when left out."),
    tripwire: str = typer.Option("", "--tripwire", help="The tripwire that was hit, for a plan that observes."),
    who: As = "",
    server: Server = "",
) -> None:
    """Decide the ordered plan that the charter gives for this case."""

    async def work(session: Session) -> None:
        request = write.DecidePlanRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            desired_outcome=value_or_none(pb.Mode, mode, what="mode"),
            tripwire=tripwire,
            seen=[(await _shown(session, tenant_id, case_id)).sight],
        )
        show_plan((await session.ask(request, write.DecidePlanResponse)).plan)

    call(work, who, server)


@plans.command("approve")
def approve(
    tenant_id: TenantOption,
    case_id: str = Case,
    digest: str = typer.Option("", "--digest", help="Of the plan that you looked at; the present one's when left out."),
    steps: list[str] = typer.Option([], "--step", help="Only these steps. Repeat it for more."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person of the customer approves exactly this plan."""

    async def work(session: Session) -> None:
        shown = await _shown(session, tenant_id, case_id)
        request = write.ApprovePlanRequest(
            tenant_id=tenant_id,
            case_id=case_id,
            plan_id=shown.case.plan.plan_id,
            digest=digest or shown.case.plan.digest,
            step_ids=steps,
            seen=[shown.sight],
        )
        answer = await session.ask(request, write.ApprovePlanResponse)
        say(f"Approved until {answer.expires_at.ToDatetime():%Y-%m-%d %H:%M} UTC, at position {answer.position}.")

    call(work, who, server)


@plans.command("reject")
def reject(
    tenant_id: TenantOption,
    case_id: str = Case,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person of the customer says no to exactly this plan."""

    async def work(session: Session) -> None:
        plan = (await _shown(session, tenant_id, case_id)).case.plan
        request = write.RejectPlanRequest(
            tenant_id=tenant_id, case_id=case_id, plan_id=plan.plan_id, digest=plan.digest, reason=reason
        )
        await session.ask(request, write.RejectPlanResponse)
        say("Rejected; the plan has to be decided anew.")

    call(work, who, server)


@plans.command("pending")
def pending(tenants: TenantsOption = None, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Plans that wait for a customer's word."""

    async def work(session: Session) -> None:
        found = await every(
            session, read.ListPendingApprovalsRequest(tenant_ids=tenants), read.ListPendingApprovalsResponse
        )
        if as_json:
            show_json(found)
            return
        show_table(
            ("prio", "tenant", "steps", "given>", "case!"),
            [
                (
                    word(pb.Priority, each.priority).upper(),
                    each.tenant_id,
                    ", ".join(step.step_id for step in each.steps),
                    len(each.approvals),
                    each.case_id,
                )
                for each in found.pending
            ],
            empty="No plan waits.",
        )

    call(work, who, server)


@plans.command("complete")
def complete(
    tenant_id: TenantOption,
    case_id: str = Case,
    step_id: str = typer.Argument(..., metavar="STEP", help="A step of the plan, as `case show` lists it."),
    result: str = typer.Option(..., "--result", help="What was done. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Say that a person's step is done."""

    async def work(session: Session) -> None:
        plan = (await _shown(session, tenant_id, case_id)).case.plan
        request = write.CompleteStepRequest(
            tenant_id=tenant_id, case_id=case_id, plan_id=plan.plan_id, step_id=step_id, result=result
        )
        await session.ask(request, write.CompleteStepResponse)
        say("Done.")

    call(work, who, server)


@actions.command("dispatch")
def dispatch(
    tenant_id: TenantOption,
    case_id: str = Case,
    step_id: str = typer.Argument(..., metavar="STEP", help="A step of the plan, as `case show` lists it."),
    attempt: int = typer.Option(1, "--attempt", min=1, max=20, help="A further one follows one that came to nothing."),
    who: As = "",
    server: Server = "",
) -> None:
    """Carry out one step of the plan through its connector."""

    async def work(session: Session) -> None:
        plan = (await _shown(session, tenant_id, case_id)).case.plan
        request = write.DispatchActionRequest(
            tenant_id=tenant_id, case_id=case_id, plan_id=plan.plan_id, step_id=step_id, attempt=attempt
        )
        answer = await session.ask(request, write.DispatchActionResponse)
        say(answer.action_id)
        if answer.rehearsed:
            say("This was a REHEARSAL: nothing was sent and nothing took effect.")

    call(work, who, server)


@actions.command("list")
def list_actions(
    tenants: TenantsOption = None,
    case_id: str = typer.Option("", "--case", metavar="CASE", help="Only of this case."),
    status: str = typer.Option("", "--status", help="verified, lost, …"),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Every action with the position of the validation that it rests on."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        wanted = value_or_none(pb.ActionStatus, status, what="status")
        request = read.ListActionsRequest(tenant_ids=tenants, case_id=case_id or None, status=wanted, at_position=then)
        found = await every(session, request, read.ListActionsResponse)
        if as_json:
            show_json(found)
        else:
            show_actions(found.actions)

    call(work, who, server)


@actions.command("verify")
def verify(
    tenant_id: TenantOption,
    action_id: str = Action,
    observation: str = typer.Option(..., "--observation", help="What was seen. Sealed."),
    path: str = typer.Option("console", "--path", help="How it was seen: telemetry, console, …"),
    effective: bool = typer.Option(True, "--effective/--not-effective", help="Whether it showed the effect."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Record what an observation by another way than the receiver's reply showed."""

    async def work(session: Session) -> None:
        request = write.VerifyActionRequest(
            tenant_id=tenant(tenant_id),
            action_id=action_id,
            effective=effective,
            path=path,
            observation=common.EvidenceInput(label=label(tlp), summary=observation),
        )
        await session.ask(request, write.VerifyActionResponse)
        say("Recorded.")

    call(work, who, server)


@actions.command("reverse")
def reverse(
    tenant_id: TenantOption,
    action_id: str = Action,
    attempt: int = typer.Option(1, "--attempt", min=1, max=20, help="A further one follows one that came to nothing."),
    who: As = "",
    server: Server = "",
) -> None:
    """End an action's effect by its reverse."""

    async def work(session: Session) -> None:
        request = write.ReverseActionRequest(tenant_id=tenant(tenant_id), action_id=action_id, attempt=attempt)
        say((await session.ask(request, write.ReverseActionResponse)).action_id)

    call(work, who, server)
