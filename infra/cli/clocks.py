"""`tenet clocks`: how near real time each source of telemetry is."""

from collections.abc import Sequence
from datetime import timedelta

from tenet.detections.v1 import detections_clocks_read_pb2 as read

from infra.cli.connection import As, Json, Server, TenantsOption, call
from infra.cli.output import show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import time_of

P95 = 0.95


def clocks(tenants: TenantsOption = None, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Show how old telemetry is when it comes, and when detections are on record; worst sources first.

    A column of ages holds the bound that 95 of 100 stay below.
    """

    async def work(session: Session) -> None:
        found = await every(session, read.ListSourceClocksRequest(tenant_ids=tenants), read.ListSourceClocksResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            (
                "tenant",
                "source",
                "batches>",
                "records>",
                "skewed>",
                "late>",
                "out of order>",
                "come p95>",
                "raised p95>",
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
                    _within(s.raised),
                    time_of(s.last_received_at),
                )
                for s in found.sources
            ],
            empty="No telemetry has come.",
        )

    call(work, who, server)


def _within(ages: read.Ages) -> str:
    """The bound below which 95 of 100 ages are; empty where there are none."""
    bounds = [_span(bound.ToTimedelta()) for bound in ages.upper_bounds]
    place = _place(ages.counts)
    if place is None:
        return ""
    return f"≤ {bounds[place]}" if place < len(bounds) else f"> {bounds[-1]}"


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
