"""`tenet seen`: what the maker of a decision had been shown, by the read models and positions that it recorded."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from google.protobuf.message import Message
from tenet.assets.v1 import assets_read_pb2 as assets
from tenet.cases.v1 import cases_read_pb2 as cases
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_read_pb2 as detections
from tenet.ledger.v1 import ledger_read_pb2 as ledger

from infra.cli.case_pages import show_case
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.detections import show_detection
from infra.cli.names import Names, names_for
from infra.cli.output import plain, say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem
from infra.cli.session import Session

QUEUE_LIMIT = 1000
"""Items of a queue that are looked through for the one that was decided on."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`seen` are the sights that it recorded, as stored; `about` the identifiers that its payload names."""

    position: int
    topic: str
    by: str
    about: Mapping[str, str]
    seen: tuple[Mapping[str, Any], ...]


def seen(
    tenant_id: TenantOption,
    position: int = typer.Option(..., "--position", min=0, help="Of the decision: a verdict, a plan, an approval."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What somebody saw when they decided: the queue item, case, detection or finding, as it was shown then."""

    async def work(session: Session) -> None:
        decision = await decision_at(session, tenant(tenant_id), position)
        shown = [(sight, await shown_then(session, tenant_id, decision, sight)) for sight in decision.seen]
        names = await names_for(session)
        later = [(at, what, names.of(by)) async for at, what, by in _not_shown(session, tenant_id, decision)]
        if as_json:
            views = [{"sight": dict(sight), "shown": plain(view) if view else None} for sight, view in shown]
            show_json({"position": position, "event": decision.topic, "by": decision.by, "seen": views})
            return
        say(f"{decision.topic} at position {position}, by {names.with_id(decision.by)}")
        for sight, view in shown:
            say("")
            say(f"saw {sight['view']}, version {sight['view_version']}, as of position {sight['position']}:")
            _show(view, sight, names)
        say("")
        show_table(
            ("position>", "event", "by"),
            later,
            title="Recorded between what was seen and the decision, and so not seen",
            empty="Nothing about it was recorded between what was seen and the decision.",
        )

    call(work, who, server)


async def decision_at(session: Session, tenant_id: str, position: int) -> Decision:
    """Raises RemoteError, and Problem when the entry there records no decision."""
    request = ledger.ReadRequest(tenant_id=tenant_id, from_position=position, to_position=position + 1)
    async for batch in session.stream(request, ledger.ReadResponse):
        for entry in batch.entries:
            content = json.loads(entry.entry)
            data = content["data"]
            if "seen" not in data:
                break
            if not data["seen"]:
                raise Problem("NOTHING_SEEN", "Whoever decided this did not hand back what they had been shown.")
            about = {name: value for name, value in data.items() if name.endswith("_id") and isinstance(value, str)}
            topic = content["type"].removeprefix("tenet.")
            return Decision(position, topic, content["actor"]["id"], about, tuple(data["seen"]))
    raise Problem("NO_DECISION", f"The entry at position {position} is no decision that rests on what was seen.")


async def shown_then(session: Session, tenant_id: str, decision: Decision, sight: Mapping[str, Any]) -> Message | None:
    """What the read model showed of the thing decided on; None for a model that shows no single thing."""
    at, about = int(sight["position"]), decision.about
    match sight["view"]:
        case "detections" if detection_id := about.get("detection_id"):
            one = detections.GetDetectionRequest(tenant_id=tenant_id, detection_id=detection_id, at_position=at)
            return await session.ask(one, detections.GetDetectionResponse)
        case "triage_queue" if detection_id := about.get("detection_id"):
            queue = detections.ListTriageQueueRequest(tenant_ids=[tenant_id], at_position=at)
            found = await every(session, queue, detections.ListTriageQueueResponse, limit=QUEUE_LIMIT)
            return next((item for item in found.items if item.detection_id == detection_id), None)
        case "customer_reports" if report_id := about.get("customer_report_id"):
            report = detections.GetCustomerReportRequest(
                tenant_id=tenant_id, customer_report_id=report_id, at_position=at
            )
            return await session.ask(report, detections.GetCustomerReportResponse)
        case "findings" if finding_id := about.get("finding_id"):
            finding = assets.GetFindingRequest(tenant_id=tenant_id, finding_id=finding_id, at_position=at)
            return await session.ask(finding, assets.GetFindingResponse)
        case "cases" | "pending_approvals" if case_id := about.get("case_id"):
            case = cases.GetCaseRequest(tenant_id=tenant_id, case_id=case_id, at_position=at)
            return await session.ask(case, cases.GetCaseResponse)
        case _:
            return None


async def _not_shown(session: Session, tenant_id: str, decision: Decision) -> AsyncIterator[tuple[int, str, str]]:
    """The entries that name what was decided on, after the latest sight and before the decision."""
    start = max(int(sight["position"]) for sight in decision.seen) + 1
    marks = [f'"{identifier}"'.encode() for identifier in decision.about.values()]
    request = ledger.ReadRequest(tenant_id=tenant_id, from_position=start, to_position=decision.position)
    if start >= decision.position:
        return
    async for batch in session.stream(request, ledger.ReadResponse):
        for entry in batch.entries:
            if any(mark in entry.entry for mark in marks):
                content = json.loads(entry.entry)
                yield entry.position, content["type"].removeprefix("tenet."), content["actor"]["id"]


def _show(view: Message | None, sight: Mapping[str, Any], names: Names) -> None:
    match view:
        case None:
            say(f"  Of {sight['view']} nothing single can be shown for this decision.")
        case cases.GetCaseResponse():
            _note_of_version(view.sight, sight)
            show_case(view, names)
        case detections.GetDetectionResponse():
            _note_of_version(view.sight, sight)
            show_detection(view.detection, names)
        case _:
            show_pairs((name, str(value)) for name, value in plain(view).items())


def _note_of_version(shown: common.Sight, sight: Mapping[str, Any]) -> None:
    if sight["view"] == shown.view and shown.view_version != sight["view_version"]:
        say(f"  Shown by version {shown.view_version} of the view, since that of then is not kept.")
