"""A finding that a person validated with a verdict that calls for a response has its case at once."""

from contracts.events.assets import FindingValidated
from contracts.events.subjects import SubjectKind
from services.cases.policies.open_case_when_subject_validated import OpenCaseWhenSubjectValidated


class OpenCaseWhenFindingValidated(OpenCaseWhenSubjectValidated):
    ID = "open_case_when_finding_validated"
    TOPICS = frozenset({FindingValidated})
    KIND = SubjectKind.FINDING
    SUBJECT = "finding_id"
