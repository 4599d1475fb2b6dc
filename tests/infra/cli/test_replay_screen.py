"""Stepping through a case by keys: what the screen does, and that a real terminal shows it."""

import contextlib
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from fcntl import ioctl

import pytest

from infra.cli.replay_screen import KEYS, Screen
from infra.runtime.settings import CHECKOUT

WIDTH, HEIGHT = 60, 5
DOWN, UP, RIGHT, LEFT = "\x1b[B", "\x1b[A", "\x1b[C", "\x1b[D"


class Entry:
    def __init__(self, position: int, *words: str) -> None:
        self.position, self.words = position, words

    def title(self, number: int, steps: int) -> str:
        return f"[{number}/{steps}] position {self.position}"

    def lines(self, *, differences: bool) -> Sequence[str]:
        return ["  + changed"] if differences else self.words

    def holds(self, text: str) -> bool:
        return any(text in word for word in self.words)


STEPS = (Entry(3, "one"), Entry(7, *(f"line {n}" for n in range(12))), Entry(20, "a host", "two\nlines"))


def screen(*answers: str) -> Screen:
    remaining = list(answers)
    return Screen(STEPS, lambda _: remaining.pop(0))


def press(on: Screen, *keys: str) -> tuple[int, int]:
    for key in keys:
        on.press(key, WIDTH, HEIGHT)
    return on.place, on.top


def test_one_goes_forwards_and_backwards_and_is_told_at_either_end() -> None:
    on = screen()
    assert press(on, "n", RIGHT) == (2, 0)
    assert press(on, "n") == (2, 0)
    assert on.note == "This is the last entry."
    assert press(on, LEFT, "p", "p") == (0, 0)
    assert on.note == "This is the first entry."
    assert press(on, "G") == (2, 0)
    assert press(on, "\x1b[1~") == (0, 0)


def test_an_entry_longer_than_the_screen_is_scrolled_before_the_next_one_comes() -> None:
    on = screen()
    assert press(on, "n", DOWN, DOWN) == (1, 2)
    assert press(on, " ") == (1, 7)
    assert press(on, DOWN) == (2, 0)
    assert press(on, UP) == (1, 0)


def test_a_search_goes_round_says_so_and_says_when_there_is_nothing() -> None:
    on = screen("line 3", "absent", "")
    assert press(on, "G", "/") == (1, 0)
    assert on.note == "Found again from the beginning."
    assert press(on, ".") == (1, 0)
    assert press(on, "/") == (1, 0)
    assert on.note == "No entry holds 'absent'."
    assert press(on, "/", ".") == (1, 0)


def test_a_position_leads_to_its_entry_or_the_first_after_it() -> None:
    on = screen("7", "8", "900", "x")
    assert [press(on, "@")[0] for _ in range(4)] == [1, 2, 2, 2]
    assert on.note == "'x' is no position."


def test_differences_are_shown_instead_and_lines_are_folded_to_the_width() -> None:
    on = screen()
    press(on, "d")
    assert on.body(WIDTH) == ["  + changed"]
    press(on, "d", "G")
    assert on.body(WIDTH) == ["a host", "two", "lines"]
    long = Screen([Entry(1, "  why       " + "reason " * 30)], str)
    assert all(len(line) <= WIDTH for line in long.body(WIDTH))
    assert len(long.body(WIDTH)) > 3


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # Whoever runs the tests in the background ignores it.
from infra.cli.replay_screen import walk
from tests.infra.cli.test_replay_screen import STEPS
walk(STEPS)
print("ended")
"""


@pytest.mark.parametrize("ending", ["q", "\x04", ""])
def test_a_real_terminal_shows_it_within_its_height_and_ends_without_a_trace(ending: str) -> None:
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'contracts' / 'gen'}"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        cwd=CHECKOUT,
        start_new_session=True,
    )
    os.close(follower)
    try:
        assert "[1/3] position 3" in until(leader, "changes")
        os.write(leader, b"n")
        shown = until(leader, "changes")
        assert "position 7" in shown
        assert "↓ 6 more lines" in shown
        assert shown.count("\n") <= 10
        os.write(leader, b"/host\n")
        assert "position 20" in until(leader, "changes", "a host")
        if ending:
            os.write(leader, ending.encode())
            rest = until(leader, "ended")
        else:
            rest = interrupted(process, leader)
        assert "Traceback" not in rest
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def interrupted(process: subprocess.Popen[bytes], leader: int) -> str:
    """What is shown after the signal that a terminal which commands its session makes of Ctrl-C. One that comes in the
    instant before the program waits for a key is only noticed with the next, as a person would press it again."""
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(AssertionError):
            return until(leader, "ended", seconds=4.0)
    raise AssertionError("it goes on")


def until(leader: int, *wanted: str, seconds: float = 20.0) -> str:
    """What the terminal shows until all of this was on it."""
    found, deadline = "", time.monotonic() + seconds
    while not all(each in found for each in wanted):
        assert time.monotonic() < deadline, found
        if select.select([leader], [], [], 0.2)[0]:
            found += os.read(leader, 4096).decode(errors="replace")
    return found


def test_every_key_is_named_below_the_entry() -> None:
    assert all(f"{key} " in KEYS for key in ("q", "n", "p", "/", ".", "@", "d", "g"))
    assert len(KEYS) < 80
