"""The paths of the intake and what each answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from aiohttp import web
from prometheus_client import Histogram

from contracts.errors import TenetError
from infra.auth.gate import Gate
from infra.telemetry import is_traceparent, span
from infra.telemetry.metrics import LATENCY_BUCKETS
from services.detections.application.ingest import Ingest, Receipt
from services.detections.config import MAX_BATCH_BYTES, REQUEST_SECONDS
from services.detections.servicer.http import otlp, splunk
from services.detections.servicer.http.admission import Admission, Sender
from services.detections.servicer.http.answers import RETRY_SECONDS, EncodingUnknown, refusal
from services.detections.servicer.http.bodies import Bodies, unpacked

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_TIMES = Histogram(
    "tenet_intake_seconds",
    "Time from a telemetry request's arrival over HTTP to its answer.",
    ("path", "status"),
    buckets=LATENCY_BUCKETS,
)
HEALTHY = {"text": "HEC is healthy", "code": 17}

log = structlog.get_logger()


class HttpIntake:
    def __init__(self, ingest: Ingest, gate: Gate, clock: Callable[[], datetime]) -> None:
        self._ingest, self._clock = ingest, clock
        self._admission, self._bodies = Admission(gate, clock), Bodies()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BATCH_BYTES, middlewares=[_measured])
        add = application.router.add_post
        add("/v1/telemetry", self._telemetry)
        add("/v1/logs", self._logs)
        for path in ("/services/collector", "/services/collector/event", "/services/collector/event/1.0"):
            add(path, self._events)
        for path in ("/services/collector/raw", "/services/collector/raw/1.0"):
            add(path, self._raw)
        for path in ("/services/collector/health", "/services/collector/health/1.0"):
            application.router.add_get(path, _health)
        return application

    async def _telemetry(self, request: web.Request) -> web.Response:
        try:
            sender = await self._admission.admit(request, request.headers.get("Authorization", ""))
            async with self._bodies.of(request, sender.call.tenant_id) as body:
                # Packed as it came: it is kept so, and unpacked within limits while it is read.
                receipt = await self._take(sender, body)
        except TenetError as error:
            return refusal(error)
        return web.json_response(_receipt(receipt))

    async def _logs(self, request: web.Request) -> web.Response:
        try:
            sender = await self._admission.admit(request, request.headers.get("Authorization", ""))
            if request.content_type not in otlp.CONTENT_TYPES:
                raise EncodingUnknown(f"OTLP/HTTP comes as {' or '.join(otlp.CONTENT_TYPES)}.")
            async with self._bodies.of(request, sender.call.tenant_id) as body:
                content = await asyncio.to_thread(otlp.lines, await unpacked(body), request.content_type)
                aside = sum(count for _, count in (await self._take(sender, content)).put_aside) if content else 0
        except TenetError as error:
            return refusal(error)
        return web.Response(body=otlp.answer(aside, request.content_type), content_type=request.content_type)

    async def _events(self, request: web.Request) -> web.Response:
        return await self._for_splunk(request, splunk.lines)

    async def _raw(self, request: web.Request) -> web.Response:
        return await self._for_splunk(request, splunk.raw)

    async def _for_splunk(self, request: web.Request, shape: Callable[[bytes], bytes]) -> web.Response:
        try:
            sender = await self._admission.admit(request, splunk.authorization(request.headers))
            async with self._bodies.of(request, sender.call.tenant_id) as body:
                content = await asyncio.to_thread(shape, await unpacked(body))
                await self._take(sender, content)
        except TenetError as error:
            return splunk.refusal(error)
        return web.json_response(splunk.SUCCESS)

    async def _take(self, sender: Sender, content: bytes) -> Receipt:
        call, batch = sender.batch(content, self._clock())
        async with asyncio.timeout(REQUEST_SECONDS):
            return await self._ingest.ingest_batch(call, batch)


@web.middleware
async def _measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Times every request, and keeps what goes wrong inside from reaching the sender as anything but a reason."""
    began, status = time.perf_counter(), 500
    resource = request.match_info.route.resource
    path = resource.canonical if resource is not None else "unknown"
    parent = request.headers.get("traceparent", "")
    try:
        with span(f"HTTP {path}", parent=parent if is_traceparent(parent) else None):
            answer = await handler(request)
        status = answer.status
        return answer
    except web.HTTPException as answer:
        status = answer.status
        return web.json_response({"reason": "NO_SUCH_PATH", "message": answer.reason}, status=status)
    except TimeoutError:
        status = 503
        body = {"reason": "DEADLINE_EXCEEDED", "message": "It took too long; sending the same again repeats nothing."}
        return web.json_response(body, status=status, headers={"Retry-After": RETRY_SECONDS})
    except Exception:
        # The sender gets an answer of our shape whatever it was, and nothing of its inside.
        log.exception("intake_failed", path=path)
        return web.json_response({"reason": "INTERNAL", "message": "The log of the service says more."}, status=500)
    finally:
        REQUEST_TIMES.labels(path, str(status)).observe(time.perf_counter() - began)


async def _health(_request: web.Request) -> web.Response:
    return web.json_response(HEALTHY)


def _receipt(receipt: Receipt) -> dict[str, object]:
    return {
        "batch_id": receipt.batch_id,
        "sha256": receipt.sha256,
        "records": receipt.records,
        "accepted": receipt.accepted,
        "repeated": receipt.repeated,
        "put_aside": dict(receipt.put_aside),
        "skewed": receipt.skewed,
        "raised": receipt.raised,
        "joined": receipt.joined,
        "position": receipt.position,
        "samples": [
            {"offset": each.offset, "reason": each.reason, "head": each.head.decode("utf-8", "replace")}
            for each in receipt.samples
        ],
    }
