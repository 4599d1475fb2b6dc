"""`tenet operations …` and `tenet access list`: what every service answers about itself, asked of all of them."""

from datetime import UTC

import typer
from tenet.operations.v1 import operations_pb2 as pb

from contracts.ids import TenantId
from infra.auth.access_log import AccessLogBroken, AccessRecord, verify_chain
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.cli.words import time_of, value_of, word
from infra.runtime.settings import SERVICES

MAX_RECORDS_ASKED = 1_000
"""Of one service's chain in one call."""

operations = typer.Typer(no_args_is_help=True, help="Work of the services that stopped and waits for an operator.")
access = typer.Typer(no_args_is_help=True, help="Who looked at what of a tenant, over all services.")


@operations.command("parked")
def parked(tenants: TenantsOption = None, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Projections, policies and timers that stopped at an event."""

    async def work(session: Session) -> None:
        request = pb.ListParkedWorkRequest(tenant_ids=tenants)
        found = [(name, await session.ask(request, pb.ListParkedWorkResponse, service=name)) for name in SERVICES]
        everything = pb.ListParkedWorkResponse(work=[each for _, answer in found for each in answer.work])
        if as_json:
            show_json(everything)
            return
        show_table(
            ("service", "tenant", "kind", "name", "at>", "reason", "detail"),
            [
                (
                    name,
                    each.tenant_id,
                    word(pb.WorkKind, each.kind),
                    each.name,
                    each.entry_position,
                    each.reason,
                    each.detail,
                )
                for name, answer in found
                for each in answer.work
            ],
            empty="Nothing is parked.",
        )

    call(work, who, server)


@operations.command("retry")
def retry(
    tenant_id: TenantOption,
    service: str = typer.Argument(..., metavar="SERVICE", help=", ".join(SERVICES)),
    kind: str = typer.Argument(..., metavar="KIND", help="projection, policy or timer."),
    name: str = typer.Argument(..., metavar="NAME", help="As `operations parked` shows it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Let what is parked try its event again."""

    async def work(session: Session) -> None:
        request = pb.RetryParkedWorkRequest(
            tenant_id=tenant(tenant_id), kind=value_of(pb.WorkKind, kind, what="kind"), name=name
        )
        answer = await session.ask(request, pb.RetryParkedWorkResponse, service=_service(service))
        say(f"{answer.retried} of it was parked and tries again.")

    call(work, who, server)


@operations.command("rebuild")
def rebuild(
    tenant_id: TenantOption,
    service: str = typer.Argument(..., metavar="SERVICE", help=", ".join(SERVICES)),
    projection: str = typer.Argument(..., metavar="VIEW", help="The read model's name."),
    who: As = "",
    server: Server = "",
) -> None:
    """Make a view of a tenant anew beside the one that is read."""

    async def work(session: Session) -> None:
        request = pb.RebuildProjectionRequest(tenant_id=tenant(tenant_id), projection=projection)
        await session.ask(request, pb.RebuildProjectionResponse, service=_service(service))
        say("It is being made; readers change over when it has caught up.")

    call(work, who, server)


@access.command("list")
def list_access(
    tenant_id: TenantOption,
    service: str = typer.Option("", "--service", help="Only this one's chain; else all, merged by time."),
    number: int = typer.Option(0, "--from", min=0, help="From this record of each chain on."),
    limit: int = typer.Option(100, "--limit", min=1, max=MAX_RECORDS_ASKED, help="Records of each chain."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Who asked for what of a tenant, each service's chain checked; refusals are under the tenant `provider`."""

    async def work(session: Session) -> None:
        asked = tenant(tenant_id)
        request = pb.ListAccessRecordsRequest(tenant_id=asked, from_number=number, limit=limit)
        merged: list[tuple[str, pb.AccessRecord]] = []
        for name in [_service(service)] if service else SERVICES:
            answer = await session.ask(request, pb.ListAccessRecordsResponse, service=name)
            _check(name, TenantId(asked), list(answer.records))
            merged += [(name, record) for record in answer.records]
        merged.sort(key=lambda each: each[1].first_at.ToNanoseconds())
        if as_json:
            show_json(pb.ListAccessRecordsResponse(records=[record for _, record in merged]))
            return
        show_table(
            ("from", "service", "no.>", "principal", "what", "purpose", "outcome", "times>"),
            [
                (
                    time_of(r.first_at),
                    name,
                    r.number,
                    r.principal_id,
                    r.subject.removeprefix("/tenet."),
                    r.purpose,
                    r.outcome,
                    r.times,
                )
                for name, r in merged
            ],
            empty="No record.",
        )

    call(work, who, server)


def _check(service: str, tenant_id: TenantId, records: list[pb.AccessRecord]) -> None:
    """Checks that the records follow each other as they were written. Raises Problem.

    Where they do not begin with the chain's first, what the first of them follows is believed.
    """
    try:
        verify_chain(
            [_record(tenant_id, record) for record in records],
            *([records[0].previous_hash] if records and records[0].number else []),
        )
    except AccessLogBroken as broken:
        raise Problem(broken.reason, f"The access log of {service} does not hold: {broken.message}") from broken


def _record(tenant_id: TenantId, record: pb.AccessRecord) -> AccessRecord:
    return AccessRecord(
        tenant_id,
        record.number,
        record.principal_id,
        record.subject,
        record.purpose,
        record.outcome,
        record.first_at.ToDatetime(UTC),
        record.last_at.ToDatetime(UTC),
        record.times,
        record.previous_hash,
        record.record_hash,
    )


def _service(name: str) -> str:
    """Raises UsageProblem for a name that no service has."""
    if name not in SERVICES:
        raise UsageProblem(f"There is no service {name}; there are {', '.join(SERVICES)}.")
    return name
