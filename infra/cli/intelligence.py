"""`tenet intelligence …` and `tenet sighting …`: what is known of attackers, and what customers share of it."""

from pathlib import Path

import typer
from tenet.detections.v1 import detections_intelligence_pb2 as pb
from tenet.detections.v1 import detections_intelligence_read_pb2 as read
from tenet.detections.v1 import detections_intelligence_write_pb2 as write
from tenet.detections.v1 import detections_sightings_read_pb2 as sightings_read
from tenet.detections.v1 import detections_sightings_write_pb2 as sightings_write

from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import plain, say, show_json, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.cli.words import label as label_of
from infra.cli.words import label_name, time_of, value_or_none, word

app = typer.Typer(no_args_is_help=True, help="Intelligence: indicators and techniques, by source and version.")
sightings = typer.Typer(no_args_is_help=True, help="Sightings that customers share without their names.")
MAX_CONTENT_BYTES = 12 * 1024 * 1024
"""The most that Tenet takes in one import, compressed or not."""
PROVIDER = "provider"
Whose = typer.Option(PROVIDER, "--tenant", "-t", metavar="TENANT", help="Whom it is for; left out, every tenant.")
SourceName = typer.Argument(..., metavar="SOURCE", help="Its name, as `intelligence sources` lists it.")
Labelled = typer.Option("amber", "--label", help="TLP of what carries no label itself.")


@app.command("import")
def import_intelligence(
    path: Path = typer.Argument(..., metavar="FILE", help="A STIX 2.1 bundle or MISP events as JSON; gzip is fine."),
    source: str = typer.Option(
        "", "--source", help="The source's name, else the file's; an import is its next version."
    ),
    add: bool = typer.Option(False, "--add", help="The file holds only what is new."),
    label: str = Labelled,
    sha256: str = typer.Option("", "--sha256", help="The file's hash as its publisher names it."),
    whose: str = Whose,
    who: As = "",
    server: Server = "",
) -> None:
    """Keep intelligence as published, and match telemetry with its indicators from here on."""

    async def work(session: Session) -> None:
        if not path.is_file():
            raise UsageProblem(f"{path} is not there.")
        content = path.read_bytes()
        if len(content) > MAX_CONTENT_BYTES:
            message = f"The file has {len(content)} bytes, of {MAX_CONTENT_BYTES} at most."
            raise Problem("INTELLIGENCE_TOO_LARGE", message, hint="compress it with gzip.")
        request = write.ImportIntelligenceRequest(
            tenant_id=whose,
            source=source or path.name.partition(".")[0].lower(),
            content=content,
            label=label_of(label),
            mode=pb.IMPORT_MODE_ADD if add else pb.IMPORT_MODE_REPLACE,
            sha256=sha256,
        )
        _say_source((await session.ask(request, write.ImportIntelligenceResponse, deadline=300)).source)

    call(work, who, server)


@app.command("schedule")
def schedule(
    source: str = SourceName,
    url: str = typer.Argument(..., metavar="URL", help="Of a TAXII 2.1 collection, a MISP feed or a MISP server."),
    kind: str = typer.Option(
        "", "--kind", help="taxii, misp-feed or misp-server; left out, as the URL tells by how it ends."
    ),
    every_minutes: int = typer.Option(60, "--every", min=5, max=10_080, help="Minutes."),
    credential: str = typer.Option("", "--credential", help="A name among TENET_INTELLIGENCE_CREDENTIALS."),
    label: str = Labelled,
    whose: str = Whose,
    who: As = "",
    server: Server = "",
) -> None:
    """Fetch a source from a TAXII 2.1 collection, a MISP feed or a MISP server from here on."""

    async def work(session: Session) -> None:
        request = write.ScheduleIntelligenceFetchRequest(
            tenant_id=whose,
            source=source,
            url=url,
            credential=credential,
            interval_minutes=every_minutes,
            label=label_of(label),
            kind=value_or_none(pb.IntelligenceFetchKind, kind, what="kind of source"),
        )
        await session.ask(request, write.ScheduleIntelligenceFetchResponse)
        say("Scheduled.")

    call(work, who, server)


@app.command("fetch")
def fetch(source: str = SourceName, whose: str = Whose, who: As = "", server: Server = "") -> None:
    """Fetch a source that has a schedule now."""

    async def work(session: Session) -> None:
        request = write.FetchIntelligenceRequest(tenant_id=whose, source=source)
        _say_source((await session.ask(request, write.FetchIntelligenceResponse, deadline=200)).source)

    call(work, who, server)


@app.command("retire")
def retire(source: str = SourceName, whose: str = Whose, who: As = "", server: Server = "") -> None:
    """Match and fetch nothing of a source any more."""

    async def work(session: Session) -> None:
        request = write.RetireIntelligenceSourceRequest(tenant_id=whose, source=source)
        await session.ask(request, write.RetireIntelligenceSourceResponse)
        say("Retired.")

    call(work, who, server)


