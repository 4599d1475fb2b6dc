"""How the play looks in a terminal of 100 columns, in a narrower one, and in a pipe."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.output import console
from infra.cli.progress import Taken, files_progress

WHO_WIDTH = 14


class Terminal:
    """An audience that reads. Long lines are folded under their own beginning."""

    def __init__(self, out: Console | None = None) -> None:
        self.out = out or console()
        self._started = time.monotonic()
        self._titles = 0

    def title(self, text: str, meaning: str) -> None:
        self._titles += 1
        self.out.print()
        self.out.print(Text(f"{self._titles}. {text}", "bold"))
        self.out.print(Text(f"   {meaning}", "dim"))

    def line(self, who: str, text: str) -> None:
        self._print("", who, text)

    def shown(self, text: str) -> None:
        self._print("", "", text, "dim")

    def verified(self, text: str) -> None:
        self._print("✓", "", text, "green")

    def refused(self, who: str, text: str, reason: str, message: str) -> None:
        self._print("✗", who, Text.assemble(f"{text}\n", (reason, "bold"), f": {message}"), "yellow")

    def sending(self, files: Sequence[Path]) -> AbstractContextManager[Taken]:
        return files_progress(self.out, files)

    def step(self, text: str) -> None:
        """A step of starting and stopping, with the seconds since the beginning."""
        self.out.print(Text(f"{self.elapsed:6.1f} s  {text}", "dim"))

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def _print(self, mark: str, who: str, text: str | Text, style: str = "") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(width=WHO_WIDTH, no_wrap=True)
        grid.add_column(overflow="fold")
        body = text if isinstance(text, Text) else Text(text)
        grid.add_row(Text(mark, style), Text(who, "cyan"), body, style=style or None)
        self.out.print(grid)
