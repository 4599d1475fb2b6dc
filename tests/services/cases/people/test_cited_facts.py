"""What decisions about people cite is found again by whoever verifies a bundle, and names no other customer."""

import hashlib
from datetime import UTC, datetime, timedelta

from contracts.calls import Authentication
from contracts.events.base import Event, Fact, Sealed
from contracts.events.certifications import CertificationRecorded
from contracts.events.people import RotaOverridden
from contracts.ids import PROVIDER, TenantId
from infra.transparency.verifier import FACT_FIELDS, FACT_SOURCES, _encode
from services.cases.domain.page_contact import PageContact, evolve_page_contact, fact_of, set_page_contact
from services.cases.domain.people_commands import OverrideRota, PageWayGiven, SetPageContact
from services.cases.domain.qualification import Certification, evolve_certification, qualified
from services.cases.domain.rota import RotaAssignment, assign_rota, evolve_assignment, facts_of, override_rota
from services.cases.domain.who import Who
from tests.services.cases.people.rotas import ANA, BEN, apply, definition, published, recorded, weekly

CLINIC = TenantId("clinic")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def verifies(fact: Fact, event: Event) -> bool:
    """As the verifier judges the entry that a fact names."""
    data = event.model_dump(mode="json")
    assert event.TOPIC in FACT_FIELDS or FACT_SOURCES.fullmatch(event.TOPIC)
    said = _encode([data[field] for field in FACT_FIELDS.get(event.TOPIC, ())])
    digests = {hashlib.sha256(said.encode()).hexdigest(), *(each for each in data.values() if isinstance(each, str))}
    return fact.digest in digests


def test_a_customers_ledger_cites_its_assignment_and_never_the_rota_of_the_whole_group() -> None:
    rota = published(definition(weekly("UTC", ANA), tenant_ids=(CLINIC, TenantId("other"))))
    (assigned,) = assign_rota(RotaAssignment(), CLINIC, rota.rota_id, included=True)
    assignment = evolve_assignment(RotaAssignment(), recorded(assigned, 7, NOW))
    (fact,) = facts_of(rota, NOW, CLINIC, assignment)
    assert (fact.kind, fact.position) == ("rota_assignment", 7)
    assert verifies(fact, assigned)
    assert "other" not in assigned.model_dump_json()
    (own,) = facts_of(rota, NOW, PROVIDER, RotaAssignment())
    assert (own.kind, own.digest, own.position) == ("rota", rota.digest, rota.position)


def test_an_override_is_cited_as_it_stands_in_the_ledger() -> None:
    rota = published(definition(weekly("UTC", ANA)))
    command = OverrideRota(
        tenant_id=PROVIDER,
        request_id="request-1",
        rota_id=rota.rota_id,
        principal_id=BEN,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=8),
        reason="ill",
    )
    event: RotaOverridden = override_rota(rota, command, NOW, "override-1")
    _, fact = facts_of(apply(rota, event, at=NOW), NOW, PROVIDER, RotaAssignment())
    assert fact.kind == "rota_override"
    assert verifies(fact, event)


def test_a_certification_and_a_contact_are_cited_as_they_stand_in_the_ledger() -> None:
    certified = CertificationRecorded(
        certification_id="certification-1",
        principal_id=ANA,
        name="ot-response",
        valid_from=NOW - timedelta(days=1),
        expires_at=NOW + timedelta(days=1),
        proof=Sealed.of("certificate 17", subject=ANA),
    )
    held = evolve_certification(Certification(), recorded(certified, 3, NOW))
    assert verifies(qualified(held, "ot-response", NOW), certified)
    ways = (PageWayGiven(channel="pager", messenger="mail", address="ana@provider.example"),)
    command = SetPageContact(tenant_id=PROVIDER, request_id="request-1", principal_id=ANA, ways=ways)
    who = Who(ANA, PROVIDER, person=True, authentication=Authentication("", (), NOW), now=NOW)
    contact = set_page_contact(command, who, ("mail",), lead=False)
    fact = fact_of(evolve_page_contact(PageContact(), recorded(contact, 4, NOW)))
    assert fact.position == 4
    assert verifies(fact, contact)
