"""A rule pack as published: imported once per content, deployed as often as it is put to work."""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.detections import FailedRule, RulePackDeployed, RulePackImported
from contracts.ids import derive_id
from services.detections.config import MAX_FAILED_REASON_CHARACTERS, MAX_FAILED_RULES_NAMED
from services.detections.domain.commands import ImportRulePack
from services.detections.domain.errors import RulePackEmpty, RulePackUnknown
from services.detections.domain.rule_publisher import Publishers
from services.detections.domain.sigma.packs import CompiledPack

CATEGORY = "rule_pack"
RulePackEvent = RulePackImported | RulePackDeployed


@dataclass(frozen=True, slots=True)
class RulePack:
    pack_id: str = ""
    name: str = ""
    sha256: str = ""
    deployed: int = 0
    signer: str | None = None

    @property
    def exists(self) -> bool:
        return bool(self.pack_id)


def initial() -> RulePack:
    return RulePack()


def evolve(state: RulePack, recorded: Recorded[RulePackEvent]) -> RulePack:
    event = recorded.event
    match event:
        case RulePackImported():
            return RulePack(event.pack_id, event.name, event.sha256, state.deployed, event.signer)
        case RulePackDeployed():
            return replace(state, deployed=state.deployed + 1)
        case _:
            assert_never(event)


def pack_id_of(name: str, sha256: str) -> str:
    """The same content under the same name is the same pack, whoever imports it again."""
    return derive_id("rule_pack", name, sha256)


def import_pack(
    state: RulePack, command: ImportRulePack, compiled: CompiledPack, failed_sha256: str | None, signer: str | None
) -> list[RulePackImported]:
    """`signer` is whose signature let it in, None where it needs none and has none.

    Nothing when it was imported before, unless it comes with a signature that it did not have: what was signed once
    stays so. Raises RulePackEmpty when no rule of it compiles.
    """
    if state.exists and signer in (None, state.signer):
        return []
    if not compiled.rules:
        raise RulePackEmpty("No rule of this pack compiles.", metadata={"failed": str(len(compiled.failed))})
    return [
        RulePackImported(
            pack_id=pack_id_of(command.name, command.sha256),
            name=command.name,
            sha256=command.sha256,
            rules=len(compiled.rules),
            failed=named_failures(compiled),
            failed_total=len(compiled.failed),
            failed_sha256=failed_sha256,
            signer=signer,
            signature_sha256=command.signature_sha256 if signer else None,
        )
    ]


def named_failures(compiled: CompiledPack) -> tuple[FailedRule, ...]:
    """The first rules that do not compile, as many as an event can name."""
    return tuple(
        FailedRule(path=path[:MAX_FAILED_REASON_CHARACTERS], reason=reason[:MAX_FAILED_REASON_CHARACTERS])
        for path, reason in compiled.failed[:MAX_FAILED_RULES_NAMED]
    )


def deploy(state: RulePack, publishers: Publishers) -> list[RulePackDeployed]:
    """Deploying again what was deployed before is how a newer version is rolled back.

    The signature is judged by who is trusted now: what was imported before a publisher was bound to the name, or was
    signed by a key that is distrusted since, is not put to work. Raises RulePackUnknown, RulePackUnsigned,
    RulePackSignerUntrusted.
    """
    if not state.exists:
        raise RulePackUnknown("There is no such rule pack.")
    publishers.signer_for(state.name, None if state.signer is None else (state.signer,))
    return [RulePackDeployed(pack_id=state.pack_id, name=state.name, sha256=state.sha256)]
