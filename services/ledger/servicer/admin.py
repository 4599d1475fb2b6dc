"""Exports, and the keys of logs."""

from tenet.ledger.v1 import ledger_admin_pb2 as pb

from contracts.ids import PROVIDER
from infra.auth.access_log import AccessLog
from infra.grpc import Context
from services.ledger.application.exporting import Exporting
from services.ledger.application.log_keys import LogKeyRotation
from services.ledger.domain.commands import ExportLedger
from services.ledger.domain.log_key import RotateLogKey


class LedgerAdminServicer:
    def __init__(self, exporting: Exporting, rotation: LogKeyRotation, access_log: AccessLog) -> None:
        self._exporting, self._rotation, self._access_log = exporting, rotation, access_log

    async def ExportLedger(self, request: pb.ExportLedgerRequest, context: Context) -> pb.ExportLedgerResponse:
        call = context.call
        command = ExportLedger(
            tenant_id=call.tenant_id,
            request_id=request.request_id,
            from_position=request.from_position,
            to_position=request.to_position if request.HasField("to_position") else None,
            purpose=request.purpose,
        )
        await self._access_log.record(call.tenant_id, call.actor.id, subjects=[call.rpc], purpose=request.purpose)
        exported = await self._exporting.export_ledger(call, command)
        return pb.ExportLedgerResponse(
            export_id=exported.export_id,
            sha256=exported.summary.sha256,
            from_position=exported.summary.from_position,
            to_position=exported.summary.to_position,
            export_path=str(exported.summary.path),
            position=exported.committed.position,
        )

    async def RotateLogKey(self, request: pb.RotateLogKeyRequest, context: Context) -> pb.RotateLogKeyResponse:
        call = context.call
        command = RotateLogKey(tenant_id=PROVIDER, request_id=request.request_id, log_tenant_id=call.tenant_id)
        rotated = await self._rotation.rotate(call, command)
        return pb.RotateLogKeyResponse(
            generation=rotated.generation, verifier_key=rotated.verifier_key, position=rotated.committed.position
        )
