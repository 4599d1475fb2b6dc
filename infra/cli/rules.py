"""`tenet rules …`: packs of Sigma rules, single rules, and rules over files without a server.

The detections service knows how a rule is run; `match`, `test` and `check` become its program, so that what they print
is what the service would find.
"""

from pathlib import Path

import typer
from tenet.detections.v1 import detections_admin_pb2 as admin
from tenet.detections.v1 import detections_read_pb2 as read

from infra.cli import rule_exceptions, rule_pages, rule_publishers
from infra.cli.becoming import become
from infra.cli.connection import As, Json, Server, call
from infra.cli.output import plain, say, show_json, show_table
from infra.cli.packs import pack_of
from infra.cli.paging import every
from infra.cli.problems import UsageProblem
from infra.cli.rule_publishers import signature_of, signed_by
from infra.cli.session import Session
from infra.cli.words import time_of

rules = typer.Typer(no_args_is_help=True, help="Sigma rules, and the packs that bring them.")
rule_pages.add_to(rules)
rule_exceptions.add_to(rules)
rule_publishers.add_to(rules)
Why = typer.Option("", "--reason", help="Why. Sealed, and shown with the life of each rule.")
PROGRAM = "services.detections"
JSON_LINES = "jsonl"
PUBLISHED = "rules.zip"


@rules.command("import")
def import_pack(
    path: Path = typer.Argument(..., metavar="PATH", help="A zip of Sigma rules, or a directory with them."),
    name: str = typer.Option(
        "", "--name", help="The pack's name, else the file's; a later import under it is its next version."
    ),
    deploy_it: bool = typer.Option(False, "--deploy", help="Put it to work at once."),
    signature: Path | None = typer.Option(
        None, "--signature", metavar="FILE", help="Its publisher's signature, as `rules sign` makes it."
    ),
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Keep a rule pack as published, and say which of its rules compile."""

    async def work(session: Session) -> None:
        request = admin.ImportRulePackRequest(
            name=name or path.stem,
            archive=pack_of(path),
            reason=reason,
            signature=signature_of(signature) if signature else b"",
        )
        imported = await session.ask(request, admin.ImportRulePackResponse, deadline=300)
        pack = imported.rule_pack
        say(f"{pack.pack_id}: {pack.rules} rules compile, {pack.failed_total} do not; {signed_by(pack.signer)}.")
        for failed in pack.failed:
            say(f"  {failed.path}: {failed.reason}")
        if pack.failed_total > len(pack.failed):
            say(f"  … and {pack.failed_total - len(pack.failed)} more")
        if imported.rules_passed or imported.failing_rule_ids:
            say(f"{imported.rules_passed} rules hold their own tests.")
        for rule_id in imported.failing_rule_ids:
            say(f"  {rule_id} fails tests of its own; `tenet rules show {rule_id}` names them.")
        if deploy_it:
            deployed = admin.DeployRulePackRequest(pack_id=pack.pack_id, reason=reason)
            await session.ask(deployed, admin.DeployRulePackResponse)
            say("Deployed.")

    call(work, who, server)


@rules.command("deploy")
def deploy(
    pack_id: str = typer.Argument(..., metavar="PACK", help="An identifier of `rules packs`."),
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Put an imported pack to work for all tenants, in place of the one of that name."""

    async def work(session: Session) -> None:
        request = admin.DeployRulePackRequest(pack_id=pack_id, reason=reason)
        await session.ask(request, admin.DeployRulePackResponse)
        say("Deployed.")

    call(work, who, server)


@rules.command("packs")
def list_packs(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Rule packs."""

    async def work(session: Session) -> None:
        found = await every(session, read.ListRulePacksRequest(), read.ListRulePacksResponse)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("name", "rules>", "fail>", "signature", "deployed", "imported", "pack!"),
            [
                (
                    p.name,
                    p.rules,
                    p.failed_total,
                    signed_by(p.signer),
                    time_of(p.deployed_at) or "no",
                    time_of(p.imported_at),
                    p.pack_id,
                )
                for p in found.rule_packs
            ],
            empty="No rule pack.",
        )

    call(work, who, server)


@rules.command("match")
def match(
    rules_path: Path = typer.Option(..., "--rules", metavar="PATH", help="A zip of Sigma rules, a directory, a rule."),
    events: Path = typer.Option(
        ..., "--events", metavar="FILE", help="One record a line; .gz, .zst, .zip; - reads on."
    ),
    stated: str = typer.Option(JSON_LINES, "--format", help="How the file is written: jsonl."),
) -> None:
    """Print the number of each line, from 0, with each rule that matches it. Rules that do not run are named."""
    if stated != JSON_LINES:
        raise UsageProblem(f"{stated!r} is no format of this command; it reads {JSON_LINES}.")
    become(PROGRAM, "match", "--rules", str(rules_path), "--events", str(events))


@rules.command("test")
def try_pairs(
    folder: Path = typer.Argument(..., metavar="DIR", help="Folders with info.yml and recordings, or a zip of them."),
    rules_path: Path | None = typer.Option(
        None, "--rules", metavar="PATH", help=f"The rules; {PUBLISHED} beside DIR when left out."
    ),
) -> None:
    """Try recorded pairs of rule and telemetry; fails when a rule does not match what it must."""
    found = rules_path or folder.resolve().parent / PUBLISHED
    if not found.exists():
        raise UsageProblem(f"{found} is not there.", hint="name the rules with --rules PATH.")
    become(PROGRAM, "test", str(folder), "--rules", str(found))


@rules.command("check")
def check(
    path: Path = typer.Argument(..., metavar="PATH", help="A zip of Sigma rules, a directory, a rule."),
) -> None:
    """Run the tests that stand within rules; fails when a rule does not run, or does not hold its own."""
    become(PROGRAM, "check", str(path))
