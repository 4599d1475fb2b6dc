"""The service's values as messages of the wire, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.cases.v1 import cases_pb2 as pb
from tenet.common.v1 import common_pb2 as common

from contracts.calls import AuthenticatedBy
from contracts.events.cases import Authority, CharterLine, Mode, Precedence, Priority, ResponseType
from contracts.events.subjects import Evidence, Sight, SubjectKind, SubjectRef
from contracts.labels import Label
from infra.disclosure.opener import Opened
from services.cases.domain.action import Status
from services.cases.domain.commands import EvidenceGiven
from services.cases.projections.enquiries import EnquiryStatus
from services.cases.projections.notices import NoticeStatus
from services.cases.projections.stamp import Stamp

T = TypeVar("T", bound=str)

LABELS = {each: common.Label.Value(f"LABEL_{each.name}") for each in Label}
SUBJECT_KINDS = {each: common.SubjectKind.Value(f"SUBJECT_KIND_{each.name}") for each in SubjectKind}
AUTHENTICATED_BY = {each: common.AuthenticatedBy.Value(f"AUTHENTICATED_BY_{each.name}") for each in AuthenticatedBy}
RESPONSE_TYPES = {each: pb.ResponseType.Value(f"RESPONSE_TYPE_{each.name}") for each in ResponseType}
MODES = {each: pb.Mode.Value(f"MODE_{each.name}") for each in Mode}
AUTHORITIES = {each: pb.Authority.Value(f"AUTHORITY_{each.name}") for each in Authority}
PRIORITIES = {each: pb.Priority.Value(f"PRIORITY_{each.name}") for each in Priority}
PRECEDENCES = {each: pb.Precedence.Value(f"PRECEDENCE_{each.name}") for each in Precedence}
ACTION_STATUSES = {each: pb.ActionStatus.Value(f"ACTION_STATUS_{each.name}") for each in Status}
NOTICE_STATUSES = {each: pb.NoticeStatus.Value(f"NOTICE_STATUS_{each.name}") for each in NoticeStatus}
ENQUIRY_STATUSES = {each: pb.EnquiryStatus.Value(f"ENQUIRY_STATUS_{each.name}") for each in EnquiryStatus}


def named(table: Mapping[T, int], number: int) -> T:
    """The value behind a number of an enum that the schema's rules have checked."""
    return next(value for value, each in table.items() if each == number)


def timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message


def moment(message: Timestamp) -> datetime:
    return message.ToDatetime(UTC)


def evidence_given(message: common.EvidenceInput) -> EvidenceGiven:
    return EvidenceGiven(
        label=named(LABELS, message.label),
        summary=message.summary,
        sha256=message.sha256 if message.HasField("sha256") else None,
        offset=message.offset if message.HasField("offset") else None,
        position=message.position if message.HasField("position") else None,
    )


def sight(message: common.Sight) -> Sight:
    return Sight(view=message.view, view_version=message.view_version, position=message.position)


def evidence_message(evidence: Evidence, opened: Opened) -> common.Evidence:
    return common.Evidence(
        id=evidence.id,
        label=LABELS[evidence.label],
        summary=opened.text(evidence.summary),
        sha256=evidence.sha256,
        offset=evidence.offset,
        position=evidence.position,
    )


def subject_message(subject: SubjectRef) -> common.SubjectRef:
    return common.SubjectRef(
        kind=SUBJECT_KINDS[subject.kind], id=subject.id, validation_position=subject.validation_position
    )


def line_message(line: CharterLine) -> pb.CharterLine:
    return pb.CharterLine(charter_id=line.charter_id, version=line.version, digest=line.digest, line=line.line)


def stamp_message(stamp: Stamp | None) -> pb.Stamp | None:
    if stamp is None:
        return None
    actor = common.ActorRef(
        id=stamp.actor_id,
        authenticated_by=AUTHENTICATED_BY[stamp.authenticated_by],
        home_tenant_id=stamp.home_tenant_id,
        on_behalf_of=stamp.on_behalf_of or "",
    )
    return pb.Stamp(
        position=stamp.position,
        occurred_at=timestamp(stamp.occurred_at),
        recorded_at=timestamp(stamp.recorded_at),
        actor=actor,
    )
