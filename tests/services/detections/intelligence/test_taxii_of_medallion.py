"""Fetching from medallion, OASIS's own TAXII 2.1 server: needs it on the path, or where TENET_MEDALLION says."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.outbound.refusals import FetchNotAuthorised
from infra.outbound.sessions import Credential, Door
from services.detections.application.intelligence import taxii
from services.detections.application.intelligence.fetched import Fetched
from tests.services.detections.intelligence.bundles import indicator
from tests.services.detections.intelligence.loopback import LOOPBACK_ALLOWED

PROGRAM = os.environ.get("TENET_MEDALLION") or shutil.which("medallion")
COLLECTION = "6a52bab8-4b36-4f9e-9a1c-2c5d3c0a7e11"
MEDIA_TYPE = "application/taxii+json;version=2.1"
PAGE = 10
LOGIN = ("tenet", "s3cret")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="medallion is neither on the path nor in TENET_MEDALLION")


def _stored(objects: list[dict[str, Any]]) -> dict[str, object]:
    """What medallion keeps in memory: one root with one collection."""
    stix = "application/stix+json;version=2.1"
    manifest = [
        {
            "id": each["id"],
            "date_added": f"2026-11-01T00:00:{second:02}.000000Z",
            "version": each["modified"],
            "media_type": stix,
        }
        for second, each in enumerate(objects)
    ]
    collection = {
        "id": COLLECTION,
        "title": "Indicators",
        "can_read": True,
        "can_write": True,
        "media_types": [stix],
        "manifest": manifest,
        "objects": objects,
    }
    information = {"title": "Root", "versions": [MEDIA_TYPE], "max_content_length": 1 << 20}
    return {
        "/discovery": {"title": "Trial"},
        "root": {"information": information, "status": [], "collections": [collection]},
    }


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The collection's address at a medallion with 25 objects, which gives ten on a page."""
    data, config = tmp_path / "data.json", tmp_path / "config.json"
    data.write_text(json.dumps(_stored([_indicator(number) for number in range(25)])))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": str(data)}
    users = dict([LOGIN])
    config.write_text(json.dumps({"backend": backend, "users": users, "taxii": {"max_page_size": PAGE}}))
    port = _free_port()
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(PROGRAM), "--host", "127.0.0.1", "--port", str(port), str(config), stdout=log, stderr=log
        )
        try:
            await _answering(port)
            yield f"http://127.0.0.1:{port}/root/collections/{COLLECTION}/"
        finally:
            process.terminate()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answering(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _indicator(number: int) -> dict[str, Any]:
    return indicator(f"[ipv4-addr:value = '198.51.100.{number}']")


async def _fetched(url: str, cursor: str | None = None, login: tuple[str, str] = LOGIN) -> Fetched:
    host = url.split("/")[2]
    credential = Credential(host, *login)
    return await asyncio.to_thread(taxii.fetch, Door(url, credential, LOOPBACK_ALLOWED), cursor)


async def test_all_pages_come_once_and_then_only_what_was_added(url: str) -> None:
    first = await _fetched(url)
    patterns = {each["pattern"] for each in json.loads(first.content)["objects"]}
    assert patterns == {f"[ipv4-addr:value = '198.51.100.{number}']" for number in range(25)}
    assert not (await _fetched(url, first.cursor)).is_news
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE, "Authorization": aiohttp.encode_basic_auth(*LOGIN)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}objects/", data=json.dumps({"objects": [_indicator(99)]}), headers=headers) as answer,
    ):
        assert answer.status == 202
    news = await _fetched(url, first.cursor)
    assert [each["pattern"] for each in json.loads(news.content)["objects"]] == ["[ipv4-addr:value = '198.51.100.99']"]


async def test_a_wrong_password_is_said_to_be_one(url: str) -> None:
    with pytest.raises(FetchNotAuthorised):
        await _fetched(url, login=("tenet", "wrong"))
