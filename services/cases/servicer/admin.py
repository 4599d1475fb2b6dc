"""CasesAdminService: how a charter comes into force."""

from tenet.cases.v1 import cases_admin_pb2 as rpc

from infra.grpc import Context
from services.cases.application import CasesApplication
from services.cases.domain.charter_versions import charter_id_of
from services.cases.domain.commands import ApproveCharter, ProposeCharter


class CasesAdminServicer:
    def __init__(self, application: CasesApplication) -> None:
        self._permitting, self._charters = application.permitting, application.charters

    async def ProposeCharter(self, request: rpc.ProposeCharterRequest, context: Context) -> rpc.ProposeCharterResponse:
        call = context.call
        command = ProposeCharter(tenant_id=call.tenant_id, request_id=call.request_id, text=request.text)
        done = await self._permitting.propose_charter(call, command)
        # A text that says what the latest version says makes no new one: the answer is that version.
        latest = await self._charters.latest(call.tenant_id)
        proposed = done.recorded[0].event if done.recorded else None
        return rpc.ProposeCharterResponse(
            charter_id=charter_id_of(call.tenant_id),
            charter_version=proposed.charter_version if proposed else latest.number,
            digest=proposed.digest if proposed else latest.digest,
            position=done.position,
        )

    async def ApproveCharter(self, request: rpc.ApproveCharterRequest, context: Context) -> rpc.ApproveCharterResponse:
        call = context.call
        command = ApproveCharter(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            charter_version=request.charter_version,
            digest=request.digest,
        )
        done = await self._permitting.approve_charter(call, command)
        return rpc.ApproveCharterResponse(position=done.position)
