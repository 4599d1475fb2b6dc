"""`tenet queue` and `tenet detection …`: triage and human validation."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import typer
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_bulk_write_pb2 as bulk
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as read
from tenet.detections.v1 import detections_write_pb2 as write

from infra.cli.as_of import AsHappenedAt, At, happened, position_of, position_of_one
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.factors import because, judged_by
from infra.cli.names import NOBODY, Names, names_for
from infra.cli.output import folded, say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import VERDICTS, label, label_name, sealed, time_of, value_of, word

app = typer.Typer(no_args_is_help=True, help="Detections: look, claim, judge.")
Identifier = typer.Argument(..., metavar="DETECTION", help="Its identifier, or the first six characters or more.")


def queue(
    tenants: TenantsOption = None,
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    min_severity: int | None = typer.Option(None, "--min-severity", min=1, max=6, help="OCSF: 4 is high."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What waits for a person, over all tenants that you may see, the most pressing first."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        request = read.ListTriageQueueRequest(tenant_ids=tenants, min_severity_id=min_severity, at_position=then)
        found = await every(session, request, read.ListTriageQueueResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        _show_queue(found.items[:limit])
        if found.page.next_page_token or len(found.items) > limit:
            say(f"More waits than these {limit}; --limit shows more, --tenant and --min-severity less.")
        for tenant_id in found.not_ready_tenant_ids:
            say(f"The view of {tenant_id} is still being built; it may have more.")

    call(work, who, server)


def _show_queue(items: Sequence[pb.TriageItem]) -> None:
    """Why each is where it is stands beneath what it is; in a pipe, where a row is one line, beside it."""
    beneath = folded()
    shown = [(item, sealed(item.headline), time_of(item.first_seen_at), because(item)) for item in items]
    show_table(
        ("prio>", "tenant", "what", *(() if beneath else ("since", "because")), "×>", "state", "detection!"),
        [
            (
                item.priority,
                item.tenant_id,
                *((f"{what}\nsince {since}; {why}",) if beneath else (what, since, why)),
                item.count,
                word(pb.TriageState, item.state),
                item.detection_id,
            )
            for item, what, since, why in shown
        ],
        empty="Nothing waits.",
    )


@app.command("show")
def show(
    tenant_id: TenantOption,
    detection_id: str = Identifier,
    at: At = "",
    as_happened_at: AsHappenedAt = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One detection with its evidence and verdict."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.GetDetectionRequest(
            tenant_id=tenant_id,
            detection_id=detection_id,
            at_position=then,
            as_happened_at=happened(as_happened_at),
        )
        answer = await session.ask(request, read.GetDetectionResponse)
        if as_json:
            show_json(answer)
            return
        show_detection(answer.detection, await names_for(session), answer.technique_names)

    call(work, who, server)


def show_detection(
    found: pb.Detection, names: Names = NOBODY, techniques: Mapping[str, str] = MappingProxyType({})
) -> None:
    show_pairs(
        [
            ("detection", found.detection_id),
            ("tenant", found.tenant_id),
            ("what", sealed(found.headline)),
            ("rule", f"{found.rule.title} ({found.rule.level})"),
            ("severity", found.severity_id),
            ("techniques", ", ".join(f"{each} {techniques.get(each, '')}".strip() for each in found.techniques)),
            ("weight", judged_by(found.technique) if found.HasField("technique") else _unjudged(found)),
            *_indicator(found),
            *([("others", f"at least {found.sightings} had the same lately")] if found.sightings else []),
            ("seen", _seen(found)),
            ("assets", ", ".join(found.asset_ids) or "none that is registered"),
            ("state", word(pb.TriageState, found.state)),
            ("claimed by", names.with_id(found.claimed_by)),
            ("label", label_name(found.label)),
        ]
    )
    for observable in found.observables:
        say(f"  {sealed(observable)}")
    for item in found.evidence:
        say(f"evidence {label_name(item.label)}:")
        say("  " + sealed(item.summary).replace("\n", "\n  "))
    if found.HasField("validation"):
        verdict = found.validation
        say(
            f"verdict: {word(common.Verdict, verdict.verdict)}, {verdict.confidence_percent} % sure, "
            f"at position {verdict.position}"
        )
        say(f"  {sealed(verdict.rationale)}")


def _unjudged(found: pb.Detection) -> str:
    return (
        "unknown: no ATT&CK that was imported then has them" if found.techniques else "unknown: no technique is named"
    )


def _indicator(found: pb.Detection) -> list[tuple[str, str]]:
    """The indicator that matched, and where its import is recorded."""
    if not found.HasField("indicator"):
        return []
    each = found.indicator
    sure = f"{each.confidence_percent} % sure" if each.HasField("confidence_percent") else "of unknown confidence"
    return [
        ("indicator", f"{each.indicator_id} of {each.source}, {sure}, at position {each.position} of {each.ledger}")
    ]


def _seen(found: pb.Detection) -> str:
    late = f" ({found.retrospective} in retrospect, by a hunt)" if found.retrospective else ""
    if found.count == 1:
        return f"{time_of(found.first_seen_at)}, once{late}"
    return f"{time_of(found.first_seen_at)} to {time_of(found.last_seen_at)}, {found.count} times{late}"


@app.command("list")
def list_detections(
    tenants: TenantsOption = None,
    state: str = typer.Option("", "--state", help="open, claimed or validated."),
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Detections, the latest first."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        states = [value_of(pb.TriageState, state, what="state")] if state else []
        request = read.ListDetectionsRequest(tenant_ids=tenants, states=states, at_position=then)
        found = await every(session, request, read.ListDetectionsResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "sev>", "what", "×>", "verdict", "raised", "detection!"),
            [
                (
                    d.tenant_id,
                    d.severity_id,
                    sealed(d.headline),
                    d.count,
                    word(common.Verdict, d.validation.verdict) or word(pb.TriageState, d.state),
                    time_of(d.raised_at),
                    d.detection_id,
                )
                for d in found.detections[:limit]
            ],
            empty="No detection.",
        )
        if found.page.next_page_token or len(found.detections) > limit:
            say(f"There are more than these {limit}; --limit shows more.")

    call(work, who, server)


@app.command("claim")
def claim(tenant_id: TenantOption, detection_id: str = Identifier, who: As = "", server: Server = "") -> None:
    """Begin the triage."""

    async def work(session: Session) -> None:
        request = write.ClaimDetectionRequest(tenant_id=tenant(tenant_id), detection_id=detection_id)
        await session.ask(request, write.ClaimDetectionResponse)
        say("Claimed.")

    call(work, who, server)


@app.command("release")
def release(tenant_id: TenantOption, detection_id: str = Identifier, who: As = "", server: Server = "") -> None:
    """Give it back to the queue."""

    async def work(session: Session) -> None:
        request = write.ReleaseDetectionRequest(tenant_id=tenant(tenant_id), detection_id=detection_id)
        await session.ask(request, write.ReleaseDetectionResponse)
        say("Released.")

    call(work, who, server)


@app.command("validate")
def validate(
    tenant_id: TenantOption,
    detection_id: str = Identifier,
    verdict: str = typer.Argument(..., metavar="VERDICT", help=f"One of {VERDICTS}."),
    rationale: str = typer.Option(..., "--rationale", help="Why, in your own words. Sealed."),
    confidence: int = typer.Option(90, "--confidence", min=0, max=100, help="How sure you are, in percent."),
    evidence: list[str] = typer.Option([], "--evidence", help="A piece of evidence in words. Repeat it for more."),
    tlp: str = typer.Option("amber", "--tlp", help="The label of this evidence."),
    duplicate_of: str = typer.Option("", "--duplicate-of", help="With the verdict duplicate."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person's verdict, without which no response can be decided. What it rests on is looked at and recorded."""

    async def work(session: Session) -> None:
        shown = await session.ask(
            read.GetDetectionRequest(tenant_id=tenant(tenant_id), detection_id=detection_id), read.GetDetectionResponse
        )
        request = write.ValidateDetectionRequest(
            tenant_id=tenant_id,
            detection_id=detection_id,
            verdict=value_of(common.Verdict, verdict, what="verdict"),
            confidence_percent=confidence,
            rationale=rationale,
            evidence=[common.EvidenceInput(label=label(tlp), summary=text) for text in evidence],
            seen=[shown.sight],
            duplicate_of=duplicate_of or None,
        )
        answer = await session.ask(request, write.ValidateDetectionResponse)
        say(f"Validated, at position {answer.position}.")

    call(work, who, server)


