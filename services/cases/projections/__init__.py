"""The read models of the cases service, one a file, each with its table in `migrations/`."""

from services.cases.projections.actions import Actions
from services.cases.projections.calendars import Calendars
from services.cases.projections.case_marks import CaseMarks
from services.cases.projections.case_tasks import CaseTasks
from services.cases.projections.case_timeline import CaseTimeline
from services.cases.projections.cases import Cases
from services.cases.projections.charters import Charters
from services.cases.projections.enquiries import Enquiries
from services.cases.projections.evidence_files import EvidenceFiles
from services.cases.projections.handovers import Handovers
from services.cases.projections.index_assets import IndexAssets
from services.cases.projections.link_suggestions import LinkSuggestions
from services.cases.projections.messages import Messages
from services.cases.projections.notices import Notices
from services.cases.projections.observations import Observations
from services.cases.projections.pages import Pages
from services.cases.projections.pending_approvals import PendingApprovals
from services.cases.projections.questions import Questions
from services.cases.projections.rotas import Rotas
from services.cases.projections.service_levels import ServiceLevels
from services.cases.projections.subject_cases import SubjectCases

CASES = Cases()
CASE_TIMELINE = CaseTimeline()
CASE_TASKS = CaseTasks()
CASE_MARKS = CaseMarks()
INDEX_ASSETS = IndexAssets()
LINK_SUGGESTIONS = LinkSuggestions()
EVIDENCE_FILES = EvidenceFiles()
ACTIONS = Actions()
NOTICES = Notices()
MESSAGES = Messages()
ENQUIRIES = Enquiries()
OBSERVATIONS = Observations()
PENDING_APPROVALS = PendingApprovals()
SUBJECT_CASES = SubjectCases()
CHARTERS = Charters()
ROTAS = Rotas()
PAGES = Pages()
SERVICE_LEVELS = ServiceLevels()
QUESTIONS = Questions()
CALENDARS = Calendars()
HANDOVERS = Handovers()
VIEWS = (
    CASES,
    CASE_TIMELINE,
    CASE_TASKS,
    CASE_MARKS,
    INDEX_ASSETS,
    LINK_SUGGESTIONS,
    EVIDENCE_FILES,
    ACTIONS,
    NOTICES,
    MESSAGES,
    OBSERVATIONS,
    ENQUIRIES,
    PENDING_APPROVALS,
    SUBJECT_CASES,
    CHARTERS,
    ROTAS,
    PAGES,
    SERVICE_LEVELS,
    QUESTIONS,
    CALENDARS,
    HANDOVERS,
)

__all__ = [
    "ACTIONS",
    "CALENDARS",
    "CASES",
    "CASE_MARKS",
    "CASE_TASKS",
    "CASE_TIMELINE",
    "CHARTERS",
    "ENQUIRIES",
    "EVIDENCE_FILES",
    "HANDOVERS",
    "INDEX_ASSETS",
    "LINK_SUGGESTIONS",
    "MESSAGES",
    "NOTICES",
    "OBSERVATIONS",
    "PAGES",
    "PENDING_APPROVALS",
    "QUESTIONS",
    "ROTAS",
    "SERVICE_LEVELS",
    "SUBJECT_CASES",
    "VIEWS",
]
