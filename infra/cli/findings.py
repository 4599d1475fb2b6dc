"""`tenet finding …`: exposures, insecure changes and newcomers, before anything was attacked."""

import typer
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.as_of import AsHappenedAt, At, happened, position_of, position_of_one
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import VERDICTS, label, label_name, sealed, time_of, value_of, value_or_none, word

app = typer.Typer(no_args_is_help=True, help="Exposures, insecure changes, newcomers.")
MILLION = 1_000_000
Identifier = typer.Argument(..., metavar="FINDING", help="Its identifier, or the first six characters or more.")


@app.command("report")
def report(
    tenant_id: TenantOption,
    title: str = typer.Argument(..., metavar="TITLE", help="Clear text: no names in it."),
    kind: str = typer.Option("exposure", "--kind", help="exposure, insecure_change or newcomer."),
    severity: int = typer.Option(..., "--severity", min=1, max=6, help="OCSF: 1 informational to 6 fatal."),
    detail: str = typer.Option(..., "--detail", help="What was found. Sealed."),
    asset_ids: list[str] = typer.Option([], "--asset", help="An asset. Repeat it for more."),
    vulnerability: str = typer.Option("", "--vulnerability", help="CVE identifier."),
    exposure: str = typer.Option("", "--exposure", help="internet, internal or none; left out when not known."),
    likelihood: float | None = typer.Option(None, "--likelihood", min=0, max=1, help="EPSS; left out when not known."),
    exploited: bool | None = typer.Option(None, "--exploited/--not-exploited", help="Known to be exploited."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    source: str = typer.Option("analyst", "--source", help="What found it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Report a finding. What is left out is shown as missing, never as zero."""

    async def work(session: Session) -> None:
        request = write.ReportFindingRequest(
            tenant_id=tenant(tenant_id),
            kind=value_of(pb.FindingKind, kind, what="kind of finding"),
            asset_ids=asset_ids,
            title=title,
            vulnerability_id=vulnerability or None,
            severity_id=severity,
            exposure=value_or_none(pb.Exposure, exposure, what="exposure"),
            likelihood_millionths=None if likelihood is None else round(likelihood * MILLION),
            known_exploited=exploited,
            detail=detail,
            label=label(tlp),
            source=source,
        )
        say((await session.ask(request, write.ReportFindingResponse)).finding_id)

    call(work, who, server)


@app.command("list")
def list_findings(
    tenants: TenantsOption = None,
    kind: str = typer.Option("", "--kind", help="Only exposure, insecure_change or newcomer."),
    everything: bool = typer.Option(False, "--all", help="Those that are fixed or dismissed too."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Findings over all tenants that you may see, most urgent first. `?` is what nobody knows, which is not zero."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        wanted = value_or_none(pb.FindingKind, kind, what="kind of finding")
        states = [state for state in pb.FindingState.values() if state] if everything else []
        request = read.ListFindingsRequest(tenant_ids=tenants, kind=wanted, states=states, at_position=then)
        found = await every(session, request, read.ListFindingsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            (
                *("tenant", "kind", "sev>", "exposure", "likely>", "exploited", "value>", "by"),
                *("state", "title", "finding!"),
            ),
            [
                (
                    f.tenant_id,
                    word(pb.FindingKind, f.kind),
                    f.severity_id,
                    word(pb.Exposure, f.exposure) or "?",
                    _likelihood(f),
                    _exploited(f),
                    f.asset_value if f.HasField("asset_value") else "?",
                    _judged_by(f),
                    word(pb.FindingState, f.state),
                    what(f),
                    f.finding_id,
                )
                for f in found.findings
            ],
            empty="No finding." if everything else "No finding is open; --all shows all.",
        )

    call(work, who, server)


@app.command("validate")
def validate(
    tenant_id: TenantOption,
    finding_id: str = Identifier,
    verdict: str = typer.Argument(..., metavar="VERDICT", help=f"One of {VERDICTS}."),
    rationale: str = typer.Option(..., "--rationale", help="Why. Sealed."),
    confidence: int = typer.Option(90, "--confidence", min=0, max=100, help="How sure you are, in percent."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person's verdict on a finding."""

    async def work(session: Session) -> None:
        request = write.ValidateFindingRequest(
            tenant_id=tenant(tenant_id),
            finding_id=finding_id,
            verdict=value_of(common.Verdict, verdict, what="verdict"),
            confidence_percent=confidence,
            rationale=rationale,
        )
        answer = await session.ask(request, write.ValidateFindingResponse)
        say(f"Validated, at position {answer.position}.")

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    finding_id: str = Identifier,
    at: At = "",
    as_happened_at: AsHappenedAt = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One finding with its inputs and its verdict."""

    async def work(session: Session) -> None:
        request = read.GetFindingRequest(
            tenant_id=tenant(tenant_id),
            finding_id=finding_id,
            at_position=await position_of(session, tenant_id, at),
            as_happened_at=happened(as_happened_at),
        )
        answer = await session.ask(request, read.GetFindingResponse)
        if as_json:
            show_json(answer)
        else:
            show_finding(answer.finding)

    call(work, who, server)


def what(found: pb.Finding) -> str:
    """A finding in a row. Every newcomer has the same title, and its host is what tells it from the others."""
    if found.kind == pb.FINDING_KIND_NEWCOMER and sealed(found.detail):
        return f"{found.title}: {sealed(found.detail)}"
    return f"{found.title} {found.vulnerability_id}".strip()


def show_finding(found: pb.Finding) -> None:
    """What is not known is shown as `?`, never as zero."""
    verdict = found.validation
    judged = f"{word(common.Verdict, verdict.verdict)}, {verdict.confidence_percent} % sure"
    show_pairs(
        [
            ("finding", found.finding_id),
            ("tenant", found.tenant_id),
            ("what", f"{word(pb.FindingKind, found.kind)}: {found.title}"),
            ("detail", sealed(found.detail)),
            ("state", word(pb.FindingState, found.state)),
            ("vulnerability", found.vulnerability_id),
            ("severity", found.severity_id),
            ("exposure", word(pb.Exposure, found.exposure) or "?"),
            ("likelihood", _likelihood(found)),
            ("known exploited", _exploited(found)),
            ("judged by", _judged_by(found)),
            ("asset value", found.asset_value if found.HasField("asset_value") else "?"),
            ("not known", ", ".join(name.replace("_", " ") for name in found.missing)),
            ("assets", ", ".join(found.asset_ids)),
            ("fix reported", ", ".join(found.fix_reported_asset_ids)),
            ("fix verified", ", ".join(found.fix_verified_asset_ids)),
            ("reported", f"{time_of(found.reported_at)} at position {found.position}, by {found.source}"),
            ("label", label_name(found.label)),
            ("verdict", f"{judged}, at position {verdict.position}" if found.HasField("validation") else ""),
            ("why", sealed(verdict.rationale)),
        ]
    )


def _likelihood(found: pb.Finding) -> str:
    return f"{found.likelihood_millionths / MILLION:.2f}" if found.HasField("likelihood_millionths") else "?"


def _exploited(found: pb.Finding) -> str:
    return ("yes" if found.known_exploited else "no") if found.HasField("known_exploited") else "?"


def _judged_by(found: pb.Finding) -> str:
    """The versions of the feeds that likelihood and exploitation rest on; empty where the reporter said them."""
    return ", ".join(f"{word(pb.VulnerabilityFeed, each.feed)} {each.version}" for each in found.feeds)


@app.command("withdraw")
def withdraw(
    tenant_id: TenantOption,
    finding_id: str = Identifier,
    position: int = typer.Option(..., "--validation", help="The position of the verdict that is taken back."),
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take a verdict back; what rests on it and is not yet dispatched is cancelled."""

    async def work(session: Session) -> None:
        request = write.WithdrawFindingValidationRequest(
            tenant_id=tenant(tenant_id), finding_id=finding_id, validation_position=position, reason=reason
        )
        await session.ask(request, write.WithdrawFindingValidationResponse)
        say("Withdrawn.")

    call(work, who, server)
