"""Prepares the provider's own ledger before the services start: `python -m services.tenancy bootstrap`.

Infra knows no service, so this is a process, run with the tenancy service's own rights. It is repeated at every start
and changes nothing once the ledger holds an administrator.
"""

import asyncio
import os
import signal

from infra.runtime.databases import Databases
from infra.runtime.leash import leashed
from infra.runtime.programs import Ports, bootstrap_command, service_environment
from infra.runtime.settings import CHECKOUT, Settings

BOOTSTRAP_TIMEOUT_SECONDS = 60.0


class ProviderNotPrepared(Exception):
    """The provider's ledger could not be prepared; the message repeats what the command said."""


async def prepare_provider(settings: Settings, databases: Databases, ports: Ports) -> None:
    """Runs the command and waits for it. Raises ProviderNotPrepared, TimeoutError."""
    environment = {**os.environ, **service_environment(settings, databases, ports, "tenancy")}
    process = await asyncio.create_subprocess_exec(
        *leashed(bootstrap_command(), signal_number=signal.SIGKILL),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=CHECKOUT,
        env=environment,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), BOOTSTRAP_TIMEOUT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ProviderNotPrepared(f"The provider's ledger could not be prepared:\n{output.decode(errors='replace')}")
