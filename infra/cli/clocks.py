"""`tenet clocks`: how near real time each source of telemetry is, and how long people take with what it raised."""

from collections.abc import Sequence
from datetime import timedelta

from tenet.detections.v1 import detections_clocks_read_pb2 as read

from infra.cli.connection import As, Json, Server, TenantsOption, call
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import time_of

P95 = 0.95
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def clocks(tenants: TenantsOption = None, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Show how old telemetry is when it comes, when detections are on record, and when people look; the worst first.

    A column of ages holds the bound that 95 of 100 stay below. `come` and `raised` count from when it happened,
    `normalised` and `matched` from when it came, `triaged` and `judged` from when a detection was raised. What hunts
    have found is shown apart.
    """

    async def work(session: Session) -> None:
        found = await every(session, read.ListSourceClocksRequest(tenant_ids=tenants), read.ListSourceClocksResponse)
        if as_json:
            show_json(found)
            return
        _show_telemetry(found.sources)
        _show_detections(found.sources)

    call(work, who, server)


def _show_telemetry(sources: Sequence[read.SourceClocks]) -> None:
    show_table(
        (
            "tenant",
            "source!",
            "batches>",
            "records>",
            "skewed>",
            "late>",
            "out of order>",
            "come p95>",
            "normalised p95>",
            "matched p95>",
            "last",
        ),
        [
            (
                s.tenant_id,
                s.sensor_id,
                s.batches,
                s.records,
                s.skewed_records,
                s.late_batches,
                s.out_of_order_batches,
                _within(s.received),
                _within(s.normalised),
                _within(s.matched),
                time_of(s.last_received_at),
            )
            for s in sources
        ],
        empty="No telemetry has come.",
    )


def _show_detections(sources: Sequence[read.SourceClocks]) -> None:
    """Of sources that have raised something, what is live before what hunts have found."""
    stages = [
        (source, found, kind)
        for source in sources
        for found, kind in ((source, "live"), (source.retrospective, "by hunts"))
        if sum(found.raised.counts)
    ]
    if not stages:
        return
    say("")
    show_table(
        ("tenant", "source!", "found", "detections>", "waiting>", "raised p95>", "triaged p95>", "judged p95>"),
        [
            (
                source.tenant_id,
                source.sensor_id,
                kind,
                sum(found.raised.counts),
                found.waiting,
                _within(found.raised),
                _within(found.triaged),
                _within(found.judged),
            )
            for source, found, kind in stages
        ],
    )


def _within(ages: read.Ages) -> str:
    """The bound below which 95 of 100 ages are, in one piece however narrow; empty where there are none."""
    bounds = [_span(bound.ToTimedelta()) for bound in ages.upper_bounds]
    place = _place(ages.counts)
    if place is None:
        return ""
    bound = f"≤ {bounds[place]}" if place < len(bounds) else f"> {bounds[-1]}"
    return bound.replace(" ", NO_BREAK_SPACE)


def _span(bound: timedelta) -> str:
    """`15 s`, `5 min`, `6 h`: the bounds are whole units."""
    seconds = int(bound.total_seconds())
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _place(counts: Sequence[int]) -> int | None:
    total, reached = sum(counts), 0
    for place, count in enumerate(counts):
        reached += count
        if total and reached >= P95 * total:
            return place
    return None
