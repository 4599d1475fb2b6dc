"""`tenet task …`, `tenet observable …`, `tenet evidence …`, and `tenet case content | scope | similar`."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import typer
from tenet.cases.v1 import cases_pb2 as cases
from tenet.cases.v1 import cases_work_pb2 as pb
from tenet.cases.v1 import cases_work_read_pb2 as read
from tenet.cases.v1 import cases_work_write_pb2 as write

from infra.cli.as_of import At, position_of
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.cli.words import label, moment, sealed, time_of, value_of, word

MAX_FILE_BYTES = 8 * 1024 * 1024

tasks = typer.Typer(no_args_is_help=True, help="What people still have to do in cases.")
observables = typer.Typer(no_args_is_help=True, help="Addresses, domains, hashes, accounts and hosts of an attack.")
evidence = typer.Typer(no_args_is_help=True, help="Evidence files, and whose hands they went through.")
Identifier = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more.")
Tlp = typer.Option("amber", "--tlp", help="The label under which it is shown.")


@tasks.command("list")
def list_tasks(
    tenants: TenantsOption = None,
    case_id: str = typer.Option("", "--case", metavar="CASE", help="Only of this case."),
    assignee: str = typer.Option("", "--assignee", metavar="PRINCIPAL", help="Who is to do it."),
    ended: bool = typer.Option(False, "--ended", help="Those that have ended as well."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Tasks over all cases, the earliest due first."""

    async def work(session: Session) -> None:
        request = read.ListTasksRequest(
            tenant_ids=tenants, case_id=case_id or None, assignee_principal_id=assignee or None, ended=ended
        )
        found = await every(session, request, read.ListTasksResponse)
        if as_json:
            show_json(found)
        else:
            _show_tasks(found.tasks)

    call(work, who, server)


@tasks.command("add")
def add_task(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    title: str = typer.Argument(..., metavar="TITLE", help="Sealed."),
    assignee: str = typer.Option("", "--assignee", metavar="PRINCIPAL", help="Who is to do it."),
    due: str = typer.Option("", "--due", help="A time, or a span such as 4h."),
    tlp: str = Tlp,
    who: As = "",
    server: Server = "",
) -> None:
    """Add something to do; the case is not closed while it is open."""

    async def work(session: Session) -> None:
        request = write.AddTaskRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            title=title,
            assignee_principal_id=assignee or None,
            due_at=moment(due) if due else None,
            label=label(tlp),
        )
        say((await session.ask(request, write.AddTaskResponse)).task_id)

    call(work, who, server)


@tasks.command("assign")
def assign_task(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    task_id: str = typer.Argument(..., metavar="TASK", help="An identifier of `task list`."),
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    who: As = "",
    server: Server = "",
) -> None:
    """Give a task to a person."""

    async def work(session: Session) -> None:
        request = write.AssignTaskRequest(
            tenant_id=tenant(tenant_id), case_id=case_id, task_id=task_id, principal_id=principal_id
        )
        await session.ask(request, write.AssignTaskResponse)
        say("Assigned.")

    call(work, who, server)


