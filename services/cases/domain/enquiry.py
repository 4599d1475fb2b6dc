"""Did you expect this? A question about a detection in triage: no response, and its answer is no verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.cases import EnquiryAnswered, EnquiryExpired, EnquirySent
from contracts.ids import derive_id
from services.cases.domain.charter import Charter
from services.cases.domain.commands import AnswerEnquiry, SendEnquiry
from services.cases.domain.errors import (
    AlreadyAnswered,
    DeadlineInvalid,
    EnquiryChannelSuspect,
    EnquiryUnknown,
    NotTheRecipient,
    NotTriaged,
    SubjectUnknown,
)
from services.cases.domain.notice import may_leave, registered_channel, relied_on
from services.cases.domain.subjects import Asset, Subject
from services.cases.domain.who import Who

EnquiryEvent = EnquirySent | EnquiryAnswered | EnquiryExpired


@dataclass(frozen=True, slots=True)
class Enquiry:
    enquiry_id: str = ""
    recipient: str = ""
    answered: bool = False


def evolve_enquiry(state: Enquiry, recorded: Recorded[EnquiryEvent]) -> Enquiry:
    event = recorded.event
    match event:
        case EnquirySent():
            return Enquiry(event.enquiry_id, event.recipient_principal_id)
        case EnquiryAnswered() | EnquiryExpired():
            return Enquiry(state.enquiry_id, state.recipient, True)
        case _:
            assert_never(event)


def send_enquiry(
    command: SendEnquiry,
    detection: Subject,
    assets: Sequence[Asset],
    charter: Charter,
    index: Callable[[str], str],
    who: Who,
    request_key: str,
) -> EnquirySent:
    """Raises NotTriaged, ContactUnknown, EnquiryChannelSuspect, LabelForbids, DeadlineInvalid.

    A detection is in triage once an analyst has claimed or validated it. The channel may depend on none of the accounts
    and devices that the detection is about. `index` gives the blind index of an external identifier.
    """
    if not detection.exists:
        raise SubjectUnknown("There is no such detection in this tenant.")
    if detection.claimed_by is None and detection.validation is None:
        raise NotTriaged("An analyst has to take the detection up before the customer is asked.")
    may_leave(command.label)
    contact, channel = registered_channel(charter, command.recipient_principal_id, command.channel)
    relied = {name: index(name) for name in relied_on(contact, channel)}
    shared = [name for name, mark in relied.items() if any(asset.known_as(name, mark) for asset in assets)]
    if shared:
        raise EnquiryChannelSuspect(
            "The channel depends on what is under suspicion; take another one.",
            metadata={"channel": command.channel, "depends_on": " ".join(sorted(shared))},
        )
    if command.deadline <= who.now:
        raise DeadlineInvalid("The deadline lies in the past.")
    return EnquirySent(
        enquiry_id=derive_id("enquiry", request_key),
        detection_id=detection.id,
        case_id=command.case_id,
        recipient_principal_id=command.recipient_principal_id,
        channel=command.channel,
        question=Sealed.of(command.question, subject=detection.id),
        deadline=command.deadline,
        label=command.label,
    )


def answer_enquiry(enquiry: Enquiry, command: AnswerEnquiry, who: Who) -> EnquiryAnswered:
    if not enquiry.enquiry_id:
        raise EnquiryUnknown("There is no such enquiry in this tenant.")
    if who.id != enquiry.recipient:
        raise NotTheRecipient("Only the person who was asked can answer.")
    if enquiry.answered:
        raise AlreadyAnswered("The enquiry was answered, or its deadline has passed.")
    return EnquiryAnswered(
        enquiry_id=enquiry.enquiry_id,
        expected=command.expected,
        comment=Sealed.of(command.comment, subject=enquiry.enquiry_id),
    )


def expire_enquiry(enquiry: Enquiry) -> list[EnquiryExpired]:
    if not enquiry.enquiry_id:
        raise EnquiryUnknown("There is no such enquiry in this tenant.")
    return [] if enquiry.answered else [EnquiryExpired(enquiry_id=enquiry.enquiry_id)]
