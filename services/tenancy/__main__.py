"""`python -m services.tenancy serve` runs the service; `… bootstrap` prepares the provider's ledger and ends."""

import asyncio
import sys

import structlog

from contracts.errors import TenetError
from infra.hosting import run_service
from infra.hosting.serving import EXIT_REFUSED
from infra.runtime.settings import Settings
from infra.telemetry import configure
from services.tenancy import wiring
from services.tenancy.domain.errors import AlreadyBootstrapped

log = structlog.get_logger()


def bootstrap() -> int:
    """In a ledger that has administrators already it changes nothing, and that is no failure."""
    settings = Settings.from_env()
    telemetry = configure(wiring.SERVICE, settings)
    try:
        log.info("provider_bootstrapped", principal_id=asyncio.run(wiring.bootstrap(settings)))
    except AlreadyBootstrapped as known:
        log.info("provider_bootstrapped_before", reason=known.reason)
    except TenetError as error:
        log.error("provider_not_bootstrapped", reason=error.reason, detail=error.message)  # noqa: TRY400  # Reason says it all.
        return EXIT_REFUSED
    finally:
        telemetry.close()
    return 0


if __name__ == "__main__":
    sys.exit(bootstrap() if sys.argv[1:] == ["bootstrap"] else run_service(wiring.SERVICE, wiring.start))
