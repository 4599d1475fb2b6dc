"""A rule's text, out of the pack that brought it."""

import asyncio

from contracts.ids import PROVIDER
from infra.object_store.port import ObjectStore
from services.detections.domain.sigma.packs import rule_text


class RuleSources:
    """Packs stay in the provider's object store under their hash, as they were published."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def text(self, pack_sha256: str, path: str) -> bytes | None:
        """Raises ObjectMissing, ObjectCorrupt, ObjectStoreUnavailable."""
        archive = await self._objects.get(PROVIDER, pack_sha256)
        return await asyncio.to_thread(rule_text, archive, path)
