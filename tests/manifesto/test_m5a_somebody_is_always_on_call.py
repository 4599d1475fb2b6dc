"""M5a: a rota without an uncovered minute, or an alarm; an override wins for every question and every page."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_read_pb2 as rotas
from tenet.cases.v1 import cases_people_rota_write_pb2 as overrides

from tests.fixtures.platform import Platform, new_platform
from tests.services.cases.people.running import Crew, always, crew
from tests.services.cases.people.test_calling import called


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def people(platform: Platform, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(platform, tmp_path) as made:
        yield made


async def test_an_override_wins_for_the_question_and_for_the_page(people: Crew) -> None:
    published = await people.publish()
    now = datetime.now(UTC)
    request = overrides.OverrideRotaRequest(rota_id=published.rota_id, principal_id=people.lead.id, reason="ill")
    request.starts_at.FromDatetime(now - timedelta(hours=1))
    request.ends_at.FromDatetime(now + timedelta(hours=1))
    await people.call(people.lead, "OverrideRota", request)
    found = await people.call(people.ben, "GetOnCall", read.GetOnCallRequest())
    assert (found.principal_id, found.layer) == (people.lead.id, "")
    assert list(found.ladder) == [people.lead.id, people.ben.id]
    asked = read.GetOnCallRequest()
    asked.at.FromDatetime(now + timedelta(hours=2))
    assert (await people.call(people.ben, "GetOnCall", asked)).principal_id == people.ana.id
    case_id = await people.case()
    assert await called(people, case_id, 1) == [people.lead.id]


async def test_a_gap_ahead_is_shown_and_brought_to_the_lead(people: Crew) -> None:
    layer = always(people.ana.id, "days")
    layer.shifts[0].starts, layer.shifts[0].ends = "2026-01-01T08:00:00", "2026-01-01T20:00:00"
    published = await people.publish(layers=[layer])
    assert published.gaps in (7, 8)
    ours = rotas.ListRotasRequest(name=f"group-{people.tenant_id}", min_position=published.position)
    (row,) = (await people.call(people.lead, "ListRotas", ours)).rotas
    assert len(row.gaps) == published.gaps
    page = await people.paged(row.gaps[0].gap_id, "provider")
    assert page.about == pb.PAGE_ABOUT_COVERAGE_GAP
    assert page.calls[0].principal_id == people.lead.id
    covered = await people.publish()
    ours.min_position = covered.position
    (row,) = (await people.call(people.lead, "ListRotas", ours)).rotas
    assert not row.gaps
    ours.only_with_gaps = True
    assert not (await people.call(people.lead, "ListRotas", ours)).rotas
