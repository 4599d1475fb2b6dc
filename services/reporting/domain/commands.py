"""The commands of the reporting service."""

from datetime import datetime

from contracts.commands import Command, Private
from contracts.events.base import Value
from contracts.labels import Audience


class Month(Value):
    year: int
    month: int


class Bounds(Value):
    period_from: datetime
    period_to: datetime


class PublishReport(Command):
    """`as_of_position` None stands for the head of the ledger; `time_zone` None for the tenant's own."""

    period: Month | Bounds
    time_zone: str | None
    as_of_position: int | None
    audience: Audience
    title: str | None


class ConfirmReport(Command):
    report_id: str
    comment: Private | None


class DisputeReport(Command):
    report_id: str
    figure: str
    reason: Private
