"""Opening sealed references, at the edge where a person is shown the value. Whoever calls this records the access."""

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

import psycopg
from psycopg.sql import SQL, Identifier

from contracts.errors import InvalidArgument, StoreUnavailable
from contracts.events.base import Sealed
from contracts.ids import TenantId
from infra.event_store.cells import CellPools
from infra.event_store.commands import Opening
from infra.event_store.limits import MAX_CACHED_QUERIES, MAX_OPENED_AT_ONCE
from infra.event_store.placements import Placements
from infra.event_store.reads import begin_reading, end_reading
from infra.event_store.sealing import unseal
from infra.keys import KeyStore, field_mark


class Erased(Enum):
    """Stands in the place of a value that was erased: its opening or its key was destroyed on purpose."""

    ERASED = "erased"


class Openings:
    def __init__(self, pools: CellPools, placements: Placements, keys: KeyStore) -> None:
        self._pools = pools
        self._placements = placements
        self._keys = keys

    async def open(self, tenant_id: TenantId, references: Sequence[Sealed]) -> dict[Sealed, str | Erased]:
        """The value of each reference. Raises OpeningCorrupt, KeyMissing, TenantUnknown, StoreUnavailable."""
        if len(references) > MAX_OPENED_AT_ONCE:
            raise InvalidArgument(f"At most {MAX_OPENED_AT_ONCE} sealed fields are opened at once.")
        found = {(each.event_id, each.path): each for each in await self.find(tenant_id, references)}
        opened: dict[Sealed, str | Erased] = {}
        for reference in references:
            opened[reference] = await self._open(tenant_id, reference, found.get((reference.event_id, reference.path)))
        return opened

    async def find(self, tenant_id: TenantId, references: Sequence[Sealed]) -> list[Opening]:
        """The openings of these references as they lie, still encrypted; erased ones are missing."""
        placement = await self._placements.find(tenant_id)
        parameters = ([each.event_id for each in references], [each.path for each in references])
        try:
            async with self._pools.connection(placement.cell) as connection:
                try:
                    async with connection.pipeline():
                        await begin_reading(connection, placement.role)
                        cursor = await connection.execute(_openings_query(placement.schema), parameters)
                        await connection.execute("COMMIT")
                except psycopg.Error:
                    await end_reading(connection)
                    raise
                rows = await cursor.fetchall()
        except psycopg.OperationalError as error:
            raise StoreUnavailable("The ledger's database does not answer.") from error
        found = [Opening(*row) for row in rows]
        erased = {subject: await self._keys.erased_fields(tenant_id, subject) for subject in {o.subject for o in found}}
        # After a restore an erased field's opening may lie there again; the key store remembers that it must not.
        return [each for each in found if field_mark(each.event_id, each.path) not in erased[each.subject]]

    async def count(self, tenant_id: TenantId, subject: str) -> int:
        """How many openings of the subject there are."""
        return await self._function(
            tenant_id, _count_query((await self._placements.find(tenant_id)).schema), (subject,)
        )

    async def erase(self, tenant_id: TenantId, subject: str) -> int:
        """Destroys the subject's key and deletes its openings; how many there were. The entries' proofs stay valid."""
        await self._keys.destroy_subject(tenant_id, subject)
        return await self._function(tenant_id, b"SELECT tenet_meta.erase_openings_v1(%s)", (subject,))

    async def erase_field(self, tenant_id: TenantId, subject: str, event_id: str, path: str) -> int:
        """Deletes one opening, once the key store has marked it as erased; how many there were, 0 or 1."""
        await self._keys.erase_field(tenant_id, subject, event_id, path)
        return await self._function(tenant_id, b"SELECT tenet_meta.erase_opening_v1(%s, %s)", (event_id, path))

    async def _function(self, tenant_id: TenantId, query: bytes, parameters: tuple[str, ...]) -> int:
        """The one number that a query under the tenant's role answers."""
        placement = await self._placements.find(tenant_id)
        try:
            async with self._pools.connection(placement.cell) as connection, connection.transaction():
                await connection.execute("SELECT set_config('role', %s, true)", (placement.role,))
                row = await (await connection.execute(query, parameters)).fetchone()
        except psycopg.OperationalError as error:
            raise StoreUnavailable("The ledger's database does not answer.") from error
        return int(row[0]) if row is not None else 0

    async def _open(self, tenant_id: TenantId, reference: Sealed, opening: Opening | None) -> str | Erased:
        if opening is None:
            return Erased.ERASED
        key = await self._keys.find_subject_key(tenant_id, opening.subject, opening.key_id)
        if key is None:
            return Erased.ERASED
        _salt, value = unseal(tenant_id, opening, reference.commitment, key.key)
        return value


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def _openings_query(schema: str) -> bytes:
    query = SQL(
        "SELECT o.event_id, o.path, o.subject, o.key_id, o.nonce, o.ciphertext FROM {}.openings o"
        " JOIN unnest(%s::text[], %s::text[]) AS q(event_id, path) ON o.event_id = q.event_id AND o.path = q.path"
    )
    return query.format(Identifier(schema)).as_bytes(None)


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def _count_query(schema: str) -> bytes:
    return SQL("SELECT count(*) FROM {}.openings WHERE subject = %s").format(Identifier(schema)).as_bytes(None)