@app.command("withdraw")
def withdraw(
    tenant_id: TenantOption,
    detection_id: str = Identifier,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    position: int | None = typer.Option(None, "--validation", help="Its position; the standing one's when left out."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take a verdict back; what rests on it and is not yet dispatched is cancelled."""

    async def work(session: Session) -> None:
        standing = position
        if standing is None:
            shown = await session.ask(
                read.GetDetectionRequest(tenant_id=tenant(tenant_id), detection_id=detection_id),
                read.GetDetectionResponse,
            )
            standing = shown.detection.validation.position
        request = write.WithdrawDetectionValidationRequest(
            tenant_id=tenant(tenant_id), detection_id=detection_id, validation_position=standing, reason=reason
        )
        await session.ask(request, write.WithdrawDetectionValidationResponse)
        say("Withdrawn.")

    call(work, who, server)


@app.command("validate-many")
def validate_many(
    tenant_id: TenantOption,
    verdict: str = typer.Argument(..., metavar="VERDICT", help=f"One of {VERDICTS}."),
    detection_ids: list[str] = typer.Argument(
        ..., metavar="DETECTION...", help="Identifiers, or the first six characters or more of each."
    ),
    rationale: str = typer.Option(..., "--rationale", help="The one reason for all of them. Sealed."),
    confidence: int = typer.Option(90, "--confidence", min=0, max=100, help="How sure you are, in percent."),
    who: As = "",
    server: Server = "",
) -> None:
    """One verdict on several detections. Each is recorded for itself; what is refused is named."""

    async def work(session: Session) -> None:
        request = bulk.ValidateDetectionsRequest(
            tenant_id=tenant(tenant_id),
            detection_ids=list(dict.fromkeys(detection_ids)),
            verdict=value_of(common.Verdict, verdict, what="verdict"),
            confidence_percent=confidence,
            rationale=rationale,
        )
        answer = await session.ask(request, bulk.ValidateDetectionsResponse)
        refused = [each for each in answer.outcomes if not each.HasField("position")]
        say(f"{len(answer.outcomes) - len(refused)} validated, {len(refused)} refused.")
        for each in refused:
            say(f"  {each.detection_id}: {each.refused_message} ({each.refused_reason})")

    call(work, who, server)
