"""Whether each response in a ledger rests on a validation that stood. Shares no code with the service.

For each entry that responds, or says what a case rests on, it looks for the last word on the cited subject before it.
"""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded
from contracts.events.case_work import CaseAbsorbed
from contracts.events.cases import (
    ActionDispatched,
    ActionRehearsed,
    CaseOpened,
    NoticeSent,
    PlanDecided,
    SubjectLinked,
)
from contracts.events.detections import DetectionValidated, DetectionValidationWithdrawn
from contracts.events.subjects import SubjectRef, Verdict


def unsupported(entries: Sequence[Recorded[Any]]) -> list[Recorded[Any]]:
    """The entries of a ledger from position 0 that cite a validation which did not stand when they were appended."""
    standing: dict[str, int] = {}
    found: list[Recorded[Any]] = []
    for entry in entries:
        event = entry.event
        if isinstance(event, DetectionValidated):
            standing.pop(event.detection_id, None)
            if event.verdict is Verdict.MALICIOUS:
                standing[event.detection_id] = entry.position
        elif isinstance(event, DetectionValidationWithdrawn):
            standing.pop(event.detection_id, None)
        elif any(standing.get(each.id) != each.validation_position for each in cited(entry)):
            found.append(entry)
    return found


def cited(entry: Recorded[Any]) -> tuple[SubjectRef, ...]:
    """The subjects that a response, or what a case rests on, names; a reverse ends an effect and is none."""
    event = entry.event
    match event:
        case ActionDispatched():
            return () if event.reverses_action_id else (event.basis.subject,)
        case ActionRehearsed():
            return (event.basis.subject,)
        case CaseAbsorbed():
            return tuple(each.subject for each in event.brought)
        case CaseOpened() | SubjectLinked() | PlanDecided() | NoticeSent():
            return (event.subject,)
        case _:
            return ()
