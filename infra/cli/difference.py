"""`tenet diff`: what changed of a case between two positions, field by field, and the entries that changed it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tenet.cases.v1 import cases_read_pb2 as cases
from tenet.ledger.v1 import ledger_read_pb2 as ledger

from infra.cli.connection import As, Server, TenantOption, call, tenant
from infra.cli.output import show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session

ABSENT = ""
SIGHT = "sight"
"""Says where a view stood, which differs between any two positions and is no part of the case."""


def diff(
    tenant_id: TenantOption,
    case_id: str = typer.Option(..., "--case", metavar="CASE"),
    start: int = typer.Option(..., "--from", min=0, help="As known at this position"),
    end: int = typer.Option(..., "--to", min=0, help="and as known at this one."),
    who: As = "",
    server: Server = "",
) -> None:
    """What changed of a case between two positions, and the entries that changed it."""
    if start > end:
        raise UsageProblem("The first position lies after the second.")

    async def work(session: Session) -> None:
        answers = [
            await session.ask(
                cases.GetCaseRequest(tenant_id=tenant(tenant_id), case_id=case_id, at_position=at),
                cases.GetCaseResponse,
            )
            for at in (start, end)
        ]
        show_table(("field", f"at {start}", f"at {end}"), list(changes(*answers)))
        rows = []
        request = ledger.ReadRequest(tenant_id=tenant_id, from_position=start + 1, to_position=end + 1)
        async for batch in session.stream(request, ledger.ReadResponse):
            for entry in batch.entries:
                if case_id.encode() in entry.entry:
                    content = json.loads(entry.entry)
                    rows.append((entry.position, content["topic"].removeprefix("tenet."), content["actor"]["id"]))
        show_table(("position", "event", "by"), rows)

    call(work, who, server)


def changes(before: Message, after: Message) -> Iterator[tuple[str, str, str]]:
    """Each field that differs, in order of name: its path, its value before and after; empty where it was not there."""
    old, new = (dict(_fields("", MessageToDict(each, preserving_proto_field_name=True))) for each in (before, after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path) and path.split("/")[1] != SIGHT:
            yield path, old.get(path, ABSENT), new.get(path, ABSENT)


def _fields(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _fields(f"{path}/{name}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fields(f"{path}/{index}", item)
    else:
        yield path, str(value)
