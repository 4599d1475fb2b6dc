"""The checkout's own files, without what is generated, installed or left by runs."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.runtime.settings import CHECKOUT, SERVICES

GENERATED = CHECKOUT / "contracts" / "gen"
SERVICE_NAMES = SERVICES
_LEFT_OUT = {"__pycache__", "node_modules", "build", "dist"}
_HIDDEN_BUT_OURS = {".ci"}


@cache
def own_files() -> tuple[Path, ...]:
    return tuple(sorted(_walk()))


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders of the checkout, or all."""
    roots = [CHECKOUT / folder for folder in folders] or [CHECKOUT]
    return [path for path in own_files() if path.suffix == ".py" and any(root in path.parents for root in roots)]


def shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def _walk() -> Iterator[Path]:
    for directory, folders, names in os.walk(CHECKOUT):
        here = Path(directory)
        folders[:] = [
            name
            for name in folders
            if name not in _LEFT_OUT
            and (not name.startswith(".") or name in _HIDDEN_BUT_OURS)
            and here / name != GENERATED
            and not name.endswith(".egg-info")
        ]
        yield from (here / name for name in names)
