"""What a report needs to know of a ledger, gathered in one pass in the order of positions."""

from services.reporting.domain.chronicle.chronicle import Chronicle
from services.reporting.domain.chronicle.marks import Mark, Moment

__all__ = ["Chronicle", "Mark", "Moment"]
