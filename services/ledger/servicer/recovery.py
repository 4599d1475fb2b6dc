"""The reopening of closed ledgers on the wire."""

from tenet.ledger.v1 import ledger_recovery_admin_pb2 as pb

from contracts.ids import PROVIDER
from infra.grpc import Context
from services.ledger.application.recovering import Recovering
from services.ledger.domain.recovery import ApproveReopening, ProposeReopening


class LedgerRecoveryAdminServicer:
    def __init__(self, recovering: Recovering) -> None:
        self._recovering = recovering

    async def ProposeReopening(
        self, request: pb.ProposeReopeningRequest, context: Context
    ) -> pb.ProposeReopeningResponse:
        call = context.call
        command = ProposeReopening(
            tenant_id=PROVIDER, request_id=request.request_id, log_tenant_id=call.tenant_id, reason=request.reason
        )
        broken, committed = await self._recovering.propose(call, command)
        return pb.ProposeReopeningResponse(
            origin=broken.origin, signed_size=broken.signed_size, entries=broken.entries, position=committed.position
        )

    async def ApproveReopening(
        self, request: pb.ApproveReopeningRequest, context: Context
    ) -> pb.ApproveReopeningResponse:
        call = context.call
        command = ApproveReopening(tenant_id=PROVIDER, request_id=request.request_id, log_tenant_id=call.tenant_id)
        reopened = await self._recovering.approve(call, command)
        return pb.ApproveReopeningResponse(
            origin=reopened.origin, verifier_key=reopened.verifier_key, position=reopened.committed.position
        )
