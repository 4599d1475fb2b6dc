"""`tenet vulnerability …`: the feeds that tell how likely vulnerabilities are to be exploited."""

from pathlib import Path

import typer
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_vulnerabilities_admin_pb2 as admin
from tenet.assets.v1 import assets_vulnerabilities_read_pb2 as read

from infra.cli.connection import As, Json, Server, call
from infra.cli.output import plain, say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, time_of, value_of, word

app = typer.Typer(no_args_is_help=True, help="What KEV and EPSS say of vulnerabilities.")
MAX_FEED_BYTES = 12 * 1024 * 1024
"""The most that Tenet takes in one import, compressed or not. All of EPSS has about 2 MiB in gzip."""
MILLION = 1_000_000


@app.command("import")
def import_feed(
    feed: str = typer.Argument(..., metavar="FEED", help="kev or epss."),
    path: Path = typer.Argument(..., metavar="FILE", help="The feed as published; gzip is fine."),
    released: str = typer.Option("", "--released", help="When it was released, if it does not tell itself."),
    who: As = "",
    server: Server = "",
) -> None:
    """Import a version of a feed. Every open finding of every tenant is judged by it within a minute."""

    async def work(session: Session) -> None:
        if not path.is_file():
            raise UsageProblem(f"{path} is not there.")
        content = path.read_bytes()
        if len(content) > MAX_FEED_BYTES:
            raise Problem(
                "FEED_TOO_LARGE",
                f"The feed has {len(content)} bytes, of {MAX_FEED_BYTES} at most.",
                hint="compress it with gzip.",
            )
        request = admin.ImportVulnerabilityFeedRequest(
            feed=value_of(pb.VulnerabilityFeed, feed, what="feed"),
            content=content,
            released_at=moment(released) if released else None,
        )
        answer = await session.ask(request, admin.ImportVulnerabilityFeedResponse, deadline=120)
        said = f"{feed} {answer.version}: {answer.entries} vulnerabilities"
        if not answer.recorded:
            say(f"{said}. This version was at hand already.")
            return
        say(f"{said}; {answer.added} new, {answer.changed} changed, {answer.removed} gone.")

    call(work, who, server)


Feed = typer.Argument(..., metavar="FEED", help="kev or epss.")


@app.command("schedule")
def schedule(
    feed: str = Feed,
    url: str = typer.Argument(..., metavar="URL", help="Where its publisher has it."),
    every_minutes: int = typer.Option(720, "--every", min=15, max=10_080, help="Minutes."),
    who: As = "",
    server: Server = "",
) -> None:
    """Fetch a feed from here on, in place of an earlier schedule. What it has not changed is not sent again."""

    async def work(session: Session) -> None:
        request = admin.ScheduleVulnerabilityFeedRequest(
            feed=value_of(pb.VulnerabilityFeed, feed, what="feed"), url=url, interval_minutes=every_minutes
        )
        await session.ask(request, admin.ScheduleVulnerabilityFeedResponse)
        say("Scheduled.")

    call(work, who, server)


@app.command("unschedule")
def unschedule(feed: str = Feed, who: As = "", server: Server = "") -> None:
    """Fetch a feed no more; what was imported stays."""

    async def work(session: Session) -> None:
        request = admin.UnscheduleVulnerabilityFeedRequest(feed=value_of(pb.VulnerabilityFeed, feed, what="feed"))
        await session.ask(request, admin.UnscheduleVulnerabilityFeedResponse)
        say("Unscheduled.")

    call(work, who, server)


@app.command("fetch")
def fetch(feed: str = Feed, who: As = "", server: Server = "") -> None:
    """Fetch a feed that has a schedule now."""

    async def work(session: Session) -> None:
        request = admin.FetchVulnerabilityFeedRequest(feed=value_of(pb.VulnerabilityFeed, feed, what="feed"))
        answer = await session.ask(request, admin.FetchVulnerabilityFeedResponse, deadline=200)
        say(f"{feed} {answer.version}." if answer.recorded else f"{feed} {answer.version} was at hand already.")

    call(work, who, server)


@app.command("feeds")
def feeds(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """The versions that were imported, the latest released first, and where feeds are fetched from."""

    async def work(session: Session) -> None:
        found = await every(session, read.ListVulnerabilityFeedsRequest(), read.ListVulnerabilityFeedsResponse)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("feed", "version", "released", "entries>", "new>", "changed>", "gone>", "imported", "position>"),
            [
                (
                    word(pb.VulnerabilityFeed, each.version.feed),
                    each.version.version,
                    time_of(each.released_at),
                    each.entries,
                    each.added,
                    each.changed,
                    each.removed,
                    time_of(each.imported_at),
                    each.version.position,
                )
                for each in found.feeds
            ],
            empty="No feed was imported; `tenet vulnerability import` does.",
        )
        for each in found.schedules:
            # Without a refusal, the last fetch went well or there was none yet, which a schedule does not tell.
            last = f"; the last fetch was refused: {each.refusal}" if each.HasField("refusal") else ""
            name = word(pb.VulnerabilityFeed, each.feed)
            say(f"{name} is fetched every {each.interval_minutes} min from {each.url}{last}.")

    call(work, who, server)


@app.command("show")
def show(
    vulnerability_id: str = typer.Argument(..., metavar="CVE", help="Such as CVE-2024-3094."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What the newest versions say of a vulnerability."""

    async def work(session: Session) -> None:
        request = read.GetVulnerabilityRequest(vulnerability_id=vulnerability_id.upper())
        found = await session.ask(request, read.GetVulnerabilityResponse)
        if as_json:
            show_json(found)
            return
        entry = found.known_exploited
        likelihood = f"{found.likelihood_millionths / MILLION:.4f}" if found.HasField("likelihood_millionths") else "?"
        listed = ("yes" if found.listed else "no") if found.HasField("listed") else "?"
        pairs = [("vulnerability", found.vulnerability_id), ("likelihood", likelihood), ("known exploited", listed)]
        if found.HasField("known_exploited"):
            pairs += [
                ("name", entry.name),
                ("listed on", entry.date_added),
                ("due", entry.due_date or "-"),
                ("ransomware", "yes" if entry.ransomware else "not known"),
            ]
        pairs += [
            (f"by {word(pb.VulnerabilityFeed, each.feed)}", f"{each.version} (position {each.position})")
            for each in found.feeds
        ]
        show_pairs(pairs)

    call(work, who, server)
