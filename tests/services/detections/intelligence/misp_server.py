"""A MISP feed in its published layout, and a MISP server's search, over HTTP, with ways to misbehave."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from infra.outbound.sessions import Credential, Door
from tests.services.detections.intelligence.loopback import LOOPBACK_ALLOWED


class MispServer:
    """`events` are documents as they are published, by uuid; `files` replace whole answers, by the file's name."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Callable[[], web.Response]] = {}
        self.key = ""
        self.asked: list[str] = []
        self.searched: list[dict[str, Any]] = []
        self.misbehave: Callable[[dict[str, Any]], web.Response | None] | None = None
        self.host = ""

    def door(self, kind: str = "feed", key: str = "") -> Door:
        url = {"feed": f"http://{self.host}/feed/", "server": f"http://{self.host}/misp"}[kind]
        return Door(url, Credential.of(f"{key}@{self.host}") if key else None, LOOPBACK_ALLOWED)

    def publish(self, event: dict[str, Any], moment: int) -> str:
        """An event as of a moment; the same uuid again is its next version."""
        said = event["Event"]
        said |= {"timestamp": str(moment), "publish_timestamp": str(moment)}
        self.events[said["uuid"]] = json.loads(json.dumps(event))
        return str(said["uuid"])

    async def file(self, request: web.Request) -> web.Response:
        self._check(request)
        name = request.match_info["name"]
        self.asked.append(name)
        if name in self.files:
            return self.files[name]()
        if name == "manifest.json":
            return web.json_response(
                {
                    uuid: {"info": event["Event"]["info"], "timestamp": event["Event"]["timestamp"]}
                    for uuid, event in self.events.items()
                }
            )
        found = self.events.get(name.removesuffix(".json"))
        if found is None:
            raise web.HTTPNotFound
        return web.json_response(found)

    async def search(self, request: web.Request) -> web.Response:
        self._check(request)
        wanted = await request.json()
        self.searched.append(wanted)
        if self.misbehave is not None and (answer := self.misbehave(wanted)) is not None:
            return answer
        since = int(wanted.get("publish_timestamp", 0))
        found = [each for each in self.events.values() if int(each["Event"]["publish_timestamp"]) >= since]
        start = (wanted["page"] - 1) * wanted["limit"]
        return web.json_response({"response": found[start : start + wanted["limit"]]})

    def _check(self, request: web.Request) -> None:
        if self.key and request.headers.get("Authorization") != self.key:
            raise web.HTTPUnauthorized


@asynccontextmanager
async def serving_misp() -> AsyncIterator[MispServer]:
    server = MispServer()
    application = web.Application()
    application.router.add_get("/feed/{name}", server.file)
    application.router.add_post("/misp/events/restSearch", server.search)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.host = f"{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
