"""`tenet rules except …`: what a tenant does without, for a time or until it is enabled again."""

from collections.abc import Iterable

import typer
from tenet.detections.v1 import detections_rules_read_pb2 as read
from tenet.detections.v1 import detections_rules_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import moment, sealed, time_of

RuleId = typer.Argument(..., metavar="RULE", help="The rule's id.")
ExceptionId = typer.Argument(..., metavar="EXCEPTION", help="An identifier of `rules exceptions`.")
Why = typer.Option(..., "--reason", help="Why. Sealed.")
Until = typer.Option(..., "--until", help="When it ends by itself: a time, or a span such as 30d.")


def add_to(app: typer.Typer) -> None:
    app.command("except")(except_rule)
    app.command("renew")(renew)
    app.command("end")(end)
    app.command("disable")(disable)
    app.command("enable")(enable)
    app.command("exceptions")(list_exceptions)


def except_rule(
    tenant_id: TenantOption,
    rule_id: str = RuleId,
    until: str = Until,
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Let a rule raise nothing in one tenant for a time. What it keeps back is counted, and you answer for it."""

    async def work(session: Session) -> None:
        request = write.ExceptRuleRequest(
            tenant_id=tenant(tenant_id), rule_id=rule_id, expires_at=moment(until), reason=reason
        )
        say((await session.ask(request, write.ExceptRuleResponse)).exception_id)

    call(work, who, server)


def renew(
    tenant_id: TenantOption,
    exception_id: str = ExceptionId,
    until: str = Until,
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Give an exception that stands another end, and answer for it from here on."""

    async def work(session: Session) -> None:
        request = write.RenewRuleExceptionRequest(
            tenant_id=tenant(tenant_id), exception_id=exception_id, expires_at=moment(until), reason=reason
        )
        await session.ask(request, write.RenewRuleExceptionResponse)
        say("Renewed.")

    call(work, who, server)


def end(
    tenant_id: TenantOption,
    exception_id: str = ExceptionId,
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """End an exception before its time."""

    async def work(session: Session) -> None:
        request = write.EndRuleExceptionRequest(tenant_id=tenant(tenant_id), exception_id=exception_id, reason=reason)
        await session.ask(request, write.EndRuleExceptionResponse)
        say("Ended.")

    call(work, who, server)


def disable(
    tenant_id: TenantOption,
    rule_id: str = RuleId,
    until: str = typer.Option("", "--until", help="Left out: until somebody enables it."),
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Let a rule raise nothing in one tenant until it is enabled."""

    async def work(session: Session) -> None:
        request = write.DisableRuleRequest(
            tenant_id=tenant(tenant_id),
            rule_id=rule_id,
            expires_at=moment(until) if until else None,
            reason=reason,
        )
        say((await session.ask(request, write.DisableRuleResponse)).exception_id)

    call(work, who, server)


def enable(
    tenant_id: TenantOption, rule_id: str = RuleId, reason: str = Why, who: As = "", server: Server = ""
) -> None:
    """Let a disabled rule raise again."""

    async def work(session: Session) -> None:
        request = write.EnableRuleRequest(tenant_id=tenant(tenant_id), rule_id=rule_id, reason=reason)
        await session.ask(request, write.EnableRuleResponse)
        say("Enabled.")

    call(work, who, server)


def list_exceptions(
    tenants: TenantsOption = None,
    rule: str = typer.Option("", "--rule", help="Only of this rule."),
    ended: bool = typer.Option(False, "--ended", help="Also what is over, ended or enabled."),
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What tenants do without, until when, and how much it has kept from being raised."""

    async def work(session: Session) -> None:
        request = read.ListRuleExceptionsRequest(tenant_ids=tenants, rule_id=rule or None, include_ended=ended)
        found = await every(session, request, read.ListRuleExceptionsResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_exceptions(found.exceptions[:limit])

    call(work, who, server)


def show_exceptions(found: Iterable[read.RuleException]) -> None:
    show_table(
        ("tenant", "rule", "until", "kept back>", "owner", "why", "state", "exception!"),
        [
            (
                each.tenant_id,
                each.rule_id,
                time_of(each.expires_at) or "enabled",
                each.matches,
                each.owner_id,
                sealed(each.reason),
                _state(each),
                each.exception_id,
            )
            for each in found
        ],
        empty="No tenant does without a rule.",
    )


def _state(each: read.RuleException) -> str:
    if each.HasField("ended_position"):
        return "ended"
    if not each.standing:
        return "over"
    return "disabled" if each.disabled else "excepted"
