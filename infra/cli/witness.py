"""`tenet witness`: a witness that a customer or an auditor runs, so that nobody can show two histories of one log."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

from contracts.errors import TenetError
from infra.transparency.notes import Verifier
from infra.transparency.witness import Witness

DEFAULT_PORT = 7490
EXIT_MISCONFIGURED = 78


def witness(
    state: Annotated[Path, typer.Option(help="Directory for the witness's key and what it has cosigned.")],
    name: Annotated[str, typer.Option(help="The witness's own name, such as witness.clinic.example.")],
    logs: Annotated[list[str], typer.Option("--log", help="Verifier key of a log to follow; may be repeated.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = DEFAULT_PORT,
) -> None:
    """Cosign a log's checkpoints as long as each extends the one before (C2SP tlog-witness)."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        serving = Witness(state, name, [Verifier.parse(each) for each in logs])
    except TenetError as error:
        typer.echo(f"{error.reason}: {error.message}", err=True)
        raise typer.Exit(EXIT_MISCONFIGURED) from error
    asyncio.run(_serve(serving, host, port))


async def _serve(serving: Witness, host: str, port: int) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(serving.application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        typer.echo(f"verifier key  {serving.verifier.encode()}")
        typer.echo(f"listening on  http://{address[0]}:{address[1]}/add-checkpoint")
        await stopped.wait()
    finally:
        await runner.cleanup()
