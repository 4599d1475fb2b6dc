"""`tenet diff`: what changed of something between two moments, field by field, and the entries that changed it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tenet.assets.v1 import assets_read_pb2 as assets
from tenet.cases.v1 import cases_read_pb2 as cases
from tenet.detections.v1 import detections_read_pb2 as detections
from tenet.ledger.v1 import ledger_read_pb2 as ledger
from tenet.reporting.v1 import reporting_read_pb2 as reports

from infra.cli.as_of import position_of
from infra.cli.connection import As, Server, TenantOption, call, tenant
from infra.cli.output import show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.grpc.status import RemoteError

ABSENT = ""
_IDENTIFIERS = ("id", "position", "version", "name")
SIGHT = "sight"
"""Says where a view stood, which differs between any two positions and is no part of the thing."""


def diff(
    tenant_id: TenantOption,
    case_id: str = typer.Option("", "--case", metavar="CASE"),
    asset_id: str = typer.Option("", "--asset", metavar="ASSET"),
    detection_id: str = typer.Option("", "--detection", metavar="DETECTION"),
    report_id: str = typer.Option("", "--report", metavar="REPORT"),
    start: str = typer.Option(..., "--from", metavar="WHEN", help="As known then: a position, or a time"),
    end: str = typer.Option(..., "--to", metavar="WHEN", help="and as known then."),
    who: As = "",
    server: Server = "",
) -> None:
    """What changed of a case, an asset, a detection or a report, and the entries that changed it."""
    given = {"case": case_id, "asset": asset_id, "detection": detection_id, "report": report_id}
    named = [(kind, identifier) for kind, identifier in given.items() if identifier]
    if len(named) != 1:
        raise UsageProblem("Name one thing: --case, --asset, --detection or --report.")
    ((kind, identifier),) = named

    async def work(session: Session) -> None:
        first, last = [await position_of(session, tenant(tenant_id), at) for at in (start, end)]
        if first is None or last is None or first > last:
            raise UsageProblem("--from has to lie before --to.")
        states = [await _state(session, tenant_id, kind, identifier, at) for at in (first, last)]
        show_table(("field", f"at {first}", f"at {last}"), list(changes(*states)), empty="Nothing changed.")
        rows = []
        request = ledger.ReadRequest(tenant_id=tenant_id, from_position=first + 1, to_position=last + 1)
        async for batch in session.stream(request, ledger.ReadResponse):
            for entry in batch.entries:
                if identifier.encode() in entry.entry:
                    content = json.loads(entry.entry)
                    rows.append((entry.position, content["type"].removeprefix("tenet."), content["actor"]["id"]))
        show_table(("position", "event", "by"), rows)

    call(work, who, server)


async def _state(session: Session, tenant_id: str, kind: str, identifier: str, at: int) -> Message | None:
    """The thing as it was known at a position; None where it was not there yet. Raises RemoteError."""
    request_type, answer_type = _QUERIES[kind]
    request = request_type(tenant_id=tenant_id, at_position=at, **{f"{kind}_id": identifier})
    try:
        found: Message = await session.ask(request, answer_type)
    except RemoteError as error:
        if error.code is not grpc.StatusCode.NOT_FOUND:
            raise
        return None
    return found


_QUERIES: Mapping[str, tuple[type[Any], type[Any]]] = {
    "case": (cases.GetCaseRequest, cases.GetCaseResponse),
    "asset": (assets.GetAssetRequest, assets.GetAssetResponse),
    "detection": (detections.GetDetectionRequest, detections.GetDetectionResponse),
    "report": (reports.GetReportRequest, reports.GetReportResponse),
}


def changes(before: Message | None, after: Message | None) -> Iterator[tuple[str, str, str]]:
    """Each field that differs, in order of name: its path, its value before and after; empty where it was not there.

    A member of a list is known by its identifier, or by itself where it is a plain value, and not by its place.
    """
    old, new = (
        dict(_fields("", MessageToDict(each, preserving_proto_field_name=True) if each else {}))
        for each in (before, after)
    )
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path) and path.split("/")[1] != SIGHT:
            yield path, old.get(path, ABSENT), new.get(path, ABSENT)


def _fields(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _fields(f"{path}/{name}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fields(f"{path}/{_name_of(item, index)}", item)
    else:
        yield path, str(value)


def _name_of(item: Any, index: int) -> str:
    """What tells a member of a list from the others: its own identifier, its entry's position, its value."""
    if not isinstance(item, Mapping):
        return str(item) if isinstance(item, str) else str(index)
    stamp = item.get("stamp")
    if isinstance(stamp, Mapping) and "position" in stamp:
        return f"@{stamp['position']}"
    own = [str(item[name]) for name in item if name.endswith("_id") or name in _IDENTIFIERS]
    return own[0] if own else str(index)
