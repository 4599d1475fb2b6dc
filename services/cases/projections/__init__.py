"""The read models of the cases service, one a file, each with its table in `migrations/`."""

from services.cases.projections.actions import Actions
from services.cases.projections.case_timeline import CaseTimeline
from services.cases.projections.cases import Cases
from services.cases.projections.charters import Charters
from services.cases.projections.enquiries import Enquiries
from services.cases.projections.messages import Messages
from services.cases.projections.notices import Notices
from services.cases.projections.observations import Observations
from services.cases.projections.pending_approvals import PendingApprovals
from services.cases.projections.subject_cases import SubjectCases

CASES = Cases()
CASE_TIMELINE = CaseTimeline()
ACTIONS = Actions()
NOTICES = Notices()
MESSAGES = Messages()
ENQUIRIES = Enquiries()
OBSERVATIONS = Observations()
PENDING_APPROVALS = PendingApprovals()
SUBJECT_CASES = SubjectCases()
CHARTERS = Charters()
VIEWS = (
    CASES,
    CASE_TIMELINE,
    ACTIONS,
    NOTICES,
    MESSAGES,
    OBSERVATIONS,
    ENQUIRIES,
    PENDING_APPROVALS,
    SUBJECT_CASES,
    CHARTERS,
)

__all__ = [
    "ACTIONS",
    "CASES",
    "CASE_TIMELINE",
    "CHARTERS",
    "ENQUIRIES",
    "MESSAGES",
    "NOTICES",
    "OBSERVATIONS",
    "PENDING_APPROVALS",
    "SUBJECT_CASES",
    "VIEWS",
]
