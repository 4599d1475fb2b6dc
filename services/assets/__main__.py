"""`python -m services.assets serve`"""

import sys

from infra.hosting import run_service
from services.assets.wiring import SERVICE, start

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, start))
