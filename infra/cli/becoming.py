"""Commands that need no server: they go on as the program of the service that knows how."""

import os
import sys
from typing import NoReturn


def become(program: str, *arguments: str) -> NoReturn:
    """Goes on as a service's program, with this one's streams and its exit status."""
    sys.stdout.flush()
    # -P keeps a directory of the current one from being taken for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", program, *arguments])
