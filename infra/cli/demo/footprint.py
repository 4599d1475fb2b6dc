"""How much memory the whole system takes, by the kernel's account."""

import os
from pathlib import Path

PROC = Path("/proc")
KIB = 1024


def resident_bytes(root: int | None = None) -> int:
    """Memory of a process and all that it started, in bytes: pages that several share are counted once (PSS)."""
    return sum(_proportional_bytes(pid) for pid in _family(os.getpid() if root is None else root))


def _family(root: int) -> set[int]:
    parents = {pid: parent for pid in _processes() if (parent := _parent(pid)) is not None}
    family = {root}
    while True:
        grown = family | {pid for pid, parent in parents.items() if parent in family}
        if grown == family:
            return family
        family = grown


def _processes() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program's name, in brackets, may hold spaces and brackets of its own.
    return int(stat.rpartition(")")[2].split()[1])


def _proportional_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith("Pss:")), 0)
