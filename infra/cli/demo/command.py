"""`tenet demo`: sets up, plays, reports, stops what it started."""

import asyncio
import contextlib
import shlex
import signal
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.connection import addresses_of
from infra.cli.demo import play, recorded
from infra.cli.demo.cast import CLINIC, CUSTOMERS
from infra.cli.demo.ending import AUDITOR, Figures, Published, figures, publish_all, suggestions
from infra.cli.demo.footprint import resident_bytes
from infra.cli.demo.proof import prove_and_tamper
from infra.cli.demo.stage import Place, Stage, StoryBroken
from infra.cli.demo.storage import demo_settings, make_fresh
from infra.cli.demo.terminal import Terminal
from infra.cli.output import table_of
from infra.cli.problems import EXIT_INTERRUPTED, Problem, run
from infra.cli.system import read_settings, starting
from infra.runtime.programs import ACTUATOR, ISSUER
from infra.runtime.settings import CHECKOUT, Settings
from infra.runtime.status import SystemStatus
from infra.runtime.supervisor import running_system

MIB = 1024 * 1024


def demo(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="With --from: further files of recorded telemetry.")
    ] = None,
    source: Annotated[
        list[Path] | None, typer.Option("--from", metavar="FILE", help="Play on recorded telemetry instead.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Say at the end how long it took and how much memory.")
    ] = False,
) -> None:
    """Play the manifesto's five examples on a system of its own, write the reports, and stop it again."""
    paths = [*(source or []), *(files or [])]
    if files and not source:
        raise typer.BadParameter("files go with --from", param_hint="FILE")
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise typer.BadParameter(f"{missing[0]} is not there", param_hint="--from")
    settings = demo_settings(read_settings())
    run(lambda: _interruptible(settings, paths, measure=measure))


async def _interruptible(settings: Settings, paths: list[Path], *, measure: bool) -> None:
    """Ctrl-C and SIGTERM end the play, and what was started with it."""
    playing = asyncio.ensure_future(_demo(settings, paths, measure=measure))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    try:
        await playing
    except asyncio.CancelledError:
        typer.echo("Interrupted; everything that was started is stopped.", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except StoryBroken as error:
        logs = settings.logs_dir
        raise Problem("DEMO_BROKEN", f"{error}.", hint=f"the logs are in {logs}.") from error


async def _demo(settings: Settings, paths: list[Path], *, measure: bool) -> None:
    terminal = Terminal()
    replaced = make_fresh(settings)
    kept = "the earlier demonstration there was replaced" if replaced else "fresh"
    terminal.out.print(f"Tenet demonstration. Its data: {shown(settings.state)} ({kept}).")
    async with system(settings, terminal) as place:
        ready = terminal.elapsed
        async with Stage(place, terminal) as stage:
            if paths:
                published, commands = await _recorded(stage, paths, settings)
            else:
                published, commands = await _examples(stage, terminal, settings)
            reports(terminal, published, settings)
            if published:
                await _proof(stage, terminal, published[-1 if paths else 0].tenant_id, settings)
        megabytes = resident_bytes() // MIB
        terminal.out.print()
        terminal.step("stopping")
    _look_yourself(terminal, commands)
    if measure:
        line = (
            f"Measured: ready after {ready:.1f} s, all done after {terminal.elapsed:.1f} s, {megabytes} MiB resident."
        )
        terminal.out.print(line)


@contextlib.asynccontextmanager
async def system(settings: Settings, terminal: Terminal) -> AsyncIterator[Place]:
    """The whole system with the reference actuator, for the length of the block."""
    with starting():
        async with running_system(settings, actuator=True, progress=terminal.step) as running:
            yield place_of(settings, running.status())


def place_of(settings: Settings, status: SystemStatus) -> Place:
    """Raises Problem when the issuer or the actuator does not run."""
    issuer, actuator = status.address_of(ISSUER), status.address_of(ACTUATOR)
    if issuer is None or actuator is None:
        raise Problem("NOT_A_DEMO", "The local issuer and the reference actuator have to run for this.")
    return Place(addresses_of(status), issuer, settings.issuer_dir, settings.secrets_dir, actuator)


async def _examples(
    stage: Stage, terminal: Terminal, settings: Settings
) -> tuple[list[Published], dict[str, list[list[str]]]]:
    await play.set_up(stage)
    played = await play.five_examples(stage)
    terminal.out.print()
    happened(terminal, [await figures(stage, customer.tenant_id) for customer in CUSTOMERS])
    published = await publish_all(stage, CUSTOMERS, settings.state / "reports")
    commands = await suggestions(played.cases[CLINIC.tenant_id][0], published, CLINIC)
    return published, commands


async def _recorded(
    stage: Stage, paths: list[Path], settings: Settings
) -> tuple[list[Published], dict[str, list[list[str]]]]:
    worked = await recorded.play(stage, paths)
    happened_at = await figures(stage, recorded.RECORDED.tenant_id)
    if isinstance(stage.audience, Terminal):
        stage.audience.out.print()
        happened(stage.audience, [happened_at])
    published = await publish_all(stage, [recorded.RECORDED], settings.state / "reports")
    if not worked:
        return published, {}
    return published, await suggestions(worked[0], published, recorded.RECORDED)


def happened(terminal: Terminal, rows: Iterable[Figures]) -> None:
    columns = ("tenant", "entries>", "detections judged>", "cases closed>", "actions verified>", "reversed>")
    table = table_of(
        (*columns, "notices>", "refusals>"),
        [
            (
                each.tenant_id,
                each.entries,
                f"{each.judged} of {each.detections}",
                f"{each.closed} of {each.cases}",
                f"{each.verified} of {each.dispatched}",
                each.reversed,
                each.notices,
                each.refusals,
            )
            for each in rows
        ],
        title="What happened, as read back from each tenant's own ledger",
    )
    terminal.out.print(table)


def reports(terminal: Terminal, published: Iterable[Published], settings: Settings) -> None:
    terminal.out.print()
    terminal.out.print(f"Reports, each as a page and as canonical JSON, in {shown(settings.state / 'reports')}:")
    for each in published:
        terminal.out.print(f"  {each.page.name}  {each.model.name}")


async def _proof(stage: Stage, terminal: Terminal, tenant_id: str, settings: Settings) -> None:
    """A bundle is valid without us; a copy of it with one altered byte is not, and the verifier says where."""
    proof = await prove_and_tamper(stage, AUDITOR, tenant_id, settings.state / "audit")
    terminal.out.print()
    terminal.out.print(f"Audit bundle of {tenant_id}, checked with no network, database or trust in the provider:")
    terminal.out.print(f"  ./tenet verify {shown(proof.bundle)}", soft_wrap=True)
    for line in proof.summary:
        terminal.out.print(f"    {line}")
    terminal.out.print(f"  ./tenet verify {shown(proof.altered)}", soft_wrap=True)
    terminal.out.print(f"    one byte altered; fails at position {proof.position}: {proof.failure}")


def _look_yourself(terminal: Terminal, commands: dict[str, list[list[str]]]) -> None:
    terminal.out.print(Text("Look for yourself", "bold"))
    terminal.out.print("  ./tenet up --demo        reopens it, in another terminal, until Ctrl-C")
    for person, lines in commands.items():
        terminal.out.print(f" as {person}:")
        for words in lines:
            # Never folded, so that it can be copied.
            terminal.out.print(f"  ./tenet {shlex.join(words)}", soft_wrap=True)


def shown(path: Path) -> str:
    """Relative to the checkout where it lies in it."""
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)
