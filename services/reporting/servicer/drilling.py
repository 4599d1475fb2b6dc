"""Pages through the entries that a figure comes from. The page token is the first position that is still to come."""

from collections.abc import Iterator
from typing import Any

from contracts.errors import InvalidArgument
from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from services.reporting.config import DRILL_PAGE, MAX_DRILL_PAGE


class DrillTokenRefused(InvalidArgument):
    """The page token is none that an earlier page of this figure gave."""

    reason = "PAGE_TOKEN_REFUSED"

    def __init__(self) -> None:
        super().__init__("The page token does not belong to this figure.")


def page_of(source: dict[str, Any], token: str, size: int) -> tuple[list[tuple[int, int]], str]:
    """Runs of positions from the token on, at most `size` positions in all, and the next token (empty: no more).

    Raises DrillTokenRefused.
    """
    if token and not (token.isascii() and token.isdigit()):
        raise DrillTokenRefused
    left = min(size or DRILL_PAGE, MAX_DRILL_PAGE)
    page: list[tuple[int, int]] = []
    for first, last in _runs_from(source["runs"], int(token or 0)):
        if left == 0:
            return page, str(first)
        end = min(last, first + left - 1)
        page.append((first, end))
        left -= end - first + 1
        if end < last:
            return page, str(end + 1)
    return page, ""


async def entries_of(feed: Feed, tenant_id: TenantId, runs: list[tuple[int, int]]) -> list[Recorded[Event]]:
    found: list[Recorded[Event]] = []
    for first, last in runs:
        found += await feed.read(tenant_id, first, last - first + 1)
    return found


def _runs_from(runs: list[list[int]], start: int) -> Iterator[tuple[int, int]]:
    for first, last in runs:
        if last >= start:
            yield max(first, start), last
