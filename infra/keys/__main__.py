"""`python -m infra.keys rotate-master`: wraps every tenant's key under a new master key and destroys the old one.

It may run while the services do. Backups of the key directory that were made before need the old master, which is gone
from here: take a new backup, and let the old ones expire.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import structlog

from infra.keys.local import LocalKeyStore
from infra.runtime.settings import Settings
from infra.telemetry.logs import configure_logs

log = structlog.get_logger()


async def rotate_master(settings: Settings) -> None:
    """Raises KeysInsecure, KeyStoreUnavailable, KeyCorrupt."""
    store = await LocalKeyStore.open(settings.keys_dir)
    log.info("master_key_rotated", tenants=await store.rotate_master())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.keys", description=__doc__)
    parser.add_argument("command", choices=["rotate-master"])
    parser.parse_args(arguments)
    settings = Settings.from_env()
    configure_logs("keys", settings.log_level)
    asyncio.run(rotate_master(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
