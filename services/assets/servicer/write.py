"""AssetsWriteService: one command an RPC. Method names are those of the RPCs."""

from tenet.assets.v1 import assets_write_pb2 as rpc

from contracts.events.assets import FindingKind
from contracts.labels import Label
from infra.grpc import Context
from infra.read_database.policies import Clock
from services.assets.application.assets import Assets
from services.assets.domain.commands import (
    ReclassifyAsset,
    RecordHeartbeat,
    RegisterAsset,
    RegisterSensor,
    ReportFinding,
    ReportFindingFix,
    RetireAsset,
    ValidateFinding,
    VerifyFindingFix,
    WithdrawFindingValidation,
)
from services.assets.servicer.wire import (
    ASSET_CLASSES,
    ASSET_KINDS,
    EXPOSURES,
    FINDING_KINDS,
    LABELS,
    VERDICTS,
    evidence_brought,
    named,
    sight,
    timestamp,
)


class AssetsWriteServicer:
    def __init__(self, assets: Assets, clock: Clock) -> None:
        self._assets = assets
        self._clock = clock

    async def RegisterAsset(self, request: rpc.RegisterAssetRequest, context: Context) -> rpc.RegisterAssetResponse:
        call = context.call
        made = await self._assets.register_asset(
            call,
            RegisterAsset(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                kind=named(ASSET_KINDS, request.kind),
                asset_class=named(ASSET_CLASSES, request.asset_class),
                value=request.value,
                group=request.group,
                name=request.name,
                addresses=tuple(request.addresses),
                owner=request.owner or None,
                business_context=request.business_context or None,
                external_id=request.external_id or None,
            ),
        )
        return rpc.RegisterAssetResponse(asset_id=made.id, position=made.committed.position)

    async def ReclassifyAsset(
        self, request: rpc.ReclassifyAssetRequest, context: Context
    ) -> rpc.ReclassifyAssetResponse:
        call = context.call
        committed = await self._assets.reclassify_asset(
            call,
            ReclassifyAsset(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                asset_id=request.asset_id,
                asset_class=named(ASSET_CLASSES, request.asset_class),
                value=request.value,
                group=request.group,
                reason=request.reason,
            ),
        )
        return rpc.ReclassifyAssetResponse(position=committed.position)

    async def RetireAsset(self, request: rpc.RetireAssetRequest, context: Context) -> rpc.RetireAssetResponse:
        call = context.call
        committed = await self._assets.retire_asset(
            call,
            RetireAsset(
                tenant_id=call.tenant_id, request_id=call.request_id, asset_id=request.asset_id, reason=request.reason
            ),
        )
        return rpc.RetireAssetResponse(position=committed.position)

    async def RegisterSensor(self, request: rpc.RegisterSensorRequest, context: Context) -> rpc.RegisterSensorResponse:
        call = context.call
        made = await self._assets.register_sensor(
            call,
            RegisterSensor(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                system_type=request.system_type,
                asset_id=request.asset_id or None,
                interval_seconds=request.interval_seconds,
                principal_id=request.principal_id or None,
            ),
        )
        return rpc.RegisterSensorResponse(sensor_id=made.id, position=made.committed.position)

    async def RecordHeartbeat(
        self, request: rpc.RecordHeartbeatRequest, context: Context
    ) -> rpc.RecordHeartbeatResponse:
        call, heard_at = context.call, self._clock()
        command = RecordHeartbeat(tenant_id=call.tenant_id, request_id=call.request_id, sensor_id=request.sensor_id)
        position = await self._assets.record_heartbeat(call, command, heard_at)
        return rpc.RecordHeartbeatResponse(heard_at=timestamp(heard_at), position=position)

    async def ReportFinding(self, request: rpc.ReportFindingRequest, context: Context) -> rpc.ReportFindingResponse:
        call = context.call
        kind: FindingKind = named(FINDING_KINDS, request.kind)
        label: Label = named(LABELS, request.label)
        made = await self._assets.report_finding(
            call,
            ReportFinding(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                kind=kind,
                asset_ids=tuple(request.asset_ids),
                title=request.title,
                vulnerability_id=request.vulnerability_id if request.HasField("vulnerability_id") else None,
                severity_id=request.severity_id,
                exposure=named(EXPOSURES, request.exposure) if request.HasField("exposure") else None,
                likelihood_millionths=(
                    request.likelihood_millionths if request.HasField("likelihood_millionths") else None
                ),
                known_exploited=request.known_exploited if request.HasField("known_exploited") else None,
                detail=request.detail,
                label=label,
                source=request.source,
            ),
        )
        return rpc.ReportFindingResponse(finding_id=made.id, position=made.committed.position)

    async def ValidateFinding(
        self, request: rpc.ValidateFindingRequest, context: Context
    ) -> rpc.ValidateFindingResponse:
        call = context.call
        committed = await self._assets.validate_finding(
            call,
            ValidateFinding(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                finding_id=request.finding_id,
                verdict=named(VERDICTS, request.verdict),
                confidence_percent=request.confidence_percent,
                rationale=request.rationale,
                evidence=tuple(evidence_brought(item) for item in request.evidence),
                seen=tuple(sight(item) for item in request.seen),
            ),
        )
        return rpc.ValidateFindingResponse(position=committed.position)

    async def WithdrawFindingValidation(
        self, request: rpc.WithdrawFindingValidationRequest, context: Context
    ) -> rpc.WithdrawFindingValidationResponse:
        call = context.call
        committed = await self._assets.withdraw_finding_validation(
            call,
            WithdrawFindingValidation(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                finding_id=request.finding_id,
                validation_position=request.validation_position,
                reason=request.reason,
            ),
        )
        return rpc.WithdrawFindingValidationResponse(position=committed.position)

    async def ReportFindingFix(
        self, request: rpc.ReportFindingFixRequest, context: Context
    ) -> rpc.ReportFindingFixResponse:
        call = context.call
        committed = await self._assets.report_finding_fix(
            call,
            ReportFindingFix(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                finding_id=request.finding_id,
                asset_ids=tuple(request.asset_ids),
                detail=request.detail,
            ),
        )
        return rpc.ReportFindingFixResponse(position=committed.position)

    async def VerifyFindingFix(
        self, request: rpc.VerifyFindingFixRequest, context: Context
    ) -> rpc.VerifyFindingFixResponse:
        call = context.call
        committed = await self._assets.verify_finding_fix(
            call,
            VerifyFindingFix(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                finding_id=request.finding_id,
                asset_ids=tuple(request.asset_ids),
                observation=evidence_brought(request.observation),
            ),
        )
        return rpc.VerifyFindingFixResponse(position=committed.position)
