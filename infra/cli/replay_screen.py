"""The screen of `tenet replay`: one entry at a time, by single keys, never longer than the terminal is high."""

import contextlib
import os
import re
import shutil
import sys
import termios
import textwrap
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import click

from infra.cli.output import console

KEYS = "q quit · n next · p back · ↑↓ lines · / find · . again · @ at · d changes · g G"
MARGIN = 14
"""Columns that a folded line is set in by, so that it stands under its value."""
_USUAL = (100, 24)
_FRAME = 3
"""Lines of the screen that are not the entry's: the title, and the keys below with a blank line before them."""
_LEAST_LINES = 4
_SCROLLING = {"\x1b[B": 1, "\x1bOB": 1, "\x1b[A": -1, "\x1bOA": -1, " ": 1}
_STEPPING = {"n": 1, "\r": 1, "\n": 1, "\x1b[C": 1, "\x1bOC": 1, "p": -1, "\x1b[D": -1, "\x1bOD": -1}
_HOME = frozenset({"g", "\x1b[H", "\x1b[1~", "\x1bOH"})
_END = frozenset({"G", "\x1b[F", "\x1b[4~", "\x1bOF"})
"""The keys, as terminals send them."""

_KEY = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|.", re.DOTALL)
_AT_ONCE = 256
"""Bytes that are read at once; a paste is longer than a key."""
_END_OF_INPUT = "\x04"


class Shown(Protocol):
    """One step, as the screen needs it."""

    @property
    def position(self) -> int: ...

    def title(self, number: int, steps: int) -> str: ...

    def lines(self, *, differences: bool) -> Sequence[str]: ...

    def holds(self, text: str) -> bool: ...


@dataclass
class Screen:
    """Where the reader is. `ask` asks for a line of text; `note` is said once, below the entry."""

    steps: Sequence[Shown]
    ask: Callable[[str], str]
    place: int = 0
    top: int = 0
    differences: bool = False
    wanted: str = ""
    note: str = ""
    ended: bool = False

    def body(self, width: int) -> list[str]:
        """The entry's lines, folded to the width."""
        return [
            folded
            for line in self.steps[self.place].lines(differences=self.differences)
            for part in line.split("\n")
            for folded in textwrap.wrap(part, width, subsequent_indent=" " * min(MARGIN, width // 2)) or [""]
        ]

    def press(self, key: str, width: int, height: int) -> None:
        """What a key does; `height` is how many of the entry's lines are seen at once."""
        self.note = ""
        if key in _SCROLLING:
            self._scroll(_SCROLLING[key] * (height if key == " " else 1), max(len(self.body(width)) - height, 0))
        elif key in _STEPPING:
            self._go(self.place + _STEPPING[key])
        elif key in _HOME or key in _END:
            self._go(0 if key in _HOME else len(self.steps) - 1)
        else:
            self._command(key)

    def _command(self, key: str) -> None:
        match key:
            case "q" | "\x1b":
                self.ended = True
            case "d":
                self.differences, self.top = not self.differences, 0
            case "/":
                self._search(self.ask("Search"))
            case ".":
                self._search(self.wanted)
            case "@":
                self._to_position(self.ask("Position"))
            case _:
                self.note = "No such key."

    def _scroll(self, lines: int, last: int) -> None:
        """By some lines, and past the entry's end or beginning to the entry beside it. `last` is the lowest place."""
        if (lines > 0 and self.top >= last) or (lines < 0 and self.top == 0):
            self._go(self.place + (1 if lines > 0 else -1))
        else:
            self.top = min(max(self.top + lines, 0), last)

    def _go(self, place: int) -> None:
        if not 0 <= place < len(self.steps):
            self.note = "This is the last entry." if place > 0 else "This is the first entry."
            return
        self.place, self.top = place, 0

    def _search(self, text: str) -> None:
        """The next entry after this one that holds the text, from the beginning again after the end."""
        self.wanted = text
        if not text:
            return
        order = [*range(self.place + 1, len(self.steps)), *range(self.place + 1)]
        found = next((each for each in order if self.steps[each].holds(text)), None)
        if found is None:
            self.note = f"No entry holds {text!r}."
        else:
            self.note = "Found again from the beginning." if found <= self.place else ""
            self.place, self.top = found, 0

    def _to_position(self, text: str) -> None:
        """The entry at a position, or the first one after it."""
        if not text.isdecimal():
            self.note = f"{text!r} is no position." if text else ""
            return
        after = (place for place, step in enumerate(self.steps) if step.position >= int(text))
        self._go(next(after, len(self.steps) - 1))


def walk(steps: Sequence[Shown]) -> None:
    """Until the reader has had enough. Needs a terminal."""
    terminal = sys.stdin.fileno()
    keys = _keys(terminal)
    screen = Screen(steps, lambda what: _ask(what, keys))
    with _unbuffered(terminal), contextlib.suppress(KeyboardInterrupt):
        while not screen.ended:
            size = shutil.get_terminal_size(_USUAL)
            height = max(size.lines - _FRAME - 1, _LEAST_LINES)
            _draw(screen, size.columns, height)
            screen.press(next(keys, "q"), size.columns, height)


@contextlib.contextmanager
def _unbuffered(terminal: int) -> Iterator[None]:
    """Keys come at once and unseen. All the while, so that none is lost that is typed while the screen is drawn."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _keys(terminal: int) -> Iterator[str]:
    """Keys as they are pressed, those of several bytes in one piece, until the terminal goes or Ctrl-D is pressed."""
    while data := os.read(terminal, _AT_ONCE):
        for key in _KEY.findall(data.decode(errors="replace")):
            if key == _END_OF_INPUT:
                return
            yield key


def _draw(screen: Screen, width: int, height: int) -> None:
    out = console()
    body = screen.body(width)
    click.clear()
    out.print(screen.steps[screen.place].title(screen.place + 1, len(screen.steps)), style="bold", no_wrap=True)
    for line in body[screen.top : screen.top + height]:
        out.print(line, no_wrap=True, overflow="ignore", style=_STYLES.get(line.lstrip()[:2], ""))
    below = len(body) - screen.top - height
    out.print(screen.note or (f"↓ {below} more lines" if below > 0 else ""), style="yellow", no_wrap=True)
    out.print(KEYS, style="dim", no_wrap=True, overflow="ellipsis")


_STYLES = {"+ ": "green", "~ ": "yellow"}
"""Of a line that tells what the entry added, and what it changed."""


def _ask(what: str, keys: Iterator[str]) -> str:
    """A line from the reader; empty when they think better of it and press Escape."""
    text = ""
    while True:
        click.echo(f"\r\x1b[K{what}: {text}", nl=False)
        key = next(keys, "\x1b")
        if key in ("\r", "\n"):
            return text.strip()
        if key == "\x1b":
            return ""
        if key in ("\x7f", "\b"):
            text = text[:-1]
        elif key.isprintable():
            text += key
