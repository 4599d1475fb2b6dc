"""Passwords that nobody has to know: made once, kept in files that only their owner can read."""

import os
import secrets
from pathlib import Path

_SECRET_BYTES = 32


def secret(directory: Path, name: str) -> str:
    """The secret of that name, made at its first use. Two processes that ask at once get the same."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    if not path.exists():
        making = directory / f".{name}-{os.getpid()}-{secrets.token_hex(4)}"
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(making)
        except FileExistsError:
            pass
        finally:
            making.unlink()
    return path.read_text(encoding="ascii")
