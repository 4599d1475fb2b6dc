"""Incident notices: complete, to a registered contact, over a registered channel, with a deadline."""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.errors import FieldViolation
from contracts.events.base import Recorded, Sealed
from contracts.events.cases import NoticeAcknowledged, NoticeOverdue, NoticeSent
from contracts.events.subjects import SubjectRef
from contracts.ids import derive_id
from contracts.labels import Audience, Label, may_see
from services.cases.domain.case import Case, in_work
from services.cases.domain.charter import OWN_ACCOUNTS, Channel, Charter, Contact
from services.cases.domain.commands import AcknowledgeNotice, SendNotice
from services.cases.domain.errors import (
    AlreadyAnswered,
    ContactUnknown,
    DeadlineInvalid,
    LabelForbids,
    NoticeIncomplete,
    NoticeUnknown,
    NotTheRecipient,
)
from services.cases.domain.who import Who, sealed_evidence

NoticeEvent = NoticeSent | NoticeAcknowledged | NoticeOverdue


@dataclass(frozen=True, slots=True)
class Notice:
    notice_id: str = ""
    recipient: str = ""
    acknowledged: bool = False
    overdue: bool = False
    case_id: str = ""


def evolve_notice(state: Notice, recorded: Recorded[NoticeEvent]) -> Notice:
    event = recorded.event
    match event:
        case NoticeSent():
            return Notice(event.notice_id, event.recipient_principal_id, case_id=event.case_id)
        case NoticeAcknowledged():
            return replace(state, acknowledged=True)
        case NoticeOverdue():
            return replace(state, overdue=True)
        case _:
            assert_never(event)


def send_notice(
    case: Case, command: SendNotice, subject: SubjectRef, charter: Charter, who: Who, request_key: str
) -> NoticeSent:
    """Raises NoticeIncomplete with a violation per missing field, LabelForbids, ContactUnknown, DeadlineInvalid."""
    case_id = in_work(case).case_id
    _complete(command)
    may_leave(command.label, *(item.label for item in command.evidence))
    registered_channel(charter, command.recipient_principal_id, command.channel)
    if command.deadline is None or command.deadline <= who.now:
        raise DeadlineInvalid("The deadline lies in the past.")
    return NoticeSent(
        notice_id=derive_id("notice", request_key),
        case_id=case_id,
        subject=subject,
        channel=command.channel,
        recipient_principal_id=command.recipient_principal_id,
        what=Sealed.of(command.what, subject=case_id),
        where=Sealed.of(command.where, subject=case_id),
        when=Sealed.of(command.when, subject=case_id),
        evidence=sealed_evidence(command.evidence, subject=case_id, request_key=request_key),
        options=tuple(Sealed.of(option, subject=case_id) for option in command.options),
        deadline=command.deadline,
        label=command.label,
    )


def acknowledge_notice(notice: Notice, command: AcknowledgeNotice, who: Who) -> NoticeAcknowledged:
    if not notice.notice_id:
        raise NoticeUnknown("There is no such notice in this tenant.")
    if who.id != notice.recipient:
        raise NotTheRecipient("Only the recipient can acknowledge a notice.")
    if notice.acknowledged:
        raise AlreadyAnswered("The notice is acknowledged.")
    comment = Sealed.of(command.comment, subject=notice.notice_id) if command.comment.strip() else None
    return NoticeAcknowledged(notice_id=notice.notice_id, decision=command.decision, comment=comment)


def mark_overdue(notice: Notice) -> list[NoticeOverdue]:
    if not notice.notice_id:
        raise NoticeUnknown("There is no such notice in this tenant.")
    if notice.acknowledged or notice.overdue:
        return []
    return [NoticeOverdue(notice_id=notice.notice_id)]


def registered_channel(charter: Charter, principal_id: str, channel: str) -> tuple[Contact, Channel]:
    """Raises ContactUnknown unless the charter registers this person with this channel."""
    contact = charter.contact_of(principal_id)
    found = next((each for each in contact.channels if each.channel == channel), None) if contact else None
    if contact is None or found is None:
        raise ContactUnknown(
            "The charter does not register this contact with this channel.",
            metadata={"principal_id": principal_id, "channel": channel},
        )
    return contact, found


def relied_on(contact: Contact, channel: Channel) -> frozenset[str]:
    """External identifiers of everything that the channel depends on."""
    own = contact.accounts if OWN_ACCOUNTS in channel.relies_on else ()
    return frozenset({*channel.relies_on, *own} - {OWN_ACCOUNTS})


def _complete(command: SendNotice) -> None:
    texts = {"what": command.what, "where": command.where, "when": command.when}
    missing = [name for name, text in texts.items() if not text.strip()]
    missing += ["recipient_principal_id"] if not command.recipient_principal_id else []
    missing += ["channel"] if not command.channel else []
    missing += ["evidence"] if not command.evidence else []
    missing += ["options"] if not any(option.strip() for option in command.options) else []
    missing += ["deadline"] if command.deadline is None else []
    if missing:
        raise NoticeIncomplete(
            f"The notice lacks {', '.join(missing)}.",
            metadata={"missing": " ".join(missing)},
            violations=tuple(FieldViolation(name, "is required in an incident notice") for name in missing),
        )


def may_leave(*labels: Label) -> None:
    """Raises LabelForbids when one of the labels keeps its content from the customer."""
    for label in labels:
        if not may_see(label, Audience.CUSTOMER):
            raise LabelForbids(
                "Something in it must not leave the circle of investigators.", metadata={"label": label.value}
            )
