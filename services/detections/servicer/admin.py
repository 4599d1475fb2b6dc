"""DetectionsAdminService: the provider's rule packs, and whose signatures on them count."""

from tenet.detections.v1 import detections_admin_pb2 as rpc
from tenet.detections.v1 import detections_pb2 as pb

from contracts.ids import PROVIDER
from infra.grpc import Context
from services.detections.application.rule_packs import RulePacks
from services.detections.application.rule_publishers import RulePublishers
from services.detections.config import MAX_FAILED_RULES_NAMED
from services.detections.domain.commands import DeployRulePack, DistrustRulePublisher, TrustRulePublisher
from services.detections.domain.rule_pack import named_failures
from services.detections.servicer.shown import failed_messages


class DetectionsAdminServicer:
    def __init__(self, rule_packs: RulePacks, publishers: RulePublishers) -> None:
        self._rule_packs, self._publishers = rule_packs, publishers

    async def ImportRulePack(self, request: rpc.ImportRulePackRequest, context: Context) -> rpc.ImportRulePackResponse:
        imported = await self._rule_packs.import_rule_pack(
            context.call, request.name, request.archive, request.reason, request.signature
        )
        pack = pb.RulePack(
            pack_id=imported.pack_id,
            name=request.name,
            sha256=imported.sha256,
            rules=len(imported.compiled.rules),
            failed=failed_messages(named_failures(imported.compiled)),
            failed_total=len(imported.compiled.failed),
            signer=imported.signer or "",
        )
        failing = sorted(trial.rule_id for trial in imported.trials if trial.failed)
        return rpc.ImportRulePackResponse(
            rule_pack=pack,
            rules_passed=len(imported.trials) - len(failing),
            failing_rule_ids=failing[:MAX_FAILED_RULES_NAMED],
            position=imported.committed.position,
        )

    async def DeployRulePack(self, request: rpc.DeployRulePackRequest, context: Context) -> rpc.DeployRulePackResponse:
        command = DeployRulePack(
            tenant_id=PROVIDER, request_id=request.request_id, pack_id=request.pack_id, reason=request.reason
        )
        committed = await self._rule_packs.deploy_rule_pack(context.call, command)
        return rpc.DeployRulePackResponse(position=committed.position)

    async def TrustRulePublisher(
        self, request: rpc.TrustRulePublisherRequest, context: Context
    ) -> rpc.TrustRulePublisherResponse:
        command = TrustRulePublisher(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            verifier_key=request.verifier_key,
            names=tuple(request.names),
            reason=request.reason,
        )
        committed = await self._publishers.trust_rule_publisher(context.call, command)
        return rpc.TrustRulePublisherResponse(position=committed.position)

    async def DistrustRulePublisher(
        self, request: rpc.DistrustRulePublisherRequest, context: Context
    ) -> rpc.DistrustRulePublisherResponse:
        command = DistrustRulePublisher(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            verifier_key=request.verifier_key,
            release_names=request.release_names,
            reason=request.reason,
        )
        committed = await self._publishers.distrust_rule_publisher(context.call, command)
        return rpc.DistrustRulePublisherResponse(position=committed.position)
