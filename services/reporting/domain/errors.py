"""What can keep a command or a query of the reporting service from being carried out."""

from contracts.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound


class ReportUnknown(NotFound):
    reason = "REPORT_UNKNOWN"

    def __init__(self, report_id: str) -> None:
        super().__init__("This tenant has no such report.", metadata={"report_id": report_id})


class FigureUnknown(NotFound):
    """The report's model has no figure of that id."""

    reason = "FIGURE_UNKNOWN"

    def __init__(self, figure: str) -> None:
        super().__init__("The report has no such figure.", metadata={"figure": figure})


class TimeZoneMissing(InvalidArgument):
    """A calendar month needs a time zone, and the tenant has none on record."""

    reason = "TIME_ZONE_MISSING"

    def __init__(self) -> None:
        super().__init__("Name the time zone of the month; the tenant has none on record.")


class PeriodEmpty(InvalidArgument):
    reason = "PERIOD_EMPTY"

    def __init__(self) -> None:
        super().__init__("The period ends before it begins.")


class PeriodNotBegun(FailedPrecondition):
    """Nothing as of that position can lie in the period."""

    reason = "PERIOD_NOT_BEGUN"

    def __init__(self) -> None:
        super().__init__("The period begins after the last entry that the report may know.")


class LedgerEmpty(FailedPrecondition):
    reason = "LEDGER_EMPTY"

    def __init__(self) -> None:
        super().__init__("The tenant's ledger has no entry yet.")


class PositionBeyondHead(InvalidArgument):
    """The report is to stand on an entry that does not exist yet."""

    reason = "POSITION_BEYOND_HEAD"

    def __init__(self, position: int, head: int) -> None:
        metadata = {"position": str(position), "last_position": str(head - 1)}
        super().__init__("The ledger has no entry at that position yet.", metadata=metadata)


class ModelAltered(DataLoss):
    """The stored model is not the one whose hash the ledger holds, or cannot be read."""

    reason = "MODEL_ALTERED"

    def __init__(self, sha256: str) -> None:
        super().__init__("The stored model does not match the ledger.", metadata={"sha256": sha256})
