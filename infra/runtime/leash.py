"""Becomes another program that cannot outlive its parent.

Run as `python -I -S leash.py PARENT_PID SIGNAL UID:GID|- PROGRAM ARG…`. It asks the kernel to send SIGNAL (a number)
when the parent dies, also by kill -9, gives up root for UID:GID if asked to, and replaces itself by PROGRAM, so the
process id stays. Doing this in a fresh interpreter instead of between fork and exec keeps the parent free to have
threads. Standard library only, because it runs isolated from every site directory.

The kernel watches the thread that started the child, not only its process: start children from a thread that lives as
long as they should. See prctl(2), PR_SET_PDEATHSIG; Linux only.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
EXIT_USAGE = 64
EXIT_ORPHANED = 75


def leashed(command: Sequence[str], *, signal_number: int, account: tuple[int, int] | None = None) -> list[str]:
    """The command line that runs `command` on a leash of this process, as user and group `account` where given."""
    identity = f"{account[0]}:{account[1]}" if account else "-"
    script = str(Path(__file__).resolve())
    return [sys.executable, "-I", "-S", script, str(os.getpid()), str(int(signal_number)), identity, *command]


def _main(arguments: Sequence[str]) -> NoReturn:
    if len(arguments) < 4:
        print(__doc__, file=sys.stderr)
        sys.exit(EXIT_USAGE)
    parent, signal_number, identity, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if identity != "-":
        user, _, group = identity.partition(":")
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    os.umask(0o077)
    # The kernel forgets the wish when the user changes, so it comes after the change.
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):
        sys.exit(EXIT_ORPHANED)
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
