"""Other engines that run Sigma rules, over the same rules and events; each is skipped when it is not here.

A variable of the environment holds the command of each, in which `{rules}` stands for a directory of rules and
`{events}` for a file of JSON lines.
"""

import gc
import os
import resource
import shlex
import subprocess
from pathlib import Path
from zipfile import ZipFile

from benchmarks.sigma_events import recorded

PEERS = {"Zircolite": "TENET_ZIRCOLITE", "rsigma": "TENET_RSIGMA"}
PEER_SECONDS = 600


def rate(name: str, shared: Path, room: Path) -> float | None:
    """Events of a peer in a second of processor time, without what a single one takes; None when it is not here."""
    command = os.environ.get(PEERS[name])
    if not command:
        return None
    rules, events, one = _rules(shared, room), room / "events.jsonl", room / "one.jsonl"
    lines = recorded(shared)
    for path, content in ((events, lines), (one, lines[:1])):
        path.write_bytes(b"".join(line + b"\n" for line in content))
    loading, all_of_it = (
        _seconds([part.format(rules=rules, events=path) for part in shlex.split(command)]) for path in (one, events)
    )
    return len(lines) / (all_of_it - loading)


def quieten_the_collector() -> None:
    """Thousands of rules stay for good; as in the service, no collection of garbage has to look through them."""
    gc.collect()
    gc.freeze()


def highest_memory() -> float:
    """The most that this process has had resident, in mebibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _rules(shared: Path, room: Path) -> Path:
    directory = room / "unpacked"
    if not directory.exists():
        with ZipFile(shared / "sigma" / "rules.zip") as archive:
            archive.extractall(directory)
    return directory


def _seconds(command: list[str]) -> float:
    """Of processor time, so that a program of several threads is compared by the core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PEER_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
