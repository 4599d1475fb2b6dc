"""What one command hears of ledgers, kept for the next, so that a command reads what the one before it wrote.

Views lag a little behind the ledger. Each read asks for a view that has come at least as far as the caller knows the
ledger to be (`Session`), and this file carries that knowledge from one `./tenet` to the next. It is no record: whoever
cannot write it, or loses it, only waits less.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from infra.cli.session import Positions
from infra.runtime.state_directory import make_state_directory

KEPT_SECONDS = 60.0
"""How long a position is carried on: longer than views lag, and soon over where a system was made anew."""
MAX_KEPT = 1_000
"""Most tenants whose positions are kept; those heard of last."""


class Memory:
    """The positions heard of one system. `system` tells it from others, and from itself before it was started anew."""

    def __init__(self, state: Path, system: str) -> None:
        name = hashlib.sha256(system.encode()).hexdigest()[:16]
        self._state, self._path = state, state / "cli" / f"heard-{name}.json"
        self._recalled: dict[str, tuple[int, float]] = {}

    def recall(self) -> Positions:
        """The positions that were heard of lately; none where nothing, or nothing readable, is kept."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            oldest = time.time() - KEPT_SECONDS
            self._recalled = {
                str(tenant_id): (int(position), float(heard_at))
                for tenant_id, (position, heard_at) in dict(kept).items()
                if float(heard_at) >= oldest
            }
        return Positions({tenant_id: position for tenant_id, (position, _) in self._recalled.items()})

    def keep(self, positions: Mapping[str, int]) -> None:
        """Keeps what is new in them. Of two commands that end at once one may be forgotten, which costs no truth."""
        now = time.time()
        heard = {
            tenant_id: (position, now)
            for tenant_id, position in positions.items()
            if position > self._recalled.get(tenant_id, (-1, now))[0]
        }
        if not heard:
            return
        latest = sorted((self._recalled | heard).items(), key=lambda each: each[1][1])[-MAX_KEPT:]
        making = self._path.with_name(f".{self._path.name}-{os.getpid()}")
        with contextlib.suppress(OSError):
            make_state_directory(self._state)
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            making.write_text(json.dumps(dict(latest)), encoding="utf-8")
            making.replace(self._path)
            for other in self._path.parent.glob("heard-*.json"):
                if other.stat().st_mtime < now - KEPT_SECONDS:
                    other.unlink()
