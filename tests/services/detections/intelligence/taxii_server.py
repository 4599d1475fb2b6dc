"""A TAXII 2.1 server with one collection, over HTTP: pages, cursors, a login, and ways to misbehave."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

MEDIA_TYPE = "application/taxii+json;version=2.1"
COLLECTION = "/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
Answer = Callable[[web.Request], web.StreamResponse]


class TaxiiServer:
    """`objects` are (time of adding, object); `page` is how many an answer holds; `tells_times` whether it
    says when they were added; `misbehave` answers in its place."""

    def __init__(self) -> None:
        self.objects: list[tuple[str, dict[str, Any]]] = []
        self.page = 2
        self.tells_times = True
        self.login = ""
        self.misbehave: Callable[[web.Request], Any] | None = None
        self.asked: list[dict[str, str]] = []
        self.url = ""
        self.host = ""

    async def collection(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        identifier = COLLECTION.strip("/").rpartition("/")[2]
        return _answer({"id": identifier, "title": "a collection", "can_read": True, "can_write": False})

    async def objects_of(self, request: web.Request) -> web.StreamResponse:
        self._check(request)
        self.asked.append(dict(request.query))
        if self.misbehave is not None:
            answer: web.StreamResponse | Awaitable[web.StreamResponse] = self.misbehave(request)
            return answer if isinstance(answer, web.StreamResponse) else await answer
        after = request.query.get("added_after", "")
        found = [each for each in self.objects if each[0] > after]
        start = int(request.query.get("next", "0"))
        shown = found[start : start + self.page]
        envelope: dict[str, Any] = {"objects": [each for _, each in shown]} if shown else {}
        if len(found) > start + self.page:
            envelope |= {"more": True, "next": str(start + self.page)}
        headers = {"X-TAXII-Date-Added-Last": shown[-1][0]} if shown and self.tells_times else {}
        return _answer(envelope, headers)

    def _check(self, request: web.Request) -> None:
        expected = "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.login and request.headers.get("Authorization") != expected:
            raise web.HTTPUnauthorized


def _answer(value: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), headers={"Content-Type": MEDIA_TYPE, **(headers or {})})


@asynccontextmanager
async def serving_taxii() -> AsyncIterator[TaxiiServer]:
    server = TaxiiServer()
    application = web.Application()
    application.router.add_get(COLLECTION, server.collection)
    application.router.add_get(f"{COLLECTION}objects/", server.objects_of)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.host = f"{host}:{port}"
    server.url = f"http://{server.host}{COLLECTION}"
    try:
        yield server
    finally:
        await runner.cleanup()
