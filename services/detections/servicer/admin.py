"""DetectionsAdminService: the provider's rule packs."""

from tenet.detections.v1 import detections_admin_pb2 as rpc
from tenet.detections.v1 import detections_pb2 as pb

from contracts.ids import PROVIDER
from infra.grpc import Context
from services.detections.application.rule_packs import RulePacks
from services.detections.domain.commands import DeployRulePack
from services.detections.domain.rule_pack import named_failures
from services.detections.servicer.shown import failed_messages


class DetectionsAdminServicer:
    def __init__(self, rule_packs: RulePacks) -> None:
        self._rule_packs = rule_packs

    async def ImportRulePack(self, request: rpc.ImportRulePackRequest, context: Context) -> rpc.ImportRulePackResponse:
        imported = await self._rule_packs.import_rule_pack(context.call, request.name, request.archive)
        pack = pb.RulePack(
            pack_id=imported.pack_id,
            name=request.name,
            sha256=imported.sha256,
            rules=len(imported.compiled.rules),
            failed=failed_messages(named_failures(imported.compiled)),
            failed_total=len(imported.compiled.failed),
        )
        return rpc.ImportRulePackResponse(rule_pack=pack, position=imported.committed.position)

    async def DeployRulePack(self, request: rpc.DeployRulePackRequest, context: Context) -> rpc.DeployRulePackResponse:
        command = DeployRulePack(tenant_id=PROVIDER, request_id=request.request_id, pack_id=request.pack_id)
        committed = await self._rule_packs.deploy_rule_pack(context.call, command)
        return rpc.DeployRulePackResponse(position=committed.position)
