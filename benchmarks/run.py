"""All benchmarks one after another, their results into the README: `python -m benchmarks.run [--no-write] [NAME …]`.

Takes about five minutes on a machine that does nothing else, which is the only kind of machine to run it on.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import append, grpc_command, reading, tenants
from benchmarks.load import Figure, run

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- results: written by python -m benchmarks.run -->", "<!-- end of the results -->"
BENCHMARKS: dict[str, Callable[[], Coroutine[Any, Any, list[Figure]]]] = {
    "append": append.figures,
    "tenants": tenants.figures,
    "reading": reading.figures,
    "grpc_command": grpc_command.figures,
}


def table(figures: Sequence[Figure], taken: datetime, load: tuple[float, float]) -> str:
    """The results as Markdown. `load` is the one-minute load average before and after."""
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
    busy = f"load average {load[0]:.1f} before and {load[1]:.1f} after"
    lines = [
        f"{taken:%Y-%m-%d %H:%M} UTC, {machine}, {busy}. Bold: short of what is wanted.",
        "",
        "| what | wanted | measured | made of |",
        "|---|---|---|---|",
    ]
    for each in figures:
        bold = "" if each.met else "**"
        lines.append(f"| {each.what} | {each.goal} | {bold}{each.shown(each.measured)}{bold} | {each.detail} |")
    return "\n".join(lines)


def with_results(text: str, results: str) -> str:
    """The README with its results replaced. Raises ValueError when its marks are gone."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has lost the marks that its results stand between")
    return f"{before}{BEGIN}\n{results}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--no-write", action="store_true", help="leave the README as it is")
    chosen = parser.parse_args()
    load, started, figures = os.getloadavg()[0], time.perf_counter(), []
    for name in chosen.names or BENCHMARKS:
        print(f"--- {name}", flush=True)
        figures += run(BENCHMARKS[name]())
    print(f"--- {time.perf_counter() - started:.0f} seconds in all", flush=True)
    # A part of the figures would leave the others out of the table.
    if not chosen.names and not chosen.no_write:
        results = table(figures, datetime.now(UTC), (load, os.getloadavg()[0]))
        README.write_text(with_results(README.read_text(encoding="utf-8"), results), encoding="utf-8")
        print(f"written to {README}")


if __name__ == "__main__":
    main()
