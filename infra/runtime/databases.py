"""Brings every database that the settings name up to date, and knows each service's way into them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

from contracts.events.base import categories_of
from infra.event_store import migrate as ledger_migrations
from infra.event_store.roles import LEDGER_DATABASE, MIGRATOR, PROJECTOR, ServiceLogin, login_dsn, prepare_server
from infra.read_database import migrate as read_migrations
from infra.runtime.secret_files import secret
from infra.runtime.settings import MAIN_CELL, SERVICES, Settings

LOGINS = tuple(
    ServiceLogin(
        read_migrations.login_of(service),
        categories_of(service),
        may_create_tenants=service == "tenancy",
        may_erase=service == "ledger",
        may_make_read_only=service == "ledger",
    )
    for service in SERVICES
)
"""Which service may append to which streams: those of the events that its module of contracts declares."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a run changed: names of migrations by database, empty where nothing was to do."""

    applied: Mapping[str, tuple[str, ...]]


class Databases:
    """The ledger servers, as administrators reach them, and the main server, which also holds the read databases."""

    def __init__(self, settings: Settings, main_server: str) -> None:
        self._settings = settings
        self._main = main_server
        self._cells = {MAIN_CELL: main_server, **settings.cell_servers}

    def environment(self, service: str) -> dict[str, str]:
        """The variables that let a service into its databases, and into nobody else's."""
        login = read_migrations.login_of(service)
        return {
            "TENET_CELLS": self._as_login(login),
            "TENET_FEED_CELLS": self._as_login(PROJECTOR),
            "TENET_READ_DATABASE_URL": _uri(
                self._main, login, self._secret(login), read_migrations.database_of(service)
            ),
        }

    async def migrate(self) -> Migrated:
        """Creates roles and databases where they are missing and applies what they lack. Safe to repeat and to cut off.

        Raises MigrationAltered, MigrationChanged, and psycopg.Error when a server does not answer.
        """
        applied: dict[str, tuple[str, ...]] = {}
        passwords = {login: self._secret(login) for login in (MIGRATOR, PROJECTOR, *(each.login for each in LOGINS))}
        for cell, server in self._cells.items():
            await prepare_server(server, passwords, LOGINS)
            report = await ledger_migrations.migrate(login_dsn(server, MIGRATOR, passwords[MIGRATOR]), LOGINS)
            tenants = tuple(f"{tenant}: {name}" for tenant, name in report.tenants)
            applied[f"ledger {cell}"] = (*report.shared, *tenants)
        for service in SERVICES:
            login = read_migrations.login_of(service)
            database = read_migrations.database_of(service)
            await read_migrations.provision(
                self._main, service, login_password=passwords[login], migrator_password=passwords[MIGRATOR]
            )
            migrator = login_dsn(self._main, MIGRATOR, passwords[MIGRATOR], database)
            applied[f"read database {service}"] = tuple(await read_migrations.migrate(migrator, service))
        return Migrated(applied)

    def _as_login(self, login: str) -> str:
        return " ".join(f"{cell}={_uri(server, login, self._secret(login))}" for cell, server in self._cells.items())

    def _secret(self, login: str) -> str:
        return secret(self._settings.secrets_dir, login)


def _uri(server: str, login: str, password: str, database: str = LEDGER_DATABASE) -> str:
    """The connection string of one login as a URI, which has no spaces, so that it can stand in a list of pairs."""
    parts = {name: str(value) for name, value in conninfo_to_dict(server).items() if value is not None}
    parts |= {"user": login, "password": password, "dbname": database}
    return f"postgresql:///?{urlencode(parts, quote_via=quote)}"
