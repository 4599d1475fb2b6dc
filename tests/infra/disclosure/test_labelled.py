"""A sealed field is covered by the label of the innermost part around it; who sees it depends on role and home."""

from datetime import UTC, datetime

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.base import Sealed
from contracts.events.cases import CaseNoted, EvidenceAdded
from contracts.events.subjects import Evidence
from contracts.events.tenancy import TenantSuspended
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Audience, Label
from contracts.roles import Role
from infra.disclosure.labelled import UNLABELLED, audience_of, labelled_values

CLINIC, GROUP, RETAILER = TenantId("clinic"), TenantId("group"), TenantId("retailer")


def sealed(text: str) -> Sealed:
    return Sealed(subject=text)


def test_a_label_beside_a_field_covers_it() -> None:
    event = CaseNoted(case_id="case-1", note_id="note-1", text=sealed("a"), label=Label.RED)
    assert [(value.subject, label) for value, label in labelled_values(event)] == [("a", Label.RED)]


def test_a_label_within_a_part_covers_that_part() -> None:
    evidence = Evidence(id="evidence-1", label=Label.GREEN, summary=sealed("a"))
    event = EvidenceAdded(case_id="case-1", evidence=evidence)
    assert [(value.subject, label) for value, label in labelled_values(event)] == [("a", Label.GREEN)]


def test_a_field_without_any_label_is_for_the_organisation_itself() -> None:
    event = TenantSuspended(tenant_id=CLINIC, reason=sealed("a"))
    assert [(value.subject, label) for value, label in labelled_values(event)] == [("a", UNLABELLED)]


@pytest.mark.parametrize(
    ("home", "roles", "audience"),
    [
        (PROVIDER, {Role.ANALYST}, Audience.INVESTIGATORS),
        (PROVIDER, {Role.ON_CALL, Role.BILLING}, Audience.INVESTIGATORS),
        (PROVIDER, {Role.ADMIN}, Audience.CUSTOMER),
        (PROVIDER, {Role.AUDITOR}, Audience.CUSTOMER),
        (PROVIDER, set(), Audience.CUSTOMER),
        (CLINIC, {Role.CUSTOMER_VIEWER}, Audience.CUSTOMER),
        (GROUP, {Role.CUSTOMER_APPROVER}, Audience.CUSTOMER),
        (RETAILER, {Role.AUDITOR}, Audience.CUSTOMER_PARTNERS),
        (RETAILER, {Role.ANALYST}, Audience.CUSTOMER_PARTNERS),
    ],
)
def test_the_audience_follows_from_home_and_roles(home: TenantId, roles: set[Role], audience: Audience) -> None:
    actor = Actor("principal-1", AuthenticatedBy.OIDC, home)
    call = Call(CLINIC, actor, "/x", "request-1", datetime(2026, 11, 24, tzinfo=UTC), roles=frozenset(roles))
    assert audience_of(call, CLINIC, frozenset({CLINIC, GROUP})) is audience
