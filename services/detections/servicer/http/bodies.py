"""Request bodies within limits of size, time and number."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from contracts.ids import TenantId
from services.detections.config import (
    BODY_SECONDS,
    MAX_BATCH_BYTES,
    MAX_BODIES_PER_TENANT,
    MAX_BODY_UNPACKED_BYTES,
)
from services.detections.domain.errors import QuotaExceeded
from services.detections.domain.formats.archives import Unpacking, files
from services.detections.domain.formats.records import Reason
from services.detections.servicer.http.answers import BodyTooLarge, BodyTooSlow, BodyUnreadable, EncodingUnknown

_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})


class Bodies:
    """Reads bodies; those of one tenant that are under way at once are limited, since each is held in memory."""

    def __init__(self) -> None:
        self._under_way: Counter[TenantId] = Counter()

    @asynccontextmanager
    async def of(self, request: web.Request, tenant_id: TenantId) -> AsyncIterator[bytes]:
        """The body as sent, still packed. Raises QuotaExceeded, BodyTooLarge, BodyTooSlow, EncodingUnknown."""
        if request.headers.get("Content-Encoding", "").lower() not in _ENCODINGS:
            raise EncodingUnknown("Pack a body as gzip or zstd, or not at all.")
        if self._under_way[tenant_id] >= MAX_BODIES_PER_TENANT:
            metadata = {"quota": "requests", "limit": str(MAX_BODIES_PER_TENANT), "retry_after_seconds": "1"}
            raise QuotaExceeded("This tenant has too many requests under way.", metadata=metadata)
        self._under_way[tenant_id] += 1
        try:
            yield await _read(request)
        finally:
            self._under_way[tenant_id] -= 1
            if not self._under_way[tenant_id]:
                del self._under_way[tenant_id]


async def _read(request: web.Request) -> bytes:
    too_large = BodyTooLarge("The body is too large; send less at a time.", metadata={"limit": str(MAX_BATCH_BYTES)})
    if (request.content_length or 0) > MAX_BATCH_BYTES:
        raise too_large
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    except TimeoutError:
        raise BodyTooSlow("The body did not come in time.", metadata={"limit_seconds": str(BODY_SECONDS)}) from None


async def unpacked(body: bytes) -> bytes:
    """The body's content. Raises BodyTooLarge, BodyUnreadable."""
    return await asyncio.to_thread(_unpack, body)


def _unpack(body: bytes) -> bytes:
    unpacking = Unpacking(allowance=MAX_BODY_UNPACKED_BYTES)
    content = b"".join(chunk for chunks in files(body, unpacking) for chunk in chunks)
    for reason, _ in unpacking.put_aside:
        if reason is Reason.ARCHIVE_TOO_LARGE:
            limit = {"limit": str(MAX_BODY_UNPACKED_BYTES)}
            raise BodyTooLarge("The body unpacks to too much; send less at a time.", metadata=limit)
        raise BodyUnreadable(f"The body cannot be unpacked: {reason.value}.")
    return content
