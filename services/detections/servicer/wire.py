"""The service's values as messages of the wire, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as pb

from contracts.events.subjects import Sight, Verdict
from contracts.labels import Label
from services.detections.application.ingest import Receipt
from services.detections.domain.commands import EvidenceInput
from services.detections.domain.formats.recognition import Format
from services.detections.projections.verdicts import TriageState

T = TypeVar("T", bound=str)

VERDICTS = {verdict: common.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}
LABELS = {label: common.Label.Value(f"LABEL_{label.name}") for label in Label}
STATES = {state: pb.TriageState.Value(f"TRIAGE_STATE_{state.name}") for state in TriageState}
FORMATS = {
    each: pb.TELEMETRY_FORMAT_UNSPECIFIED
    if each is Format.AUTOMATIC
    else pb.TelemetryFormat.Value(f"TELEMETRY_FORMAT_{each.name}")
    for each in Format
}


def named(table: Mapping[T, int], number: int) -> T:
    """The value behind a number of an enum that the schema's rules have checked."""
    return next(value for value, each in table.items() if each == number)


def timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message


def evidence_input(message: common.EvidenceInput) -> EvidenceInput:
    return EvidenceInput(
        label=named(LABELS, message.label),
        summary=message.summary,
        sha256=message.sha256 if message.HasField("sha256") else None,
        offset=message.offset if message.HasField("offset") else None,
        position=message.position if message.HasField("position") else None,
    )


def sight(message: common.Sight) -> Sight:
    return Sight(view=message.view, view_version=message.view_version, position=message.position)


def receipt_message(receipt: Receipt) -> pb.BatchReceipt:
    return pb.BatchReceipt(
        batch_id=receipt.batch_id,
        records=receipt.records,
        accepted=receipt.accepted,
        repeated=receipt.repeated,
        put_aside=[pb.PutAside(reason=reason, records=count) for reason, count in receipt.put_aside],
        skewed=receipt.skewed,
        raised=receipt.raised,
        joined=receipt.joined,
        sha256=receipt.sha256,
        samples=[pb.PutAsideSample(reason=each.reason, offset=each.offset, head=each.head) for each in receipt.samples],
    )
