"""Tenants' logs as static files over HTTP (C2SP tlog-tiles), for those who may read the ledger.

    /<tenant>/checkpoint    /<tenant>/tile/<level>/<index>[.p/<width>]    /<tenant>/tile/entries/<index>[.p/<width>]

A tenant's log is not public, because entries hold clear envelopes: every request carries the same `Authorization` as an
RPC. Checkpoints and hashes are for whoever may call GetCheckpoint, entries for whoever may call Read.
"""

import asyncio

from aiohttp import web
from multidict import CIMultiDict

from contracts.errors import Kind, TenantUnknown, TenetError
from contracts.ids import TenantId, is_tenant_id
from infra.auth.access_log import AccessNotes
from infra.auth.gate import Addressed, Caller, Gate
from infra.transparency.proofs import NotSealedYet, Proofs
from infra.transparency.storage import LogStorage, TileMissing
from infra.transparency.tiles import HEIGHT, WIDTH, Tile

HASHES_RPC = "/tenet.ledger.v1.LedgerReadService/GetCheckpoint"
ENTRIES_RPC = "/tenet.ledger.v1.LedgerReadService/Read"

_IMMUTABLE = "private, max-age=31536000, immutable"
"""Private: a shared cache would hand a tenant's entries to whoever asks it."""
_STATUS = {
    Kind.INVALID_ARGUMENT: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PERMISSION_DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.FAILED_PRECONDITION: 409,
    Kind.RESOURCE_EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.DEADLINE_EXCEEDED: 504,
}


class LogFiles:
    def __init__(self, storage: LogStorage, gate: Gate, notes: AccessNotes) -> None:
        self._storage, self._gate, self._notes = storage, gate, notes

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{tenant}/checkpoint", self._checkpoint)
        application.router.add_get("/{tenant}/{tile:tile/.+}", self._tile)
        return application

    async def _checkpoint(self, request: web.Request) -> web.Response:
        try:
            tenant_id = await self._admit(request, HASHES_RPC)
            data = await asyncio.to_thread(self._storage.of(tenant_id).checkpoint)
            if data is None:
                raise NotSealedYet("No checkpoint of this log has been signed yet.")
        except TenetError as error:
            return _refusal(error)
        return web.Response(
            body=data, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "private, no-cache"}
        )

    async def _tile(self, request: web.Request) -> web.Response:
        try:
            tile = Tile.parse(request.match_info["tile"])
            tenant_id = await self._admit(request, ENTRIES_RPC if tile.level is None else HASHES_RPC)
            data = await asyncio.to_thread(self._read, tenant_id, tile)
        except TenetError as error:
            return _refusal(error)
        response = web.Response(
            body=data, content_type="application/octet-stream", headers={"Cache-Control": _IMMUTABLE}
        )
        if tile.level is None:
            response.enable_compression()
        return response

    def _read(self, tenant_id: TenantId, tile: Tile) -> bytes:
        """Only what the newest checkpoint covers."""
        directory = self._storage.of(tenant_id)
        size = Proofs.newest(directory).size
        if tile.index * WIDTH + tile.width > size >> HEIGHT * (tile.level or 0):
            raise TileMissing("No checkpoint covers that tile.", metadata={"tile": tile.path})
        return directory.read(tile)

    async def _admit(self, request: web.Request, rpc: str) -> TenantId:
        caller: Caller | None = None
        try:
            caller = await self._gate.authenticate(request.headers.get("Authorization", ""))
            tenant_id = TenantId(request.match_info["tenant"])
            if not is_tenant_id(tenant_id):
                raise TenantUnknown
            await self._gate.admit(caller, rpc, Addressed(tenant_id))
        except TenetError as error:
            self._gate.note_refusal(caller, rpc, error)
            raise
        self._notes.note(tenant_id, caller.actor.id, subject=rpc, purpose="read the log's files")
        return tenant_id


def _refusal(error: TenetError) -> web.Response:
    status = _STATUS.get(error.kind, 500)
    headers = CIMultiDict({"Cache-Control": "no-store"})
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response({"reason": error.reason, "message": error.message}, status=status, headers=headers)
