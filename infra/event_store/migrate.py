"""`tenet migrate` for a ledger server: the only thing that changes its schemas.

It runs as the owner's role under one lock for the whole server, each step in a transaction of its own that records it,
so that a run that was cut off resumes. Files in `migrations/` change what all tenants share; files in
`migrations/tenant/` are applied to every tenant's schema in turn. Expand first (a new function or column beside the
old), contract only after every service that needs the old has gone; a service refuses a server outside the range of
schema versions that it declares.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from contracts.errors import FailedPrecondition
from infra.event_store.roles import OWNER, PROJECTOR, ServiceLogin

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7236270183449625
"""Shared with `create_tenant_v1`, so that no tenant is created while its layout changes."""

SUPPORTED_SCHEMAS = range(14, 15)
"""The schema versions that this program can work with; the version is the number of the last shared migration."""


class SchemaOutOfRange(FailedPrecondition):
    """The ledger server's schema is older or newer than this program can work with. Run `tenet migrate`, or upgrade."""

    reason = "LEDGER_SCHEMA_OUT_OF_RANGE"


class MigrationAltered(FailedPrecondition):
    """A migration that was applied has another content now. Applied migrations are never edited; add a new one."""

    reason = "MIGRATION_ALTERED"


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Report:
    """What a run applied: names of shared migrations, and (tenant, name) of tenant migrations."""

    shared: tuple[str, ...]
    tenants: tuple[tuple[str, str], ...]


def read_migrations(directory: Path) -> list[Migration]:
    """The migrations of a directory in the order of their numbers. Raises ValueError when two share one."""
    found = [
        Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]
    if len({each.number for each in found}) != len(found):
        raise ValueError(f"two migrations in {directory} share a number")
    return found


async def migrate(migrator_dsn: str, logins: Sequence[ServiceLogin], directory: Path = MIGRATIONS) -> Report:
    """Brings one ledger server up to date and tells it what each login owns. Raises MigrationAltered."""
    async with await AsyncConnection.connect(migrator_dsn, autocommit=True) as connection:
        await connection.execute(SQL("SET ROLE {}").format(Identifier(OWNER)))
        await connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        try:
            await _create_register(connection)
            shared = await _apply_shared(connection, read_migrations(directory))
            await _register_logins(connection, logins)
            tenants = await _apply_to_tenants(connection, read_migrations(directory / "tenant"))
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
    return Report(tuple(shared), tuple(tenants))


async def check_schema(connection: AsyncConnection, supported: range = SUPPORTED_SCHEMAS) -> None:
    """Raises SchemaOutOfRange unless the server's schema version lies within the range."""
    cursor = await connection.execute("SELECT to_regclass('tenet_meta.migrations') IS NOT NULL")
    row = await cursor.fetchone()
    version = 0
    if row is not None and row[0]:
        cursor = await connection.execute("SELECT coalesce(max(number), 0) FROM tenet_meta.migrations")
        row = await cursor.fetchone()
        version = int(row[0]) if row is not None else 0
    if version not in supported:
        raise SchemaOutOfRange(
            f"The ledger server has schema version {version}; this program works with {supported.start} to "
            f"{supported.stop - 1}. Run `tenet migrate`.",
            metadata={"version": str(version)},
        )


async def _create_register(connection: AsyncConnection) -> None:
    async with connection.transaction():
        await connection.execute("CREATE SCHEMA IF NOT EXISTS tenet_meta")
        await connection.execute("GRANT USAGE ON SCHEMA tenet_meta TO tenet_appender")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS tenet_meta.migrations (number integer PRIMARY KEY, name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )


async def _apply_shared(connection: AsyncConnection, migrations: Sequence[Migration]) -> list[str]:
    cursor = await connection.execute("SELECT number, checksum FROM tenet_meta.migrations")
    applied: dict[int, str] = dict(await cursor.fetchall())
    done = []
    for migration in migrations:
        if migration.number in applied:
            if applied[migration.number] != migration.checksum:
                raise MigrationAltered(f"{migration.name} was altered after it had been applied.")
            continue
        async with connection.transaction():
            await connection.execute(migration.text.encode())
            await connection.execute(
                "INSERT INTO tenet_meta.migrations (number, name, checksum) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
        done.append(migration.name)
    return done


async def _register_logins(connection: AsyncConnection, logins: Sequence[ServiceLogin]) -> None:
    async with connection.transaction():
        for each in logins:
            await connection.execute(
                "INSERT INTO tenet_meta.logins AS l (login, categories, may_create_tenants, may_erase,"
                " may_make_read_only) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (login) DO UPDATE SET categories = excluded.categories,"
                " may_create_tenants = excluded.may_create_tenants, may_erase = excluded.may_erase,"
                " may_make_read_only = excluded.may_make_read_only",
                (
                    each.login,
                    sorted(each.categories),
                    each.may_create_tenants,
                    each.may_erase,
                    each.may_make_read_only,
                ),
            )
        for login in (PROJECTOR, *(each.login for each in logins)):
            for statement in _grants(login, [each for each in logins if each.login == login]):
                await connection.execute(statement)


def _grants(login: str, service: Sequence[ServiceLogin]) -> Iterator[bytes]:
    name = Identifier(login)
    yield SQL("GRANT USAGE ON SCHEMA tenet_meta TO {}").format(name).as_bytes(None)
    yield SQL("GRANT SELECT ON tenet_meta.tenants, tenet_meta.migrations TO {}").format(name).as_bytes(None)
    yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.heads_v1(text[]) TO {}").format(name).as_bytes(None)
    yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.position_at_v1(text, bigint) TO {}").format(name).as_bytes(None)
    if service:
        yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.append_as_v1 TO {}").format(name).as_bytes(None)
        yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.append_one_v1 TO {}").format(name).as_bytes(None)
    if any(each.may_create_tenants for each in service):
        yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.create_tenant_v1(text) TO {}").format(name).as_bytes(None)
    if any(each.may_make_read_only for each in service):
        yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.make_read_only_v1 TO {}").format(name).as_bytes(None)
        yield SQL("GRANT EXECUTE ON FUNCTION tenet_meta.reopen_v1 TO {}").format(name).as_bytes(None)


async def _apply_to_tenants(connection: AsyncConnection, migrations: Sequence[Migration]) -> list[tuple[str, str]]:
    """Applies each tenant migration to each tenant whose layout is older; `{schema}` stands for the tenant's schema."""
    done = []
    cursor = await connection.execute(
        "SELECT tenant_id, schema_name, layout FROM tenet_meta.tenants ORDER BY tenant_id"
    )
    for tenant_id, schema, layout in await cursor.fetchall():
        for migration in migrations:
            if migration.number <= layout:
                continue
            async with connection.transaction():
                text = migration.text.replace("{schema}", SQL("{}").format(Identifier(schema)).as_string(None))
                await connection.execute(text.encode())
                await connection.execute(
                    "UPDATE tenet_meta.tenants SET layout = %s WHERE tenant_id = %s", (migration.number, tenant_id)
                )
            done.append((str(tenant_id), migration.name))
    return done
