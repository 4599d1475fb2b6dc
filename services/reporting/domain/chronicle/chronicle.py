"""One pass over a ledger: everything that the metrics ask of it, held per aggregate and not per record.

Memory grows with the number of assets, subjects, cases and actions; telemetry is only added up.
"""

from datetime import datetime

from contracts.errors import DataLoss
from contracts.events.base import Event, Recorded
from services.reporting.domain.chronicle.mandates import Mandates
from services.reporting.domain.chronicle.promises import Promises
from services.reporting.domain.chronicle.publications import Publications
from services.reporting.domain.chronicle.responses import Responses
from services.reporting.domain.chronicle.subjects import Subjects
from services.reporting.domain.chronicle.watch import Watch
from services.reporting.domain.scope import Scope


class OutOfOrder(DataLoss):
    """The feed skipped or repeated a position; no figure may be derived from it."""

    reason = "FEED_OUT_OF_ORDER"


class Chronicle:
    """Feed it every entry of the ledger from position 0 to the scope's last one."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.subjects = Subjects()
        self.responses = Responses()
        self.watch = Watch(scope.in_period)
        self.publications = Publications()
        self.mandates = Mandates()
        self.promises = Promises()
        self.next_position = 0
        self.as_of: datetime | None = None
        """When the last entry so far was recorded."""

    def observe(self, recorded: Recorded[Event]) -> None:
        if recorded.position != self.next_position:
            raise OutOfOrder(f"Expected position {self.next_position}, got {recorded.position}.")
        self.subjects.observe(recorded)
        self.responses.observe(recorded)
        self.watch.observe(recorded)
        self.publications.observe(recorded)
        self.mandates.observe(recorded)
        self.promises.observe(recorded)
        self.next_position += 1
        self.as_of = recorded.recorded_at

    @property
    def complete(self) -> bool:
        return self.next_position == self.scope.as_of_position + 1
