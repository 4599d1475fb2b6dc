"""Makes and upgrades read databases. Only `tenet migrate` runs this: services hold no right to change a table.

Migrations are the SQL files of this package, of other parts of `infra` that keep rows in read databases, and of the
service's own projections; each file runs once, in one transaction, in the order of (source, file name).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from contracts.errors import FailedPrecondition
from infra.read_database.scope import READER_ROLE, WRITER_ROLE

ROOT = Path(__file__).parents[2]
SHARED_SOURCES = ("infra/read_database/migrations", "infra/event_store/read_migrations", "infra/auth/migrations")
"""Folders, relative to the source tree, whose tables every read database holds. An absent folder adds nothing."""
OWNER_ROLE = "tenet_owner"
MIGRATOR_LOGIN = "tenet_migrator"
LOCK_KEY = 0x7E9E7_0001
"""Advisory lock that lets one migration run at a time on a server (roles) or in a database (tables)."""


class SchemaOutOfRange(FailedPrecondition):
    """The read database's schema is older or newer than this program. Run `./tenet migrate`, or the newer program."""

    reason = "SCHEMA_OUT_OF_RANGE"


class MigrationChanged(FailedPrecondition):
    """A migration file was altered after it had been applied. Write a further migration instead."""

    reason = "MIGRATION_CHANGED"


class UnguardedTable(FailedPrecondition):
    """A table with a tenant_id lacks forced row level security: end its migration with `SELECT guard_view(...)`."""

    reason = "UNGUARDED_TABLE"


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    """Source folder and file name: `infra/read_database/migrations/0001_guard_tenant_table.sql`."""
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def database_of(service: str) -> str:
    return f"tenet_{service}"


def login_of(service: str) -> str:
    return f"tenet_{service}"


def migrations_of(service: str) -> list[Migration]:
    """Every migration that this program expects in the service's read database, in order."""
    folders = [*SHARED_SOURCES, f"services/{service}/projections/migrations"]
    return [
        Migration(f"{folder}/{path.name}", path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).glob("*.sql"))
    ]


async def provision(admin_dsn: str, service: str, *, login_password: str, migrator_password: str) -> None:
    """Creates what only a superuser may: the roles and the service's database. Safe to repeat; resets the passwords.

    The owner cannot log in; the migrator can become the owner; the service's login owns nothing, inherits nothing, and
    may connect to its own database only.
    """
    async with await AsyncConnection.connect(admin_dsn, autocommit=True) as conn:
        await conn.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        for role in (OWNER_ROLE, READER_ROLE, WRITER_ROLE):
            await _ensure_role(conn, role, "NOLOGIN")
        for login, password in ((MIGRATOR_LOGIN, migrator_password), (login_of(service), login_password)):
            await _ensure_role(conn, login, "LOGIN NOINHERIT")
            await conn.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(login), sql.Literal(password))
            )
        await conn.execute(sql.SQL("GRANT {} TO {}").format(*_ids(OWNER_ROLE, MIGRATOR_LOGIN)))
        await conn.execute(sql.SQL("GRANT {}, {} TO {}").format(*_ids(READER_ROLE, WRITER_ROLE, login_of(service))))
        await _ensure_database(conn, service)


async def _ensure_role(conn: AsyncConnection[Any], role: str, attributes: str) -> None:
    found = await conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    if await found.fetchone() is None:
        await conn.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))


async def _ensure_database(conn: AsyncConnection[Any], service: str) -> None:
    name = database_of(service)
    found = await conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    if await found.fetchone() is None:
        await conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0").format(
                *_ids(name, OWNER_ROLE)
            )
        )
    await conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    await conn.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(*_ids(name, MIGRATOR_LOGIN, login_of(service)))
    )


async def migrate(migrator_dsn: str, service: str) -> list[str]:
    """Applies what is missing and answers the names of what it applied.

    Raises MigrationChanged, UnguardedTable (the migration that made the table stays applied; services refuse to start).
    """
    applied: list[str] = []
    async with await AsyncConnection.connect(migrator_dsn, autocommit=True) as conn:
        await conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER_ROLE)))
        await conn.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        await _ensure_register(conn)
        known = await _applied(conn)
        for migration in migrations_of(service):
            if migration.name in known:
                if known[migration.name] != migration.digest:
                    raise MigrationChanged(f"{migration.name} was altered after it had been applied.")
                continue
            async with conn.transaction():
                await conn.execute(migration.text.encode())
                await conn.execute(
                    "INSERT INTO applied_migrations (name, digest) VALUES (%s, %s)", (migration.name, migration.digest)
                )
            applied.append(migration.name)
        await _check_guards(conn)
    return applied


async def check_schema(conn: AsyncConnection[Any], service: str) -> None:
    """Raises SchemaOutOfRange unless exactly this program's migrations have been applied."""
    try:
        applied = set(await _applied(conn))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        raise SchemaOutOfRange(f"The read database of {service} has no schema; run `./tenet migrate`.") from error
    expected = {migration.name for migration in migrations_of(service)}
    if applied != expected:
        raise SchemaOutOfRange(
            f"The read database of {service} does not fit this program.",
            metadata={
                "missing": ", ".join(sorted(expected - applied)),
                "unknown": ", ".join(sorted(applied - expected)),
            },
        )


async def _ensure_register(conn: AsyncConnection[Any]) -> None:
    await conn.execute(
        "CREATE TABLE IF NOT EXISTS applied_migrations ("
        "name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    await conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(*_ids(READER_ROLE, WRITER_ROLE)))
    await conn.execute(sql.SQL("GRANT SELECT ON applied_migrations TO {}").format(sql.Identifier(READER_ROLE)))


async def _applied(conn: AsyncConnection[Any]) -> dict[str, str]:
    cursor = await conn.execute("SELECT name, digest FROM applied_migrations")
    return dict(await cursor.fetchall())


async def _check_guards(conn: AsyncConnection[Any]) -> None:
    cursor = await conn.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
    )
    if unguarded := [name for (name,) in await cursor.fetchall()]:
        raise UnguardedTable(f"Without forced row level security: {', '.join(unguarded)}.")


def _ids(*names: str) -> tuple[sql.Identifier, ...]:
    return tuple(sql.Identifier(name) for name in names)
