"""Other engines that run Sigma rules, over the same rules and events; each is skipped when it is not here."""

import gc
import os
import resource
import shlex
import subprocess
import time
from pathlib import Path
from zipfile import ZipFile

from benchmarks.sigma_events import recorded

PEER_SECONDS = 600


def rsigma(shared: Path, room: Path) -> float | None:
    """Events a second of the program that `TENET_RSIGMA` names (rsigma 0.23, `rsigma engine eval`), without loading."""
    program = os.environ.get("TENET_RSIGMA")
    if not program:
        return None
    rules, events = _rules(shared, room), _events(shared, room)
    one = room / "one.jsonl"
    one.write_bytes(events.read_bytes().partition(b"\n")[0] + b"\n")
    command = [program, *shlex.split(os.environ.get("TENET_RSIGMA_ARGUMENTS", "engine eval")), "--rules", str(rules)]
    idle = _seconds([*command, "--event", f"@{one}"])
    return len(recorded(shared)) / (_seconds([*command, "--event", f"@{events}"]) - idle)


def zircolite(shared: Path, room: Path) -> float | None:
    """Events a second of the command `TENET_ZIRCOLITE`, to which rules (converted by itself) and events are added."""
    command = os.environ.get("TENET_ZIRCOLITE")
    if not command:
        return None
    rules, events = _rules(shared, room), _events(shared, room)
    arguments = ["--ruleset", str(rules), "--events", str(events), "--jsonl", "--outfile", str(room / "found.json")]
    return len(recorded(shared)) / _seconds([*shlex.split(command), *arguments])


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


def _events(shared: Path, room: Path) -> Path:
    path = room / "events.jsonl"
    if not path.exists():
        path.write_bytes(b"".join(line + b"\n" for line in recorded(shared)))
    return path


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PEER_SECONDS)
    return time.perf_counter() - started
