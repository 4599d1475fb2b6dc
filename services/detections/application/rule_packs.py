"""Importing and deploying rule packs, in the provider's ledger."""

import asyncio
import hashlib
from dataclasses import dataclass

import orjson

from contracts.calls import Call
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from infra.object_store.port import ObjectStore
from infra.transparency.signed_packs import require_signature_of, signers_of
from services.detections.application.aggregates import RULE_LIVES, RULE_PACK, RULE_PUBLISHERS
from services.detections.application.deployed_rules import DeployedRules
from services.detections.domain import rule_life, rule_pack, rule_publisher
from services.detections.domain.commands import DeployRulePack, ImportRulePack
from services.detections.domain.inline_tests import Trial, try_rules
from services.detections.domain.rule_publisher import Publishers
from services.detections.domain.sigma.packs import CompiledPack, compile_pack


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to, with the outcome of the tests within the rules. It recorded nothing when the pack had
    been imported before. `signer` is the verifier key of who has signed the pack, in this import or an earlier one."""

    pack_id: str
    sha256: str
    signer: str | None
    compiled: CompiledPack
    trials: tuple[Trial, ...]
    committed: Committed


class RulePacks:
    def __init__(
        self, handler: CommandHandler, repository: Repository, objects: ObjectStore, deployed: DeployedRules
    ) -> None:
        self._handler, self._repository, self._objects, self._deployed = handler, repository, objects, deployed

    async def import_rule_pack(
        self, call: Call, name: str, archive: bytes, reason: str = "", signature: bytes = b""
    ) -> Imported:
        """`signature` is the note beside the pack (`infra/transparency/signed_packs.py`), empty where there is none.

        Raises RulePackSignatureMalformed, RulePackSignatureOfAnother, RulePackSignatureFalse, RulePackSignerUntrusted,
        RulePackUnsigned, RulePackUnreadable, RulePackEmpty, ObjectStoreFull.
        """
        sha256 = hashlib.sha256(archive).hexdigest()
        if signature:
            require_signature_of(signature, name, sha256)
        compiled, trials = await asyncio.to_thread(_tried, archive)
        command = ImportRulePack(
            tenant_id=PROVIDER,
            request_id=call.request_id,
            name=name,
            sha256=sha256,
            signature_sha256=hashlib.sha256(signature).hexdigest() if signature else "",
            reason=reason,
        )
        pack_id = rule_pack.pack_id_of(name, sha256)
        failed_sha256 = await self._keep(archive, signature, compiled)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PACK, pack_id)
            lives = await unit.load(RULE_LIVES, rule_life.STREAM)
            publishers = await self._publishers(unit)
            signed_by = signers_of(signature, publishers.by_key) if signature else None
            signer = publishers.signer_for(name, signed_by)
            unit.append(loaded, rule_pack.import_pack(loaded.state, command, compiled, failed_sha256, signer))
            pack = rule_pack.RulePack(pack_id, name, sha256)
            again = loaded.state.exists
            unit.append(lives, rule_life.research(lives.state, pack, compiled, trials, reason, again=again))

        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        standing = (await self._repository.load(PROVIDER, RULE_PACK, pack_id)).state
        return Imported(pack_id, sha256, standing.signer, compiled, tuple(trials), committed)

    async def deploy_rule_pack(self, call: Call, command: DeployRulePack) -> Committed:
        """On return this process runs the pack; other processes follow within seconds.

        Raises RulePackUnknown, RulePackUnsigned, RulePackSignerUntrusted, RuleTestsFailed.
        """

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PACK, command.pack_id)
            pack = loaded.state
            unit.append(loaded, rule_pack.deploy(pack, await self._publishers(unit)))
            # The lives before the packs: whoever deploys in between moves the lives on, and this is decided anew.
            lives = await unit.load(RULE_LIVES, rule_life.STREAM)
            held = await self._deployed.held(pack.name, pack.sha256)
            own = await self._deployed.texts_of(pack.sha256)
            unit.append(lives, rule_life.deploy(lives.state, pack, held, own, command.reason))

        committed = await self._handler.handle(call.for_tenant(PROVIDER), command, work)
        await self._deployed.catch_up()
        return committed

    async def _publishers(self, unit: Unit) -> Publishers:
        """Who is trusted, and still is when the command is appended."""
        loaded = await unit.load(RULE_PUBLISHERS, rule_publisher.STREAM)
        unit.require(loaded)
        return loaded.state

    async def _keep(self, archive: bytes, signature: bytes, compiled: CompiledPack) -> str | None:
        """Makes pack, signature and full list of failures durable before the event that cites them."""
        await self._objects.put(PROVIDER, archive)
        if signature:
            await self._objects.put(PROVIDER, signature)
        if not compiled.failed:
            return None
        lines = b"".join(orjson.dumps({"path": path, "reason": reason}) + b"\n" for path, reason in compiled.failed)
        return (await self._objects.put(PROVIDER, lines)).sha256


def _tried(archive: bytes) -> tuple[CompiledPack, list[Trial]]:
    compiled = compile_pack(archive)
    return compiled, try_rules(compiled.rules, compiled.correlations, compiled.tested)
