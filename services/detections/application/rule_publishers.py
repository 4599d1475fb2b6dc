"""Trusting and distrusting who signs rule packs, in the provider's ledger."""

from contracts.calls import Call
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from infra.transparency.notes import ED25519, NoteMalformed, Verifier
from services.detections.application.aggregates import RULE_PUBLISHERS
from services.detections.domain import rule_publisher
from services.detections.domain.commands import DistrustRulePublisher, TrustRulePublisher
from services.detections.domain.errors import VerifierKeyUnreadable
from services.detections.domain.rule_publisher import Publishers


class RulePublishers:
    def __init__(self, handler: CommandHandler, repository: Repository) -> None:
        self._handler, self._repository = handler, repository

    async def trust_rule_publisher(self, call: Call, command: TrustRulePublisher) -> Committed:
        """Raises VerifierKeyUnreadable, and as the decision does."""
        _require_signing_key(command.verifier_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PUBLISHERS, rule_publisher.STREAM)
            unit.append(loaded, rule_publisher.trust(loaded.state, command))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def distrust_rule_publisher(self, call: Call, command: DistrustRulePublisher) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(RULE_PUBLISHERS, rule_publisher.STREAM)
            unit.append(loaded, rule_publisher.distrust(loaded.state, command))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def known(self, at: int | None = None) -> Publishers:
        """Now, or as known at a position of the provider's ledger."""
        return (await self._repository.load(PROVIDER, RULE_PUBLISHERS, rule_publisher.STREAM, at=at)).state


def _require_signing_key(verifier_key: str) -> None:
    try:
        verifier = Verifier.parse(verifier_key)
    except NoteMalformed as error:
        raise VerifierKeyUnreadable(error.message) from error
    if verifier.algorithm != ED25519:
        raise VerifierKeyUnreadable("This is the key of a witness, which signs no rule packs.")
