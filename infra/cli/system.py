"""Commands about the system on this machine: up, status, down, migrate, test."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
import typer
from pydantic import ValidationError
from rich.text import Text

from contracts.errors import TenetError
from infra.cli.demo.storage import demo_settings
from infra.cli.output import say, show_table
from infra.cli.problems import Problem
from infra.runtime import supervisor
from infra.runtime.postgres_binaries import PostgresUnavailable
from infra.runtime.provider import ProviderNotPrepared
from infra.runtime.settings import CHECKOUT, Settings
from infra.runtime.status import AlreadyRunning, SystemStatus, read_status
from infra.runtime.supervisor import SystemFailed

EXIT_FAILED = 1
EXIT_NOT_RUNNING = 3
EXIT_DEGRADED = 4
EXIT_MISCONFIGURED = 78
_STYLE = {"ready": "green", "starting": "yellow", "restarting": "yellow", "degraded": "yellow"}


def system_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds the commands to the application, under a heading of its help."""
    for command in (up, status, down, migrate):
        app.command(rich_help_panel=panel)(command)
    app.command(
        rich_help_panel=panel,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    )(test)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Reopen the demonstration's state, with its actuator.")] = False,
) -> None:
    """Start everything and keep it running until Ctrl-C or `./tenet down`."""
    settings = read_settings()
    if demo:
        settings = demo_settings(settings)
        if not settings.state.exists():
            typer.echo(f"There is no demonstration in {settings.state}. ./tenet demo plays it first.", err=True)
            raise typer.Exit(EXIT_FAILED)
    _run(supervisor.run_until_stopped(settings, actuator=demo, progress=_say))


def status(
    json: Annotated[bool, typer.Option("--json", help="Print the status as JSON.")] = False,
) -> None:
    """Show what runs. Exit code 0: all of it; 3: nothing; 4: not all."""
    settings = running_settings(read_settings())
    found = read_status(settings.run_dir)
    if found is None:
        typer.echo(f"Nothing runs on {settings.state}. Start it with ./tenet up.")
        raise typer.Exit(EXIT_NOT_RUNNING)
    if json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _show(found)
    raise typer.Exit(0 if found.state == "ready" else EXIT_DEGRADED)


def down() -> None:
    """Stop the running system and wait until it is gone."""
    settings = running_settings(read_settings())
    stopped = _run(supervisor.down(settings))
    typer.echo("Stopped." if stopped else f"Nothing runs on {settings.state}.")


def migrate() -> None:
    """Create and upgrade all databases. Services must be down."""
    _run(supervisor.migrate(read_settings(), _say))


def test(context: typer.Context) -> None:
    """Run the test suite; further arguments go to pytest."""
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *context.args])


def running_settings(settings: Settings) -> Settings:
    """These settings, or the demonstration's where that runs and nothing else does."""
    demo = demo_settings(settings)
    return demo if read_status(settings.run_dir) is None and read_status(demo.run_dir) is not None else settings


def read_settings() -> Settings:
    """The settings of the environment; ends the program with the names of the variables that are wrong."""
    try:
        return Settings.from_env()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"TENET_{name}: {problem['msg']}", err=True)
        raise typer.Exit(EXIT_MISCONFIGURED) from error


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs it and turns every failure that a person can act on into its message and an exit code."""
    try:
        return asyncio.run(work)
    except (AlreadyRunning, PostgresUnavailable, ProviderNotPrepared, SystemFailed, TenetError, OSError) as error:
        typer.echo(str(error), err=True)
    except psycopg.Error as error:
        typer.echo(f"The database server refused: {error}", err=True)
    raise typer.Exit(EXIT_FAILED)


@contextmanager
def starting() -> Iterator[None]:
    """Turns whatever keeps a system from starting into a Problem."""
    try:
        yield
    except (AlreadyRunning, PostgresUnavailable, ProviderNotPrepared, SystemFailed) as error:
        raise Problem("NOT_STARTED", str(error)) from error
    except psycopg.Error as error:
        raise Problem("DATABASE_REFUSED", f"The database server refused: {error}") from error


_say: Callable[[str], None] = typer.echo


def _show(found: SystemStatus) -> None:
    say(f"Tenet is {found.state}; process {found.supervisor_pid}, state in {found.state_dir}")
    rows = [
        (
            each.name,
            Text(each.state, _STYLE.get(each.state, "red")),
            each.pid,
            each.address,
            each.metrics_address.rpartition(":")[2],
            each.restarts,
            f"{each.since:%H:%M:%S}Z",
            each.message or (f"HTTP {each.web_address}" if each.web_address else ""),
        )
        for each in found.processes
    ]
    show_table(("process", "state", "pid>", "address", "metrics>", "restarts>", "since", "note"), rows)
