"""Makes the directories that a system keeps its state in, closed to other accounts."""

import os
from pathlib import Path


def make_state_directory(path: Path) -> None:
    """The directory itself: others may pass through it only where root's PostgreSQL has to, and list it nowhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
