"""Starts one program of a service where nobody supervises it, as in a container: `python -m infra.runtime.start cases`.

    python -m infra.runtime.start SERVICE             serve
    python -m infra.runtime.start tenancy bootstrap   prepare the provider's ledger, and end

The program's logins are put together here, as the supervisor does it: `TENET_DATABASE_URL` and `TENET_CELL_SERVERS`
say where the servers are, without a name or password, and `<state>/secrets/` holds a file with the password of each
login that this program has: `tenet_<service>` and `tenet_projector`. `tenet migrate`, which alone is given an
administrator's way into the servers, makes the files where they are missing and sets the passwords that they hold.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from infra.runtime.databases import Databases
from infra.runtime.settings import METRICS_OFFSET, SERVICES, Settings

EXIT_MISUSED = 2


def main(arguments: list[str]) -> int:
    """Becomes the program; returns only when it was asked for nothing that there is."""
    service, *rest = arguments or [""]
    settings = Settings.from_env()
    if service not in SERVICES or rest not in ([], ["bootstrap"]) or (rest and service != "tenancy"):
        print(f"usage: python -m infra.runtime.start {'|'.join(SERVICES)} [bootstrap]", file=sys.stderr)
        return EXIT_MISUSED
    if settings.database_url is None:
        print("TENET_DATABASE_URL does not say where the database server is.", file=sys.stderr)
        return EXIT_MISUSED
    return become(service, rest or ["serve"], environment_of(settings, service, settings.database_url))


def become(service: str, arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """This process goes on as the service's, so that signals and the exit status are the service's own."""
    os.execve(sys.executable, [sys.executable, "-P", "-m", f"services.{service}", *arguments], environment)


def environment_of(settings: Settings, service: str, main_server: str) -> dict[str, str]:
    """The service's environment: its own logins, and its ports where the settings leave them open."""
    port = settings.grpc_port or settings.port_of(service)
    return {
        **os.environ,
        **Databases(settings, main_server).environment(service),
        "TENET_GRPC_PORT": str(port),
        "TENET_METRICS_PORT": str(settings.metrics_port or port + METRICS_OFFSET),
        "TENET_DATABASE_URL": "",
        "TENET_CELL_SERVERS": "",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
