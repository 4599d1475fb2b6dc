"""Audit bundles on the wire."""

import asyncio
from collections.abc import AsyncIterator

from tenet.ledger.v1 import ledger_audit_pb2 as pb

from infra.auth.access_log import AccessLog
from infra.disclosure.bundle_files import pieces_of
from infra.grpc import Context
from services.ledger.application.bundling import Bundling
from services.ledger.domain.commands import ExportBundle


class LedgerAuditServicer:
    def __init__(self, bundling: Bundling, access_log: AccessLog) -> None:
        self._bundling, self._access_log = bundling, access_log

    async def ExportBundle(
        self, request: pb.ExportBundleRequest, context: Context
    ) -> AsyncIterator[pb.ExportBundleResponse]:
        call = context.call
        command = ExportBundle(
            tenant_id=call.tenant_id,
            request_id=request.request_id,
            from_position=request.from_position,
            to_position=request.to_position if request.HasField("to_position") else None,
            purpose=request.purpose,
            case_id=request.case_id if request.HasField("case_id") else None,
        )
        subject = command.case_id or call.rpc
        await self._access_log.record(call.tenant_id, call.actor.id, subjects=[subject], purpose=request.purpose)
        bundled = await self._bundling.export_bundle(call, command)
        yield pb.ExportBundleResponse(
            record=pb.BundleRecord(
                export_id=bundled.export_id,
                sha256=bundled.summary.sha256,
                from_position=bundled.summary.from_position,
                to_position=bundled.summary.to_position,
                position=bundled.committed.position,
            )
        )
        pieces = pieces_of(bundled.summary.path)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            path, data, last = piece
            yield pb.ExportBundleResponse(piece=pb.BundlePiece(path=path, data=data, last=last))
