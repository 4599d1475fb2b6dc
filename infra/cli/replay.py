"""`tenet replay`: steps through a case as it was recorded: who, what, why, on which evidence, by two clocks."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from tenet.ledger.v1 import ledger_pb2 as pb
from tenet.ledger.v1 import ledger_read_pb2 as read

from infra.cli.connection import As, Server, TenantOption, call, tenant
from infra.cli.names import NOBODY, Names, names_for
from infra.cli.output import console
from infra.cli.problems import Problem
from infra.cli.replay_screen import walk
from infra.cli.session import Session
from infra.cli.short_identifiers import whole
from infra.cli.words import sealed
from infra.disclosure.case_selection import CaseSelection, cited_positions

MAX_STEPS = 10_000
FIELDS_AT_ONCE = 200
PATH_WIDTH = 28
PURPOSE = "replay of a case"
_REASONS = ("rationale", "reason", "why", "reasons", "no_recommendation_reason", "purpose")


@dataclass
class Step:
    """One entry of the case. `values` are its payload's fields by path, sealed ones as far as they may be seen."""

    position: int
    recorded_at: str
    entry: dict[str, Any]
    names: Names = NOBODY
    values: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def lines(self, *, differences: bool) -> list[str]:
        return [*self._about(), *self._content(differences=differences)]

    def _about(self) -> Iterator[str]:
        entry, actor = self.entry, self.entry["actor"]
        occurred = entry["occurred_at"]
        happened = occurred if isinstance(occurred, str) else " to ".join(occurred)
        behalf = f" for {self.names.with_id(actor['for'])}" if "for" in actor else ""
        under = f", grant {entry['grant']}" if "grant" in entry else ""
        yield f"  who       {self.names.with_id(actor['id'])} of {actor['home']}{behalf} ({actor['by']}{under})"
        yield f"  recorded  {self.recorded_at}"
        yield f"  happened  {happened}"
        yield f"  where     {entry['stream']}, version {entry['version']}"
        for path, value in self.values.items():
            if path.rsplit("/", 1)[-1] in _REASONS or "/why/" in path:
                yield f"  why       {value}"
        yield from (f"  evidence  {text}" for text in self._evidence())
        for sight in entry["data"].get("seen", ()):
            yield f"  saw       {sight['view']}, version {sight['view_version']}, as of position {sight['position']}"

    def _content(self, *, differences: bool) -> Iterator[str]:
        if differences:
            yield from (f"  {change}" for change in self.changes or ["no field changed"])
        else:
            for path, value in self.values.items():
                first, *following = value.split("\n")
                yield f"  {path.removeprefix('/'):<{PATH_WIDTH}}  {first}"
                yield from (f"  {'':<{PATH_WIDTH}}  {line}" for line in following)

    def title(self, number: int, steps: int) -> str:
        return f"[{number}/{steps}] position {self.position}  {self.entry['type'].removeprefix('tenet.')}"

    def _evidence(self) -> Iterator[str]:
        if cited := sorted(cited_positions(self.entry)):
            yield "entries at " + ", ".join(str(position) for position in cited)
        for fact in self.entry.get("facts", ()):
            yield f"{fact['kind']} {fact['digest'][:16]}…, {fact['tenant']} at {fact['position']}"

    def holds(self, text: str) -> bool:
        wanted = text.lower()
        return wanted in json.dumps(self.entry).lower() or any(wanted in each.lower() for each in self.values.values())


def replay(
    tenant_id: TenantOption,
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="The case's identifier.")],
    plain: Annotated[
        bool, typer.Option("--plain", help="Print all steps and end; so it is without a terminal.")
    ] = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Step through a case, forwards and backwards: who, what, why, on which evidence, and by which two clocks."""

    steps: list[Step] = []

    async def work(session: Session) -> None:
        with console().status("The ledger is read …"):
            case_id = await whole(session, [tenant(tenant_id)], "case", case)
            steps.extend(await load_steps(session, tenant_id, case_id))

    call(work, who, server)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        for number, step in enumerate(steps, start=1):
            _print(step, number, len(steps))
    else:
        walk(steps)


async def load_steps(session: Session, tenant_id: str, case_id: str) -> list[Step]:
    """The case's entries in order of position, opened as far as the caller may see. Raises RemoteError, Problem."""
    selection = CaseSelection(case_id)
    async for entry in _entries(session, tenant_id):
        if selection.mentions(entry.entry):
            selection.look(entry.position, entry.entry, json.loads(entry.entry))
    if not selection.positions:
        raise Problem("CASE_UNKNOWN", f"The ledger of {tenant_id} holds no case {case_id}.")
    steps, names = [], await names_for(session)
    async for entry in _entries(session, tenant_id):
        content = json.loads(entry.entry)
        if selection.takes(entry.position, content):
            steps.append(Step(entry.position, _clock(entry.recorded_at_us), content, names))
            if len(steps) > MAX_STEPS:
                raise Problem("CASE_TOO_LONG", f"The case has more than {MAX_STEPS} entries.")
    await _open(session, tenant_id, steps)
    _compare(steps)
    return steps


async def _entries(session: Session, tenant_id: str) -> AsyncIterator[pb.Entry]:
    async for batch in session.stream(read.ReadRequest(tenant_id=tenant_id), read.ReadResponse):
        for entry in batch.entries:
            yield entry


async def _open(session: Session, tenant_id: str, steps: list[Step]) -> None:
    wanted: list[tuple[Step, str]] = []
    for step in steps:
        for path, value in _leaves(step.entry["data"], ""):
            step.values[path] = "(sealed)" if value is None else value
            if value is None:
                wanted.append((step, path))
    for start in range(0, len(wanted), FIELDS_AT_ONCE):
        part = wanted[start : start + FIELDS_AT_ONCE]
        request = read.OpenFieldsRequest(
            tenant_id=tenant_id,
            purpose=PURPOSE,
            fields=[pb.FieldRef(position=step.position, path=path) for step, path in part],
        )
        answer = await session.ask(request, read.OpenFieldsResponse)
        for (step, path), opened in zip(part, answer.fields, strict=True):
            step.values[path] = sealed(opened.text)


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str | None]]:
    """Every value of the payload by its path; None for what this entry sealed."""
    if isinstance(node, dict) and "commitment" in node:
        yield path, f"(sealed by {node['event_id']})" if "event_id" in node else None
    elif isinstance(node, dict | list):
        for key, each in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(each, f"{path}/{key}")
    elif node is not None:
        yield path, str(node)


def _compare(steps: list[Step]) -> None:
    """What each entry changed in what its stream had said before, field by field."""
    known: dict[str, dict[str, str]] = {}
    for step in steps:
        before = known.setdefault(step.entry["stream"], {})
        for path, value in step.values.items():
            name = path.removeprefix("/")
            if path not in before:
                step.changes.append(f"+ {name}: {value}")
            elif before[path] != value:
                step.changes.append(f"~ {name}: {before[path]} → {value}")
            before[path] = value


def _print(step: Step, number: int, steps: int) -> None:
    out = console()
    out.print(step.title(number, steps), style="bold")
    for line in step.lines(differences=False):
        out.print(line, soft_wrap=not out.is_terminal)
    out.print()


def _clock(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds / 1_000_000, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
