"""Which charter is in force for a tenant: its own, or its parent's where it has none."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from contracts.events.base import Fact
from contracts.events.cases import CharterLine
from contracts.ids import TenantId
from infra.event_store.handler import Unit
from infra.event_store.repository import Repository
from infra.object_store import ObjectStore
from services.cases.application.aggregates import CHARTER
from services.cases.domain.charter import Charter, read_charter
from services.cases.domain.charter_versions import Version, charter_id_of
from services.cases.domain.errors import CharterMissing
from services.cases.domain.ruling import CharterInForce

MAX_CACHED_CHARTERS = 256
MAX_ANCESTORS = 32

Parent = Callable[[TenantId], TenantId | None]
"""The entity above a tenant in its customer tree; None at the top."""


@dataclass(frozen=True, slots=True)
class Found:
    """A charter in force, and the ledger that its approval is in."""

    force: CharterInForce
    owner: TenantId
    version: Version

    @property
    def line(self) -> CharterLine:
        return self.force.cite("")

    @property
    def fact(self) -> Fact:
        assert self.version.approved_at is not None  # It would not be in force.
        return Fact("charter", self.version.digest, self.owner, self.version.approved_at)


class Charters:
    def __init__(self, repository: Repository, objects: ObjectStore, parent: Parent) -> None:
        self._repository, self._objects, self._parent = repository, objects, parent
        self._read: OrderedDict[tuple[TenantId, str], Charter] = OrderedDict()

    async def in_force(self, unit: Unit) -> Found:
        """The charter that decides here, cited in the unit. Its own stream is held still until the append.

        Raises CharterMissing, and what the object store raises.
        """
        found = await self.find(unit)
        if found is None:
            raise CharterMissing("No approved charter says what may be done for this tenant.")
        unit.cite(found.fact)
        return found

    async def find(self, unit: Unit) -> Found | None:
        """Like `in_force`, without citing, and None where there is none."""
        own = await unit.load(CHARTER, charter_id_of(unit.tenant_id))
        if own.state.in_force is not None:
            unit.require(own)
            return await self._found(unit.tenant_id, own.state.in_force)
        return await self._inherited(unit.tenant_id)

    async def behind(self, tenant_id: TenantId, line: CharterLine) -> Charter:
        """The version that a line names, in force or not. Raises CharterMissing."""
        owner: TenantId | None = tenant_id
        for _ in range(MAX_ANCESTORS):
            if owner is None:
                break
            if charter_id_of(owner) == line.charter_id:
                loaded = await self._repository.load(owner, CHARTER, charter_id_of(owner))
                return await self._charter(owner, loaded.state.versions[line.version - 1])
            owner = self._parent(owner)
        raise CharterMissing("The charter that the plan was decided under is not this tenant's any more.")

    async def text_at(self, owner: TenantId, sha256: str) -> str:
        return (await self._objects.get(owner, sha256)).decode()

    async def latest(self, tenant_id: TenantId) -> Version:
        """The version that was proposed last. Raises CharterMissing."""
        loaded = await self._repository.load(tenant_id, CHARTER, charter_id_of(tenant_id))
        if not loaded.state.versions:
            raise CharterMissing("No charter was proposed for this tenant.")
        return loaded.state.versions[-1]

    async def look_up(self, tenant_id: TenantId) -> Found | None:
        """For questions: the charter in force now, outside of any command."""
        loaded = await self._repository.load(tenant_id, CHARTER, charter_id_of(tenant_id))
        if loaded.state.in_force is not None:
            return await self._found(tenant_id, loaded.state.in_force)
        return await self._inherited(tenant_id)

    async def _inherited(self, tenant_id: TenantId) -> Found | None:
        owner = self._parent(tenant_id)
        for _ in range(MAX_ANCESTORS):
            if owner is None:
                return None
            loaded = await self._repository.load(owner, CHARTER, charter_id_of(owner))
            if loaded.state.in_force is not None:
                return await self._found(owner, loaded.state.in_force)
            owner = self._parent(owner)
        return None

    async def _found(self, owner: TenantId, version: Version) -> Found:
        charter = await self._charter(owner, version)
        return Found(CharterInForce(charter, charter_id_of(owner), version.number, version.digest), owner, version)

    async def _charter(self, owner: TenantId, version: Version) -> Charter:
        key = (owner, version.sha256)
        charter = self._read.get(key) or read_charter(await self.text_at(owner, version.sha256))
        self._read[key] = charter
        self._read.move_to_end(key)
        while len(self._read) > MAX_CACHED_CHARTERS:
            self._read.popitem(last=False)
        return charter