@tasks.command("complete")
def complete_task(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    task_id: str = typer.Argument(..., metavar="TASK", help="An identifier of `task list`."),
    result: str = typer.Option(..., "--result", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """A task is done."""

    async def work(session: Session) -> None:
        request = write.CompleteTaskRequest(
            tenant_id=tenant(tenant_id), case_id=case_id, task_id=task_id, result=result
        )
        await session.ask(request, write.CompleteTaskResponse)
        say("Completed.")

    call(work, who, server)


@tasks.command("drop")
def drop_task(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    task_id: str = typer.Argument(..., metavar="TASK", help="An identifier of `task list`."),
    reason: str = typer.Option(..., "--reason", help="Why it is not done. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """A task is not done after all."""

    async def work(session: Session) -> None:
        request = write.DropTaskRequest(tenant_id=tenant(tenant_id), case_id=case_id, task_id=task_id, reason=reason)
        await session.ask(request, write.DropTaskResponse)
        say("Dropped.")

    call(work, who, server)


@observables.command("add")
def add_observable(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    kind: str = typer.Argument(..., metavar="KIND", help="ip, domain, hash, account or host."),
    value: str = typer.Argument(..., metavar="VALUE", help="Sealed; found again by its blind index."),
    tlp: str = Tlp,
    who: As = "",
    server: Server = "",
) -> None:
    """Say that something belongs to the attack; other cases that have it are suggested."""

    async def work(session: Session) -> None:
        request = write.AddObservableRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            kind=value_of(pb.ObservableKind, kind, what="kind"),
            value=value,
            label=label(tlp),
        )
        say((await session.ask(request, write.AddObservableResponse)).observable_id)

    call(work, who, server)


@observables.command("remove")
def remove_observable(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    observable_id: str = typer.Argument(..., metavar="OBSERVABLE", help="An identifier of `case content`."),
    reason: str = typer.Option(..., "--reason", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """It does not belong here after all."""

    async def work(session: Session) -> None:
        request = write.RemoveObservableRequest(
            tenant_id=tenant(tenant_id), case_id=case_id, observable_id=observable_id, reason=reason
        )
        await session.ask(request, write.RemoveObservableResponse)
        say("Removed.")

    call(work, who, server)


@evidence.command("keep")
def keep(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    path: Path = typer.Argument(..., metavar="FILE", help="At most 8 MiB."),
    summary: str = typer.Option(..., "--summary", help="What it is. Sealed."),
    obtained_from: str = typer.Option(..., "--from", help="From whom or what, and how. Sealed."),
    tlp: str = Tlp,
    who: As = "",
    server: Server = "",
) -> None:
    """Keep a file as evidence; you have the custody."""
    if not path.is_file():
        raise UsageProblem(f"{path} is no file.")
    content = path.read_bytes()
    if not 0 < len(content) <= MAX_FILE_BYTES:
        raise UsageProblem(f"{path} has {len(content)} bytes; evidence has 1 to {MAX_FILE_BYTES}.")

    async def work(session: Session) -> None:
        request = write.KeepEvidenceFileRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            content=content,
            name=path.name,
            summary=summary,
            obtained_from=obtained_from,
            label=label(tlp),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        answer = await session.ask(request, write.KeepEvidenceFileResponse)
        say(f"{answer.evidence_id}, SHA-256 {answer.sha256}")

    call(work, who, server)


@evidence.command("transfer")
def transfer(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    evidence_id: str = typer.Argument(..., metavar="EVIDENCE", help="An identifier of `case content`."),
    to: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    place: str = typer.Option(..., "--place", help="Where it is from then on. Sealed."),
    reason: str = typer.Option(..., "--reason", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Hand the custody on."""

    async def work(session: Session) -> None:
        request = write.TransferCustodyRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            evidence_id=evidence_id,
            to_principal_id=to,
            place=place,
            reason=reason,
        )
        await session.ask(request, write.TransferCustodyResponse)
        say("Handed on.")

    call(work, who, server)


@evidence.command("copy")
def copy(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    evidence_id: str = typer.Argument(..., metavar="EVIDENCE", help="An identifier of `case content`."),
    to: Path = typer.Option(..., "--output", "-o", metavar="FILE", help="A file that is not there yet."),
    purpose: str = typer.Option(..., "--purpose", help="What for. Sealed, and on record."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take a copy of an evidence file; its hash is checked on both sides."""

    async def work(session: Session) -> None:
        request = write.CopyEvidenceRequest(
            tenant_id=tenant(tenant_id), case_id=case_id, evidence_id=evidence_id, purpose=purpose
        )
        answer = await session.ask(request, write.CopyEvidenceResponse)
        if hashlib.sha256(answer.content).hexdigest() != answer.sha256:
            raise Problem("EVIDENCE_ALTERED", "What arrived is not what was kept.")
        to.write_bytes(answer.content)
        say(f"{to}, SHA-256 {answer.sha256}")

    call(work, who, server)


def content(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Tasks, observables, evidence files and ATT&CK techniques of a case and of those worked in it."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.GetCaseContentRequest(tenant_id=tenant_id, case_id=case_id, at_position=then)
        answer = await session.ask(request, read.GetCaseContentResponse)
        if as_json:
            show_json(answer)
            return
        _show_tasks(answer.tasks)
        say("")
        show_table(
            ("kind", "value", "strong", "first seen", "observable!"),
            [
                (
                    word(pb.ObservableKind, each.kind),
                    sealed(each.value),
                    each.strong,
                    time_of(each.first_seen_at),
                    each.observable_id,
                )
                for each in answer.observables
            ],
            title="Observables",
            empty="No observable.",
        )
        say("")
        show_table(
            ("technique", "first seen", "last seen", "subjects>"),
            [
                (each.technique, time_of(each.first_seen_at), time_of(each.last_seen_at), len(each.subject_ids))
                for each in answer.techniques
            ],
            title="ATT&CK",
            empty="No technique.",
        )
        for file in answer.evidence_files:
            _show_file(file)

    call(work, who, server)


def scope(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Every asset of the tenant that shares an observable with the case."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.GetCaseScopeRequest(tenant_id=tenant_id, case_id=case_id, at_position=then)
        answer = await session.ask(request, read.GetCaseScopeResponse)
        if as_json:
            show_json(answer)
            return
        show_table(
            ("asset!", "in case", "registered", "shares"),
            [
                (
                    each.asset_id,
                    each.in_case,
                    each.registered,
                    ", ".join(sealed(one.value) for one in each.observables),
                )
                for each in answer.assets
            ],
            empty="No asset shares an observable with this case.",
        )

    call(work, who, server)


def similar(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Cases of the same tenant that are alike, with what they share."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.ListSimilarCasesRequest(tenant_id=tenant_id, case_id=case_id, at_position=then)
        answer = await session.ask(request, read.ListSimilarCasesResponse)
        if as_json:
            show_json(answer)
            return
        show_table(
            ("score>", "case!", "status", "title", "shares"),
            [
                (
                    each.score,
                    each.case_id,
                    f"{word(cases.CaseStatus, each.status)} {each.outcome}".strip(),
                    sealed(each.title),
                    "; ".join(_shared(one) for one in each.shared),
                )
                for each in answer.cases
            ],
            empty="No case is alike.",
        )

    call(work, who, server)


def _show_tasks(found: Iterable[pb.Task]) -> None:
    show_table(
        ("task!", "title", "status", "assignee", "due", "case!"),
        [
            (
                each.task_id,
                sealed(each.title),
                word(pb.TaskStatus, each.status),
                each.assignee_principal_id,
                time_of(each.due_at),
                each.case_id,
            )
            for each in found
        ],
        title="Tasks",
        empty="No task.",
    )


def _show_file(file: pb.EvidenceFile) -> None:
    say(f"{sealed(file.name)}: {sealed(file.evidence.summary)}, {file.size} bytes, SHA-256 {file.evidence.sha256}")
    show_table(
        ("when", "what", "by", "to", "why", "place"),
        [
            (
                time_of(entry.stamp.recorded_at),
                word(pb.EvidenceHandling, entry.handling),
                entry.stamp.actor.id,
                entry.to_principal_id,
                sealed(entry.words),
                sealed(entry.place),
            )
            for entry in file.chain
        ],
        title=file.evidence.id,
    )


def _shared(mark: pb.SharedMark) -> str:
    kind = word(pb.ObservableKind, mark.observable.kind) or mark.kind
    return f"{kind} {mark.id or sealed(mark.observable.value)} (+{mark.weight})"
