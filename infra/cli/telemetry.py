"""`tenet ingest` and `tenet rules …`: telemetry in, and the rules that judge it."""

from pathlib import Path

import typer
from tenet.detections.v1 import detections_admin_pb2 as admin
from tenet.detections.v1 import detections_read_pb2 as read

from infra.cli.batches import Format, batches_of, expand
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.ingesting import Totals, send_batches
from infra.cli.output import console, plain, say, show_json, show_table
from infra.cli.packs import pack_of
from infra.cli.paging import every
from infra.cli.progress import files_progress
from infra.cli.session import Session
from infra.cli.words import time_of

rules = typer.Typer(no_args_is_help=True, help="Sigma rule packs.")
UNNAMED_SENSOR = "cli"


def ingest(
    tenant_id: TenantOption,
    paths: list[Path] = typer.Argument(..., metavar="PATH...", help="Files, .gz, .zip, directories."),
    stated: Format = typer.Option(Format.AUTOMATIC, "--format", help="How they are written."),
    sensor: str = typer.Option(UNNAMED_SENSOR, "--sensor", help="The sensor that they are from, as registered."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Send telemetry. Sending the same again changes nothing."""

    async def work(session: Session) -> None:
        files, totals = expand(paths), Totals()
        with files_progress(console(), [] if as_json else files) as taken:
            await send_batches(session, tenant(tenant_id), sensor, batches_of(files), stated, totals, taken)
        if as_json:
            show_json(
                {
                    "batches": totals.batches,
                    "records": totals.records,
                    "accepted": totals.accepted,
                    "repeated": totals.repeated,
                    "skewed": totals.skewed,
                    "put_aside": dict(totals.put_aside),
                    "raised": totals.raised,
                    "joined": totals.joined,
                }
            )
        else:
            say(totals.sentence() + ".")

    call(work, who, server)


@rules.command("import")
def import_pack(
    path: Path = typer.Argument(..., metavar="PATH", help="A zip of Sigma rules, or a directory with them."),
    name: str = typer.Option(..., "--name", help="The pack's name; a later import under it is its next version."),
    deploy_it: bool = typer.Option(False, "--deploy", help="Put it to work at once."),
    who: As = "",
    server: Server = "",
) -> None:
    """Keep a rule pack as published, and say which of its rules compile."""

    async def work(session: Session) -> None:
        request = admin.ImportRulePackRequest(name=name, archive=pack_of(path))
        pack = (await session.ask(request, admin.ImportRulePackResponse, deadline=300)).rule_pack
        say(f"{pack.pack_id}: {pack.rules} rules compile, {pack.failed_total} do not.")
        for failed in pack.failed:
            say(f"  {failed.path}: {failed.reason}")
        if pack.failed_total > len(pack.failed):
            say(f"  … and {pack.failed_total - len(pack.failed)} more")
        if deploy_it:
            await session.ask(admin.DeployRulePackRequest(pack_id=pack.pack_id), admin.DeployRulePackResponse)
            say("Deployed.")

    call(work, who, server)


@rules.command("deploy")
def deploy(pack_id: str = typer.Argument(..., metavar="PACK"), who: As = "", server: Server = "") -> None:
    """Put an imported pack to work for all tenants, in place of the one of that name."""

    async def work(session: Session) -> None:
        await session.ask(admin.DeployRulePackRequest(pack_id=pack_id), admin.DeployRulePackResponse)
        say("Deployed.")

    call(work, who, server)


@rules.command("list")
def list_packs(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Rule packs."""

    async def work(session: Session) -> None:
        found = await every(session, read.ListRulePacksRequest(), read.ListRulePacksResponse)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("name", "rules>", "fail>", "deployed", "imported", "pack!"),
            [
                (p.name, p.rules, p.failed_total, time_of(p.deployed_at) or "no", time_of(p.imported_at), p.pack_id)
                for p in found.rule_packs
            ],
            empty="No rule pack.",
        )

    call(work, who, server)
