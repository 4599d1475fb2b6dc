"""The streams about people that the service decides on; certifications are the tenancy service's."""

from infra.event_store.repository import Aggregate
from services.cases.domain.acknowledgement import Page, evolve_page
from services.cases.domain.calendars import Calendar, evolve_calendar
from services.cases.domain.handover import Handover, evolve_handover
from services.cases.domain.page_contact import PageContact, evolve_page_contact
from services.cases.domain.qualification import Certification, evolve_certification
from services.cases.domain.question import Question, evolve_question
from services.cases.domain.rota import Rota, RotaAssignment, evolve_assignment, evolve_rota
from services.cases.domain.service_level import ServiceLevels, evolve_service_levels

ROTA = Aggregate("rota", Rota, evolve_rota)
ROTA_ASSIGNMENT = Aggregate("rota_assignment", RotaAssignment, evolve_assignment)
PAGE = Aggregate("page", Page, evolve_page)
PAGE_CONTACT = Aggregate("page_contact", PageContact, evolve_page_contact)
CALENDAR = Aggregate("calendar", Calendar, evolve_calendar)
SERVICE_LEVEL = Aggregate("service_level", ServiceLevels, evolve_service_levels)
HANDOVER = Aggregate("handover", Handover, evolve_handover)
QUESTION = Aggregate("question", Question, evolve_question)
CERTIFICATION = Aggregate("certification", Certification, evolve_certification)
