"""The streams that the service decides on: its own, and those of other services that a response rests on."""

from contracts.events.subjects import SubjectKind
from infra.event_store.repository import Aggregate
from services.cases.domain.action import Action, evolve_action
from services.cases.domain.case import Case, evolve_case
from services.cases.domain.charter_versions import CharterVersions, evolve_charter_versions
from services.cases.domain.enquiry import Enquiry, evolve_enquiry
from services.cases.domain.joining import Suggestion, evolve_suggestion
from services.cases.domain.message import Message, evolve_message
from services.cases.domain.notice import Notice, evolve_notice
from services.cases.domain.preauthorisation import Preauthorisations, evolve_preauthorisations
from services.cases.domain.subjects import Asset, evolve_asset, evolve_subject, no_subject

CASE = Aggregate("case", Case, evolve_case)
ACTION = Aggregate("action", Action, evolve_action)
MESSAGE = Aggregate("message", Message, evolve_message)
NOTICE = Aggregate("notice", Notice, evolve_notice)
ENQUIRY = Aggregate("enquiry", Enquiry, evolve_enquiry)
CHARTER = Aggregate("charter", CharterVersions, evolve_charter_versions)
SUGGESTION = Aggregate("suggestion", Suggestion, evolve_suggestion)
PREAUTHORISATION = Aggregate("preauthorisation", Preauthorisations, evolve_preauthorisations)

ASSET = Aggregate("asset", Asset, evolve_asset)
SUBJECTS = {kind: Aggregate(kind.value, no_subject(kind), evolve_subject) for kind in SubjectKind}
