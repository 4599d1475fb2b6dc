"""Where the demonstration keeps its data, and its beginning anew."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.cli.problems import Problem
from infra.runtime.settings import Settings
from infra.runtime.status import supervisor_pid


def demo_settings(settings: Settings) -> Settings:
    """The same settings on the demonstration's own state directory, at free ports that it keeps when it is reopened.

    Ports are its own, so that it runs beside a system that is in use.
    """
    update: Mapping[str, object] = {"state": settings.demo_state, "base_port": 0, "ports": {}}
    return settings.model_copy(update=update)


def make_fresh(settings: Settings) -> bool:
    """Removes what an earlier demonstration left; says whether there was any. Raises Problem when one runs."""
    state = settings.state
    if supervisor_pid(settings.run_dir) is not None:
        raise Problem(
            "ALREADY_RUNNING",
            f"A demonstration runs on {state}.",
            hint=f"TENET_STATE={state} ./tenet down stops it.",
        )
    if not state.exists():
        return False
    location = state / "postgres" / "location"
    if location.exists():
        # As root the cluster may lie outside: see infra/runtime/README.md.
        shutil.rmtree(Path(location.read_text(encoding="utf-8")), ignore_errors=True)
    shutil.rmtree(state)
    return True
