"""The commands about people, as a person types them, against the running service."""

import asyncio
import os
import sys
from pathlib import Path

from infra.runtime.settings import CHECKOUT
from tests.services.cases.people.running import CHARTER, Crew, Person

ROTA = """
name: group-{tenant}
tenant_ids: [{tenant}]
leads: [{lead}]
answer_minutes: 10
horizon_days: 7
layers:
  - name: first
    time_zone: Europe/Berlin
    shifts:
      - {{principal_id: {ana}, starts: 2026-01-05T08:00:00, ends: 2026-01-12T08:00:00, recurrence: FREQ=WEEKLY}}
desks:
  - {{topic: evidence, principal_ids: [{ana}], answer_minutes: 60, calendar: office}}
"""
CALENDAR = """
name: office
time_zone: Europe/Berlin
hours:
  - {day: mon, start: 09:00, end: 17:30}
  - {day: tue, start: 09:00, end: 17:30}
holidays: [2026-12-25]
"""


async def tenet(people: Crew, who: Person, *words: str) -> str:
    """What a command prints; its end must be a success."""
    token = (await who.client._metadata())[0][1].removeprefix("Bearer ")
    environment = {**os.environ, "TENET_TOKEN": token}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *words,
        "--server",
        f"cases=127.0.0.1:{people.service.port}",
        cwd=CHECKOUT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_rota_a_calendar_and_the_clocks_of_a_case_from_the_command_line(people: Crew, tmp_path: Path) -> None:
    tenant = people.tenant_id
    rota, calendar = tmp_path / "rota.yaml", tmp_path / "office.yaml"
    rota.write_text(ROTA.format(tenant=tenant, lead=people.lead.id, ana=people.ana.id))
    calendar.write_text(CALENDAR)
    assert "0 gap(s)" in await tenet(people, people.lead, "oncall", "publish", str(rota))
    assert people.ana.id in await tenet(people, people.ben, "oncall", "who", "--tenant", tenant)
    assert "published" in await tenet(people, people.lead, "sla", "publish-calendar", str(calendar), "-t", tenant)
    await people.service.approve(CHARTER.replace("@boss", people.service.approver_id))
    case_id = await people.case()
    page = await people.paged(case_id)
    await tenet(people, people.ana, "oncall", "acknowledge", page.page_id, "-t", tenant)
    shown = await tenet(people, people.ben, "sla", "list", "-t", tenant, "--case", case_id, "--all", "--json")
    assert "CLOCK_STATUS_MET" in shown
    assert "acknowledge" in await tenet(people, people.ben, "case", "show", case_id, "-t", tenant)
    pages = await tenet(people, people.ben, "oncall", "pages", "-t", tenant, "--status", "acknowledged")
    assert page.page_id in pages
