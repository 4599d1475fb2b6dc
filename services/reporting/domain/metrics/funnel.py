"""From telemetry to escalation, by the cohort of detections that were recorded in the period."""

from contracts.events.subjects import SubjectKind
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.subjects import Subject
from services.reporting.domain.figures import FigureMaker, Json


def cohort(chronicle: Chronicle) -> list[Subject]:
    """The detections recorded in the period."""
    found = chronicle.subjects.of_kind(SubjectKind.DETECTION)
    return [subject for subject in found if chronicle.scope.in_period(subject.raised.at)]


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    detections = cohort(chronicle)
    in_case = subjects_in_cases(chronicle)
    escalated = _escalated(chronicle)
    telemetry = list(chronicle.watch.volumes.values())
    volume_positions = [position for volume in telemetry for position in volume.positions]
    stages = {
        "detections": ("Detections raised", detections),
        "triaged": ("Looked at by a person", [item for item in detections if item.triaged]),
        "in_case": ("In a case", [item for item in detections if item.id in in_case]),
        "confirmed": ("Confirmed", [item for item in detections if item.confirmed]),
        "escalated": ("Escalated to you", [item for item in detections if item.id in escalated]),
    }
    ends = {
        "closed_by_person": (
            "Closed by a person",
            [item for item in detections if item.id not in in_case and item.validated],
        ),
        "open": ("Still open", [item for item in detections if item.id not in in_case and not item.validated]),
    }
    made = [
        make.quantity(
            "funnel.telemetry",
            "telemetry",
            "Telemetry records read",
            "count",
            sum(volume.accepted for volume in telemetry) if telemetry else None,
            volume_positions,
        )
    ]
    for name, (label, items) in (stages | ends).items():
        made.append(make.count(f"funnel.{name}", "funnel", label, (item.raised.position for item in items)))
    made.append(
        make.quantity(
            "funnel.occurrences",
            "funnel",
            "Occurrences behind these detections",
            "count",
            sum(item.count for item in detections),
            [position for item in detections for position in (item.raised.position, *item.repeated)],
        )
    )
    return made


def subjects_in_cases(chronicle: Chronicle) -> set[str]:
    return {subject.id for case in chronicle.responses.cases.values() for subject in case.subjects}


def _escalated(chronicle: Chronicle) -> set[str]:
    messages = chronicle.responses.messages.values()
    told = {chronicle.responses.worked_in(message.case_id) for message in messages if message.case_id}
    asked = {message.detection_id for message in messages if message.detection_id}
    cases = [case for case in chronicle.responses.cases.values() if case.id in told]
    return asked | {subject.id for case in cases for subject in case.subjects}
