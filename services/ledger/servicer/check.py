"""The check of a live ledger on the wire."""

from tenet.ledger.v1 import ledger_check_pb2 as pb

from infra.auth.access_log import AccessLog
from infra.grpc import Context
from services.ledger.application.checking import Checking


class LedgerCheckServicer:
    def __init__(self, checking: Checking, access_log: AccessLog) -> None:
        self._checking, self._access_log = checking, access_log

    async def CheckLedger(self, request: pb.CheckLedgerRequest, context: Context) -> pb.CheckLedgerResponse:
        call = context.call
        await self._access_log.record(
            call.tenant_id, call.actor.id, subjects=[call.rpc], purpose="check that the ledger is whole"
        )
        checked = await self._checking.check_ledger(call.tenant_id, list(request.held_checkpoints))
        findings = checked.findings
        return pb.CheckLedgerResponse(
            findings=[
                pb.LedgerFinding(kind=each.kind.value, place=each.place, position=each.position, message=each.message)
                for each in findings.found
            ],
            finding_count=findings.count,
            first_position=findings.first_position,
            entries=checked.entries,
            openings=checked.openings,
            erased=checked.erased,
            held_heads=checked.held_heads,
            signed_size=checked.signed.size if checked.signed else 0,
        )