@app.command("sources")
def sources(as_json: Json = False, whose: str = Whose, who: As = "", server: Server = "") -> None:
    """The sources with the version of each that stands."""

    async def work(session: Session) -> None:
        request = read.ListIntelligenceSourcesRequest(tenant_id=whose)
        found = await session.ask(request, read.ListIntelligenceSourcesResponse)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("source", "version>", "indicators>", "kept back>", "techniques>", "refused>", "fetched", "position>"),
            [
                (
                    each.source + (" (retired)" if each.retired else ""),
                    each.version,
                    each.standing,
                    each.kept_back,
                    each.techniques,
                    each.refused_total,
                    each.fetch.refusal or _schedule(each.fetch),
                    each.position,
                )
                for each in found.sources
            ],
            empty="No source of intelligence.",
        )

    call(work, who, server)


@app.command("indicators")
def indicators(
    source: str = SourceName,
    value: str = typer.Option("", "--value", help="Only those that this text would be found by."),
    ended: bool = typer.Option(False, "--ended", help="Also revoked ones and those that are over."),
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    as_json: Json = False,
    whose: str = Whose,
    who: As = "",
    server: Server = "",
) -> None:
    """Indicators of a source, with their confidence as it is now."""

    async def work(session: Session) -> None:
        request = read.ListIndicatorsRequest(tenant_id=whose, source=source, value=value, include_ended=ended)
        found = await every(session, request, read.ListIndicatorsResponse, limit=limit)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("pattern", "confidence>", "until", "label", "techniques", "indicator!"),
            [
                (
                    " or ".join(each.patterns),
                    f"{each.decayed_percent} %" if each.HasField("confidence_percent") else "unknown",
                    "revoked" if each.revoked else time_of(each.ends_at),
                    label_name(each.label),
                    ", ".join(each.techniques),
                    each.indicator_id,
                )
                for each in found.indicators
            ],
            empty="No indicator.",
        )

    call(work, who, server)


@app.command("techniques")
def techniques(
    named: list[str] = typer.Argument(None, metavar="[ID]...", help="Such as T1055.011; left out, all."),
    as_json: Json = False,
    whose: str = Whose,
    who: As = "",
    server: Server = "",
) -> None:
    """ATT&CK's techniques by name, and the source and version that name them."""

    async def work(session: Session) -> None:
        request = read.ListTechniquesRequest(tenant_id=whose, technique_ids=named or [])
        found = await session.ask(request, read.ListTechniquesResponse)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("technique", "name", "tactics", "source"),
            [
                (
                    each.technique_id,
                    each.name + (" (revoked)" if each.revoked else ""),
                    ", ".join(each.tactics),
                    f"{each.source} {each.version}",
                )
                for each in found.techniques
            ],
            empty="No technique; import ATT&CK's STIX bundle.",
        )

    call(work, who, server)


@sightings.command("join")
def join(tenant_id: TenantOption, who: As = "", server: Server = "") -> None:
    """Let what is validated as malicious here count for others, without a name, and be told of theirs."""

    async def work(session: Session) -> None:
        request = sightings_write.JoinSightingSharingRequest(tenant_id=tenant(tenant_id))
        await session.ask(request, sightings_write.JoinSightingSharingResponse)
        say("Joined.")

    call(work, who, server)


@sightings.command("leave")
def leave(tenant_id: TenantOption, who: As = "", server: Server = "") -> None:
    """Contribute nothing, and be told of nothing, from here on."""

    async def work(session: Session) -> None:
        request = sightings_write.LeaveSightingSharingRequest(tenant_id=tenant(tenant_id))
        await session.ask(request, sightings_write.LeaveSightingSharingResponse)
        say("Left.")

    call(work, who, server)


@sightings.command("list")
def list_sightings(
    tenant_id: TenantOption,
    ended: bool = typer.Option(False, "--ended", help="Also those that are not current any more."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What this customer was told that others have had lately."""

    async def work(session: Session) -> None:
        request = sightings_read.ListSightingsRequest(tenant_id=tenant(tenant_id), include_ended=ended)
        found = await session.ask(request, sightings_read.ListSightingsResponse)
        if as_json:
            show_json(plain(found))
            return
        if not found.joined:
            say("This customer takes no part in sharing sightings.")
        show_table(
            ("kind", "rule or indicator", "at least>", "as of", "current until"),
            [
                (
                    word(sightings_read.SightingSubject, each.subject_kind),
                    each.subject_id,
                    each.at_least,
                    time_of(each.bucket_at),
                    time_of(each.current_until),
                )
                for each in found.sightings
            ],
            empty="Nothing was told.",
        )

    call(work, who, server)


def _schedule(fetch: pb.IntelligenceFetch) -> str:
    """In words; empty for a source that is not fetched."""
    kind = word(pb.IntelligenceFetchKind, fetch.kind).replace("_", "-")
    return f"{kind}, every {fetch.interval_minutes} min" if fetch.url else ""


def _say_source(source: pb.IntelligenceSource) -> None:
    say(
        f"{source.source}, version {source.version}: {source.standing} indicators, {source.techniques} techniques; "
        f"{source.refused_total} objects are not used, {source.kept_back} indicators may not leave the provider."
    )
    for each in source.refused:
        say(f"  {each.object_id}: {each.reason}")
    if source.refused_total > len(source.refused):
        say(f"  … and {source.refused_total - len(source.refused)} more")
