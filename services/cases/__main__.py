"""`python -m services.cases serve`"""

import sys

from infra.hosting import run_service
from services.cases.wiring import SERVICE, start

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, start))
