"""The options that every command has, and the session that they lead to."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from contracts.ids import is_tenant_id
from infra.cli.credentials import API_KEY_VARIABLE, TOKEN_VARIABLE, LocalTokens, fixed_api_key, fixed_token
from infra.cli.memory import Memory
from infra.cli.problems import Problem, UsageProblem, run
from infra.cli.session import Session
from infra.cli.short_identifiers import ShorthandSession
from infra.cli.system import read_settings, running_settings
from infra.grpc.channel import Authorization
from infra.grpc.tls import channel_credentials
from infra.runtime.programs import ISSUER
from infra.runtime.settings import SERVICES, Settings
from infra.runtime.status import SystemStatus, read_status

ENDPOINTS_VARIABLE = "TENET_ENDPOINTS"

As = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are, at the local issuer of trials.")]
Server = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="NAME=HOST:PORT ...",
        help="Addresses of the services, or one HOST:PORT for all; else TENET_ENDPOINTS, else what runs here.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print what a program can read.")]
TenantOption = Annotated[str, typer.Option("--tenant", "-t", metavar="TENANT", help="The customer's identifier.")]
TenantsOption = Annotated[
    list[str] | None,
    typer.Option("--tenant", "-t", metavar="TENANT", help="Only this one, repeat it for more; else all you may see."),
]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the services are, what was heard of their ledgers, and the local issuer with its secret, if any."""

    addresses: dict[str, str]
    memory: Memory
    issuer: str | None = None
    issuer_dir: Path | None = None


def call(work: Callable[[Session], Coroutine[Any, Any, None]], who: str = "", server: str = "") -> None:
    """Runs a command's work with a session. The ends of the program are those of `problems.run`."""

    async def connected() -> None:
        async with session(who, server) as opened:
            await work(opened)

    run(connected)


@asynccontextmanager
async def session(who: str, server: str) -> AsyncIterator[Session]:
    """Raises Problem."""
    settings = read_settings()
    reach = find(settings, server)
    credentials = channel_credentials(settings)
    positions = reach.memory.recall()
    authorization = authorization_of(who, reach)
    async with ShorthandSession(reach.addresses, authorization, positions, credentials=credentials) as opened:
        try:
            yield opened
        finally:
            reach.memory.keep(positions)


def find(settings: Settings, server: str = "") -> Reach:
    """The services that the option or the environment names, else those that run on this state directory.

    Where nothing runs on it, a demonstration that was reopened by `./tenet up --demo` is taken. Raises Problem.
    """
    found = running_settings(settings)
    status = read_status(found.run_dir)
    named = server or os.environ.get(ENDPOINTS_VARIABLE, "")
    addresses = endpoints(named) if named else dict(settings.services) or addresses_of(status)
    if not addresses:
        raise Problem(
            "NOTHING_RUNS",
            f"No Tenet runs on {settings.state}.",
            hint="./tenet up starts it, ./tenet up --demo reopens the demonstration; --server names one elsewhere.",
        )
    # Without a supervisor, as in containers, the settings say where the local issuer is.
    issuer = status.address_of(ISSUER) if status else urlsplit(settings.issuer_url or "").netloc or None
    system = f"{sorted(addresses.items())} {'' if named or status is None else status.started_at}"
    return Reach(addresses, Memory(found.state, system), issuer, found.issuer_dir)


def addresses_of(status: SystemStatus | None) -> dict[str, str]:
    if status is None:
        return {}
    return {name: address for name in SERVICES if (address := status.address_of(name))}


def endpoints(text: str) -> dict[str, str]:
    """`host:port` for all services, or `name=host:port` pairs. Raises UsageProblem."""
    words = text.split()
    if len(words) == 1 and "=" not in words[0]:
        return dict.fromkeys(SERVICES, words[0])
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, _, address in pairs if name not in SERVICES or ":" not in address]:
        raise UsageProblem(f"{wrong[0]!r} is no service with an address.", hint=f"services are {', '.join(SERVICES)}.")
    return {name: address for name, _, address in pairs}


def authorization_of(who: str, reach: Reach) -> Authorization | None:
    """Raises Problem when a name is given and no local issuer is there."""
    if who:
        if reach.issuer is None or reach.issuer_dir is None:
            raise Problem("NO_LOCAL_ISSUER", "`--as` needs the local issuer of a system that runs on this machine.")
        return LocalTokens(reach.issuer, reach.issuer_dir, who)
    if token := os.environ.get(TOKEN_VARIABLE):
        return fixed_token(token)
    if credential := os.environ.get(API_KEY_VARIABLE):
        return fixed_api_key(credential)
    return None


def tenant(text: str) -> str:
    """Raises UsageProblem for what is no tenant's identifier."""
    if not is_tenant_id(text):
        raise UsageProblem(f"{text!r} is not a tenant's identifier.", hint="an example is `clinic`.")
    return text
