"""`python -m services.ledger serve` runs the service; `… open-restored TENANT [CHECKPOINT…]` opens a restored ledger.

The second is for whoever runs the servers, after a ledger that was closed because it contradicted its log has been
restored from a backup. It changes nothing unless the whole ledger is what was signed of it.
"""

import asyncio
import sys
from pathlib import Path

import structlog

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.hosting import run_service
from infra.hosting.serving import EXIT_REFUSED
from infra.runtime.settings import Settings
from infra.telemetry import configure
from services.ledger import wiring

log = structlog.get_logger()


def open_restored(tenant_id: str, *held: str) -> int:
    settings = Settings.from_env()
    telemetry = configure(wiring.SERVICE, settings)
    try:
        checkpoints = [Path(each).read_bytes() for each in held]
        asyncio.run(wiring.open_restored(settings, TenantId(tenant_id), checkpoints))
    except (TenetError, OSError) as error:
        log.error("ledger_not_opened", tenant=tenant_id, detail=str(error))  # noqa: TRY400  # The message says it all.
        return EXIT_REFUSED
    finally:
        telemetry.close()
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["open-restored"] and sys.argv[2:]:
        sys.exit(open_restored(*sys.argv[2:]))
    sys.exit(run_service(wiring.SERVICE, wiring.start))
