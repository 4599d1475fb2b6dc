"""A customer's report that a person validated with a verdict that calls for a response has its case at once."""

from contracts.events.detections import CustomerReportValidated
from contracts.events.subjects import SubjectKind
from services.cases.policies.open_case_when_subject_validated import OpenCaseWhenSubjectValidated


class OpenCaseWhenCustomerReportValidated(OpenCaseWhenSubjectValidated):
    ID = "open_case_when_customer_report_validated"
    TOPICS = frozenset({CustomerReportValidated})
    KIND = SubjectKind.CUSTOMER_REPORT
    SUBJECT = "customer_report_id"
