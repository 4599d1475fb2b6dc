"""Documents "as happened at" a moment: what had happened in the world by then, as far as it was known at a position.

The other clock of a view's rows. Entries say when something happened apart from when it was recorded; an activity that
was found days later had happened at its own time. So a document is folded anew from those entries of its stream whose
time of happening lies at or before the moment. They are taken in the order of recording, since each of them was decided
on the ones recorded before it. What happened at an unknown time within an interval counts once the interval has ended.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from contracts.events.base import Interval, Recorded
from contracts.ids import TenantId
from infra.event_store.feed import TimeInFuture
from infra.event_store.repository import Repository
from infra.read_database.reader.pages import Document
from infra.read_database.views import DocumentView

D = TypeVar("D")


class Happened:
    """Reads documents by the clock of the world, of views whose documents each come from one stream of their own."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def get(
        self, view: DocumentView[D], tenant_id: TenantId, key: str, moment: datetime, *, known_at: int
    ) -> Document[D] | None:
        """The document at a moment (aware), as known at a position; None when it had not come to be.

        Raises TenantUnknown, StoreUnavailable.
        """
        (category,) = {topic.CATEGORY for topic in view.TOPICS}
        document, last = None, -1
        for recorded in await self._repository.history(tenant_id, category, key, at=known_at):
            if had_happened(recorded, moment) and recorded.event.TOPIC in view.topic_names:
                document, last = view.fold(key, document, recorded), recorded.position
            elif document is None:
                return None
        return None if document is None else Document(tenant_id, key, document, last, known_at)

    async def all(
        self, view: DocumentView[D], tenant_id: TenantId, keys: Sequence[str], moment: datetime, *, known_at: int
    ) -> list[D]:
        """Those of these documents that had come to be, in the order of the keys."""
        found = [await self.get(view, tenant_id, key, moment, known_at=known_at) for key in keys]
        return [each.document for each in found if each is not None]


def had_happened(recorded: Recorded[Any], moment: datetime) -> bool:
    occurred = recorded.envelope.occurred_at
    return (occurred.latest if isinstance(occurred, Interval) else occurred) <= moment


def past_moment(asked: Timestamp, now: datetime) -> datetime:
    """The moment that a query names. Raises TimeInFuture: what will have happened by then is not known."""
    moment = asked.ToDatetime(UTC)
    if moment > now:
        raise TimeInFuture("What will have happened by then is not known.")
    return moment
