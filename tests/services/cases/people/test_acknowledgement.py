"""Decisions on pages: whatever comes when, nobody is called twice, and the ladder is climbed in its order."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.calls import Authentication
from contracts.events.cases import Priority
from contracts.events.people import PageAbout, PageEscalated, PageUnanswered
from contracts.ids import PROVIDER, TenantId
from services.cases.domain.acknowledgement import (
    Page,
    acknowledge_page,
    escalate_page,
    evolve_page,
    page_id_of,
    send_page,
)
from services.cases.domain.people_commands import AcknowledgePage, EscalatePage, SendPage
from services.cases.domain.people_errors import NotPaged, PageAcknowledgedAlready
from services.cases.domain.who import Who
from tests.services.cases.people.rotas import recorded
from tests.services.cases.people.test_rota import utc

NOW = utc(2026, 3, 29, 1)
LADDERS = (("a", "b", "lead"), ("c", "a", "lead"), ("lead",), ("b", "lead"))
"""What the rota says at one time and at another: people come on and go off while a page climbs."""
SEND = SendPage(
    tenant_id=TenantId("clinic"),
    request_id="request-1",
    about=PageAbout.CASE,
    about_id="case-x",
    priority=Priority.P1,
    cause="7",
)


def who(name: str) -> Who:
    return Who(name, PROVIDER, True, Authentication(), NOW)


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("timer"), st.integers(1, 5), st.sampled_from(LADDERS)),
            st.tuples(st.just("acknowledge"), st.sampled_from(["a", "b", "c", "lead", "x"]), st.just(())),
        ),
        max_size=12,
    )
)
def test_nobody_is_called_twice_and_nothing_follows_an_acknowledgement(
    steps: list[tuple[str, int | str, tuple[str, ...]]],
) -> None:
    page = Page()
    (sent,) = send_page(page, SEND, "rota-x", LADDERS[0], 10, NOW)
    page = evolve_page(page, recorded(sent, 0, NOW))
    assert send_page(page, SEND, "rota-x", LADDERS[0], 10, NOW) == []
    called, taken = [sent.principal_id], False
    for kind, what, ladder in steps:
        if kind == "timer":
            command = EscalatePage(
                tenant_id=SEND.tenant_id, request_id="request-2", page_id=sent.page_id, rung=int(what)
            )
            settled = taken or page.unanswered or page.rung != what
            events = escalate_page(page, command, ladder, 10, NOW)
            assert (events == []) == settled
            for event in events:
                page = evolve_page(page, recorded(event, 0, NOW))
                if isinstance(event, PageEscalated):
                    assert event.principal_id not in called
                    assert event.deadline == NOW + timedelta(minutes=10)
                    called.append(event.principal_id)
                else:
                    assert isinstance(event, PageUnanswered)
                    assert set(ladder) <= set(called)
            continue
        asked = AcknowledgePage(tenant_id=SEND.tenant_id, request_id="request-3", page_id=sent.page_id)
        try:
            taken_up = acknowledge_page(page, asked, who(str(what)), lead=False)
        except PageAcknowledgedAlready:
            assert taken
        except NotPaged:
            assert what not in called
        else:
            assert what in called
            page, taken = evolve_page(page, recorded(taken_up, 0, NOW)), True


def test_one_cause_is_one_page_and_another_tenants_is_another() -> None:
    assert page_id_of(SEND) == page_id_of(SEND.model_copy(update={"request_id": "request-9"}))
    assert page_id_of(SEND) != page_id_of(SEND.model_copy(update={"tenant_id": TenantId("bank")}))
    assert page_id_of(SEND) != page_id_of(SEND.model_copy(update={"cause": "8"}))
