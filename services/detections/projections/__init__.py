"""The read models of the detections service, one a file."""

from services.detections.projections.asset_index import AssetIndex
from services.detections.projections.blind_reviews import BlindReviews
from services.detections.projections.customer_reports import CustomerReports
from services.detections.projections.detections import Detections
from services.detections.projections.expected_behaviours import ExpectedBehaviours
from services.detections.projections.intelligence_sources import IntelligenceSources
from services.detections.projections.rule_exceptions import RuleExceptions
from services.detections.projections.rule_packs import RulePacks
from services.detections.projections.rule_verdicts import RuleVerdicts
from services.detections.projections.rules import Rules
from services.detections.projections.sighting_subjects import SightingSubjects
from services.detections.projections.source_clocks import SourceClocks
from services.detections.projections.suppressions import Suppressions
from services.detections.projections.triage_clocks import TriageClocks
from services.detections.projections.triage_queue import TriageQueue

ASSET_INDEX = AssetIndex()
DETECTIONS = Detections()
TRIAGE_QUEUE = TriageQueue()
CUSTOMER_REPORTS = CustomerReports()
RULE_PACKS = RulePacks()
SOURCE_CLOCKS = SourceClocks()
TRIAGE_CLOCKS = TriageClocks()
SUPPRESSIONS = Suppressions()
EXPECTED_BEHAVIOURS = ExpectedBehaviours()
RULES = Rules()
RULE_EXCEPTIONS = RuleExceptions()
RULE_VERDICTS = RuleVerdicts()
SIGHTING_SUBJECTS = SightingSubjects()
INTELLIGENCE_SOURCES = IntelligenceSources()
BLIND_REVIEWS = BlindReviews()
VIEWS = (
    ASSET_INDEX,
    DETECTIONS,
    TRIAGE_QUEUE,
    CUSTOMER_REPORTS,
    RULE_PACKS,
    SOURCE_CLOCKS,
    TRIAGE_CLOCKS,
    SUPPRESSIONS,
    EXPECTED_BEHAVIOURS,
    RULES,
    RULE_EXCEPTIONS,
    RULE_VERDICTS,
    SIGHTING_SUBJECTS,
    INTELLIGENCE_SOURCES,
    BLIND_REVIEWS,
)
