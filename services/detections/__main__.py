"""`python -m services.detections serve`"""

import sys

from infra.hosting import run_service
from services.detections.wiring import start

if __name__ == "__main__":
    sys.exit(run_service("detections", start))
