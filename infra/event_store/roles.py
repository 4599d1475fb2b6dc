"""The roles of a ledger server, made once by an administrator of it; everything later runs as the owner or below.

`tenet_owner` owns schemas and functions and cannot log in; `tenet_migrator` may become it. `tenet_services` is what a
service's login is a member of, so that a transaction may become a tenant's role; nothing is inherited along the way.
`tenet_appender` holds the right to call the ledger's functions, and every tenant's role is a member of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

OWNER = "tenet_owner"
MIGRATOR = "tenet_migrator"
PROJECTOR = "tenet_projector"
LEDGER_DATABASE = "tenet_cell"
"""Not `tenet_ledger`: that is the read database of the ledger service, which may stand on the same server."""


@dataclass(frozen=True, slots=True)
class ServiceLogin:
    """A service's login and what it may do: append to streams of its categories, and three rare powers."""

    login: str
    categories: frozenset[str]
    may_create_tenants: bool = False
    may_erase: bool = False
    may_make_read_only: bool = False


async def prepare_server(
    admin_dsn: str, passwords: Mapping[str, str], logins: Sequence[ServiceLogin], database: str = LEDGER_DATABASE
) -> None:
    """Creates the roles and the ledger's database where they are missing, and sets the passwords as given.

    `admin_dsn` is a superuser's, or one's who may create roles and databases; `passwords` is by login and holds the
    migrator, the projector and every service login. Repeating it is harmless.
    """
    async with await AsyncConnection.connect(admin_dsn, autocommit=True) as connection:
        for group in (OWNER, "tenet_services", "tenet_appender"):
            await _create_role(connection, group)
        await connection.execute(SQL("ALTER ROLE {} CREATEROLE").format(Identifier(OWNER)))
        await connection.execute("ALTER ROLE tenet_services NOINHERIT")
        await connection.execute(SQL("GRANT tenet_appender TO {} WITH ADMIN OPTION").format(Identifier(OWNER)))
        for login in (MIGRATOR, PROJECTOR, *(each.login for each in logins)):
            await _create_role(connection, login)
            await connection.execute(
                SQL("ALTER ROLE {} LOGIN NOINHERIT PASSWORD {}").format(Identifier(login), Literal(passwords[login]))
            )
        await connection.execute(SQL("GRANT {} TO {}").format(Identifier(OWNER), Identifier(MIGRATOR)))
        for each in logins:
            await connection.execute(SQL("GRANT tenet_services TO {}").format(Identifier(each.login)))
        await _create_database(connection, database)
    async with await AsyncConnection.connect(make_conninfo(admin_dsn, dbname=database), autocommit=True) as connection:
        await connection.execute(
            SQL("GRANT CREATE ON DATABASE {0} TO {1}").format(Identifier(database), Identifier(OWNER))
        )
        await connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))
        for login in (MIGRATOR, PROJECTOR, *(each.login for each in logins)):
            await connection.execute(
                SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), Identifier(login))
            )
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def login_dsn(dsn: str, login: str, password: str, database: str = LEDGER_DATABASE) -> str:
    """The connection string of one login, at the server that `dsn` names."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    return make_conninfo(**{**parts, "user": login, "password": password, "dbname": database})


async def _create_role(connection: AsyncConnection, role: str) -> None:
    found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
    if await found.fetchone() is None:
        await connection.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))


async def _create_database(connection: AsyncConnection, database: str) -> None:
    found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,))
    if await found.fetchone() is None:
        await connection.execute(
            SQL("CREATE DATABASE {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0").format(Identifier(database))
        )
