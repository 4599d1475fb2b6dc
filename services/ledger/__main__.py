"""`python -m services.ledger serve` runs the service."""

import sys

from infra.hosting import run_service
from services.ledger import wiring

if __name__ == "__main__":
    sys.exit(run_service(wiring.SERVICE, wiring.start))
