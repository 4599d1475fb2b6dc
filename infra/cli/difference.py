"""`tenet diff`: what changed of something between two moments, field by field, and the entries that changed it."""

import json
from collections import Counter
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
from infra.cli.names import names_for
from infra.cli.output import say, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.short_identifiers import whole
from infra.grpc.status import RemoteError

ABSENT = ""
_IDENTIFIERS = ("id", "objective", "position", "version", "name")
_BELONGING = ("tenant_id", "case_id", "plan_id")
"""Identifiers of what a member of a list belongs to, which do not tell it from the others."""
_TOLD_BY_ENTRIES = ("timeline", "stages", "stamp")
"""Parts that only repeat which entries there are."""
MAX_SUMMARY = 120
"""Characters of what is shown of a thing that came or went as a whole."""
SIGHT = "sight"
"""Says where a view stood, which differs between any two positions and is no part of the thing."""


def diff(
    tenant_id: TenantOption,
    case_id: str = typer.Option("", "--case", metavar="CASE", help="A case."),
    asset_id: str = typer.Option("", "--asset", metavar="ASSET", help="An asset."),
    detection_id: str = typer.Option("", "--detection", metavar="DETECTION", help="A detection."),
    report_id: str = typer.Option("", "--report", metavar="REPORT", help="A report."),
    start: str = typer.Option(..., "--from", metavar="WHEN", help="As known then: a position, or a time"),
    end: str = typer.Option(..., "--to", metavar="WHEN", help="and as known then."),
    everything: bool = typer.Option(False, "--all", help="Each field of what came or went, and of the timeline too."),
    who: As = "",
    server: Server = "",
) -> None:
    """What changed of a case, an asset, a detection or a report, and the entries that changed it."""
    given = {"case": case_id, "asset": asset_id, "detection": detection_id, "report": report_id}
    named = [(kind, identifier) for kind, identifier in given.items() if identifier]
    if len(named) != 1:
        raise UsageProblem("Name one thing: --case, --asset, --detection or --report.")
    ((kind, shortened),) = named

    async def work(session: Session) -> None:
        identifier = await whole(session, [tenant(tenant_id)], kind, shortened)
        first, last = [await position_of(session, tenant(tenant_id), at) for at in (start, end)]
        if first is None or last is None or first > last:
            raise UsageProblem("--from has to lie before --to.")
        states = [await _state(session, tenant_id, kind, identifier, at) for at in (first, last)]
        found = changes(*states) if everything else summary(*states)
        show_table(("field", f"at {first}", f"at {last}"), list(found), empty="Nothing changed.")
        say("")
        rows, names = [], await names_for(session)
        request = ledger.ReadRequest(tenant_id=tenant_id, from_position=first + 1, to_position=last + 1)
        async for batch in session.stream(request, ledger.ReadResponse):
            for entry in batch.entries:
                if identifier.encode() in entry.entry:
                    content = json.loads(entry.entry)
                    by = names.of(content["actor"]["id"])
                    rows.append((entry.position, content["type"].removeprefix("tenet."), by))
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
    old, new = _flat(before), _flat(after)
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path) and path.split("/")[1] != SIGHT:
            yield path, old.get(path, ABSENT), new.get(path, ABSENT)


def summary(before: Message | None, after: Message | None) -> Iterator[tuple[str, str, str]]:
    """The same for a person: what came or went as a whole is one line, and what the entries tell is left to them."""
    parts = [{prefix for path in _flat(each) for prefix in _prefixes(path)} for each in (before, after)]
    whole: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for path, was, now in changes(before, after):
        if any(part in _TOLD_BY_ENTRIES for part in path.split("/")):
            continue
        there = parts[1] if was == ABSENT else parts[0]
        missing = parts[0] if was == ABSENT else parts[1]
        within = [prefix for prefix in _prefixes(path) if prefix.count("/") > 1]
        top = next((prefix for prefix in within if prefix in there and prefix not in missing), path)
        for shown, value in zip(whole.setdefault(top, ({}, {})), (was, now), strict=True):
            name = path.removeprefix(top).removeprefix("/")
            if value != ABSENT and not name.endswith(("_id", "/id", "_at")):
                shown[name] = value
    for top, (was_all, now_all) in whole.items():
        yield top, _short(was_all), _short(now_all)


def _prefixes(path: str) -> Iterator[str]:
    """`/a`, `/a/b`, `/a/b/c`: the outermost first."""
    parts = path.split("/")[1:]
    yield from ("/" + "/".join(parts[:length]) for length in range(1, len(parts) + 1))


def _short(values: Mapping[str, str]) -> str:
    """Its own fields, or those within it where it has none of its own."""
    own = {name: value for name, value in values.items() if "/" not in name} or values
    text = ", ".join(value if name in ("", "value") else f"{name} {value}" for name, value in own.items())
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1] + "…"


def _flat(message: Message | None) -> dict[str, str]:
    return dict(_fields("", MessageToDict(message, preserving_proto_field_name=True) if message else {}))


def _fields(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _fields(f"{path}/{name}", item)
    elif isinstance(value, list):
        names: Counter[str] = Counter()
        for index, item in enumerate(value):
            name = _name_of(path.rsplit("/", 1)[-1], item, index)
            names[name] += 1
            again = "" if names[name] == 1 else f"({names[name]})"
            yield from _fields(f"{path}/{name}{again}", item)
    else:
        yield path, str(value)


def _name_of(kind: str, item: Any, index: int) -> str:
    """What tells a member of a list from the others: its own identifier, its entry's position, its value."""
    if not isinstance(item, Mapping):
        return str(item) if isinstance(item, str) else str(index)
    if (own := item.get(f"{kind.removesuffix('s')}_id")) is not None:
        return str(own)
    stamp = item.get("stamp")
    if isinstance(stamp, Mapping) and "position" in stamp:
        return f"@{stamp['position']}"
    named = [name for name in item if name in _IDENTIFIERS or (name.endswith("_id") and name not in _BELONGING)]
    return str(item[named[0]]) if named else str(index)
