"""The service's values as messages of the wire, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.reporting.v1 import reporting_pb2 as pb
from tenet.reporting.v1 import reporting_read_pb2 as read_rpc
from tenet.reporting.v1 import reporting_write_pb2 as rpc

from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from contracts.labels import Audience
from infra.disclosure.opener import Opened
from services.reporting.domain.commands import Bounds, Month
from services.reporting.domain.headlines import event_headline
from services.reporting.projections.reports import ReplyRow, ReportRow, Standing

T = TypeVar("T", bound=str)

AUDIENCES = {audience: pb.Audience.Value(f"AUDIENCE_{audience.name}") for audience in Audience}
STANDINGS = {standing: pb.ReportStanding.Value(f"REPORT_STANDING_{standing.name}") for standing in Standing}


def named(table: Mapping[T, int], number: int) -> T:
    """The value behind a number of an enum that the schema's rules have checked."""
    return next(value for value, each in table.items() if each == number)


def timestamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


def instant_of(message: Timestamp) -> datetime:
    return message.ToDatetime(tzinfo=UTC)


def period_of(request: rpc.PublishReportRequest) -> Month | Bounds:
    if request.WhichOneof("period") == "month":
        return Month(year=request.month.year, month=request.month.month)
    bounds = request.bounds
    return Bounds(period_from=instant_of(bounds.period_from), period_to=instant_of(bounds.period_to))


def report_message(tenant_id: TenantId, row: ReportRow, opened: Opened) -> pb.Report:
    event = row.published
    return pb.Report(
        tenant_id=tenant_id,
        report_id=event.report_id,
        title=event.title,
        audience=AUDIENCES[event.audience],
        period_from=timestamp(event.period_from),
        period_to=timestamp(event.period_to),
        time_zone=event.time_zone,
        tzdata_version=event.tzdata_version,
        as_of_position=event.as_of_position,
        definitions_version=event.definitions_version,
        model_sha256=event.model_sha256,
        restates_report_id=event.restates_report_id,
        standing=STANDINGS[row.standing],
        confirmations=[_confirmation(reply, opened) for reply in row.replies if reply.figure is None],
        disputes=[_dispute(reply, reply.figure, opened) for reply in row.replies if reply.figure is not None],
        published_at=timestamp(row.published_at),
        position=row.position,
    )


def entry_message(recorded: Recorded[Event]) -> read_rpc.Entry:
    envelope = recorded.envelope
    return read_rpc.Entry(
        position=recorded.position,
        topic=envelope.topic,
        stream=envelope.stream,
        event_id=envelope.id,
        recorded_at=timestamp(recorded.recorded_at),
        occurred_at=timestamp(recorded.occurred_at),
        principal_id=envelope.actor.id,
        headline=event_headline(recorded.event),
    )


def _confirmation(reply: ReplyRow, opened: Opened) -> pb.Confirmation:
    return pb.Confirmation(
        comment=opened.text(reply.words),
        principal_id=reply.principal_id,
        confirmed_at=timestamp(reply.recorded_at),
        position=reply.position,
    )


def _dispute(reply: ReplyRow, figure: str, opened: Opened) -> pb.Dispute:
    return pb.Dispute(
        figure=figure,
        reason=opened.text(reply.words),
        principal_id=reply.principal_id,
        disputed_at=timestamp(reply.recorded_at),
        position=reply.position,
    )
