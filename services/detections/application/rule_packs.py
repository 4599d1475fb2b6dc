"""Importing and deploying rule packs, in the provider's ledger."""

import asyncio
import hashlib
from dataclasses import dataclass

import orjson

from contracts.calls import Call
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.object_store.port import ObjectStore
from services.detections.application.aggregates import RULE_PACK
from services.detections.application.deployed_rules import DeployedRules
from services.detections.domain import rule_pack
from services.detections.domain.commands import DeployRulePack, ImportRulePack
from services.detections.domain.sigma.packs import CompiledPack, compile_pack


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to. It recorded nothing when the pack had been imported before."""

    pack_id: str
    sha256: str
    compiled: CompiledPack
    committed: Committed


class RulePacks:
    def __init__(self, handler: CommandHandler, objects: ObjectStore, deployed: DeployedRules) -> None:
        self._handler, self._objects, self._deployed = handler, objects, deployed

    async def import_rule_pack(self, call: Call, name: str, archive: bytes) -> Imported:
        """Raises RulePackUnreadable, RulePackEmpty, ObjectStoreFull."""
        compiled = await asyncio.to_thread(compile_pack, archive)
        sha256 = hashlib.sha256(archive).hexdigest()
        command = ImportRulePack(tenant_id=PROVIDER, request_id=call.request_id, name=name, sha256=sha256)
        pack_id = rule_pack.pack_id_of(name, sha256)
        failed_sha256 = await self._keep(archive, compiled)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PACK, pack_id)
            unit.append(loaded, rule_pack.import_pack(loaded.state, command, compiled, failed_sha256))

        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        return Imported(pack_id, sha256, compiled, committed)

    async def deploy_rule_pack(self, call: Call, command: DeployRulePack) -> Committed:
        """On return this process runs the pack; other processes follow within seconds. Raises RulePackUnknown."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PACK, command.pack_id)
            unit.append(loaded, rule_pack.deploy(loaded.state))

        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        await self._deployed.catch_up()
        return committed

    async def _keep(self, archive: bytes, compiled: CompiledPack) -> str | None:
        """Makes pack and full list of failures durable before the event that cites them."""
        await self._objects.put(PROVIDER, archive)
        if not compiled.failed:
            return None
        lines = b"".join(orjson.dumps({"path": path, "reason": reason}) + b"\n" for path, reason in compiled.failed)
        return (await self._objects.put(PROVIDER, lines)).sha256
