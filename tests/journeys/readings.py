"""What a journey left behind, as the public API and the receiver's own state show it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tenet.ledger.v1 import ledger_read_pb2 as ledger
from tenet.reporting.v1 import reporting_read_pb2 as reporting

from infra.actuator.credentials import Credentials
from infra.cli.demo.cast import Customer
from infra.cli.demo.ending import AUDITOR, Published, publish_all
from infra.cli.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Entry:
    position: int
    event: str
    data: dict[str, Any]


async def entries(stage: Stage, tenant_id: str) -> list[Entry]:
    """The whole ledger of a tenant, read by the auditor."""
    session = await stage.session(AUDITOR)
    found = []
    async for batch in session.stream(ledger.ReadRequest(tenant_id=tenant_id), ledger.ReadResponse, deadline=30):
        for entry in batch.entries:
            content = json.loads(entry.entry)
            found.append(Entry(entry.position, content["type"].rpartition(".")[2], content["data"]))
    return found


def first(found: Sequence[Entry], event: str, **wanted: object) -> int:
    """The position of the first entry of that kind with these values. Raises AssertionError when there is none."""
    for entry in found:
        if entry.event == event and all(entry.data.get(name) == value for name, value in wanted.items()):
            return entry.position
    raise AssertionError(f"no {event} with {wanted} among {[entry.event for entry in found]}")


def in_order(*positions: int) -> bool:
    return list(positions) == sorted(set(positions))


async def receivers_state(stage: Stage, target: str) -> dict[str, str]:
    """What the reference actuator says of one of its targets."""
    credentials = Credentials.of(stage.place.secrets_dir)
    headers = {"Authorization": f"Bearer {credentials.reading}"}
    url = f"http://{stage.place.actuator}/state/{target}"
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url, headers=headers) as answer:
        state: dict[str, str] = await answer.json()
        return state


async def report(stage: Stage, customer: Customer, directory: Path) -> tuple[Published, dict[str, Any]]:
    """The tenant's report on this month, and its figures by id, as its customer reads them."""
    (published,) = await publish_all(stage, [customer], directory)
    model = json.loads(published.model.read_bytes())
    figures = {figure["id"]: figure["value"] for section in model["sections"] for figure in section["figures"]}
    return published, figures


async def rebuilt_equal(stage: Stage, published: Published) -> bool:
    request = reporting.RebuildReportRequest(tenant_id=published.tenant_id, report_id=published.report_id)
    return (await stage.ask(AUDITOR, request, reporting.RebuildReportResponse)).equal


def refusals(stage: Stage, tenant_id: str) -> list[str]:
    return [refusal.reason for refusal in stage.refusals if refusal.tenant_id == tenant_id]
