"""Log files of child processes, kept below a limit: one file and one predecessor each."""

import contextlib
import shutil
from pathlib import Path
from typing import IO

LARGEST_LOG_BYTES = 16 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """The file, opened for appending, for a child's stdout and stderr."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shorten_log(path)
    return path.open("ab")


def shorten_log(path: Path) -> None:
    """Moves the content of a file that grew too large to its predecessor.

    Writers keep the file open, so it is copied and cut. Lines written between the copy and the cut are lost; that is
    the price of not owning the writers.
    """
    if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
        with contextlib.suppress(OSError):  # On a full disk the old lines are given up; cutting them makes room.
            shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
        with path.open("r+b") as file:
            file.truncate(0)
