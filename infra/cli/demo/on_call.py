"""Who is on call in the play, and how an urgent case reaches her: a page in the chat room, and her answer."""

from datetime import UTC, datetime

import aiohttp
from tenet.cases.v1 import cases_pb2 as cases
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_admin_pb2 as admin
from tenet.cases.v1 import cases_people_rota_write_pb2 as write
from tenet.cases.v1 import cases_people_write_pb2 as pages

from infra.actuator.credentials import Credentials
from infra.cli.demo.casework import ANALYST, Casework
from infra.cli.demo.cast import CUSTOMERS
from infra.cli.demo.stage import Stage, StoryBroken, all_at_once

LEAD = "lena"
ROOM = "room"
"""The messenger that leads to the chat room of the reference actuator."""
ANSWER_MINUTES = 15


async def man_the_desk(stage: Stage) -> None:
    """Ana is on call for everybody, day and night, and Lena answers for her; both are reached in the room."""
    first = f"{datetime.now(UTC):%Y-%m-01T00:00:00}"
    shift = pb.Shift(
        principal_id=stage.principals[ANALYST],
        starts=first,
        ends=first.replace("-01T", "-02T"),
        recurrence="FREQ=DAILY",
    )
    rota = pb.RotaDefinition(
        name="everybody",
        tenant_ids=[customer.tenant_id for customer in CUSTOMERS],
        layers=[pb.Layer(name="desk", time_zone="UTC", shifts=[shift])],
        leads=[stage.principals[LEAD]],
        answer_minutes=ANSWER_MINUTES,
        horizon_days=28,
    )
    await stage.ask(LEAD, admin.PublishRotaRequest(definition=rota), admin.PublishRotaResponse)
    for who in (ANALYST, LEAD):
        contact = write.SetPageContactRequest(ways=[write.PageWayGiven(channel="chat", messenger=ROOM, address=who)])
        await stage.ask(who, contact, write.SetPageContactResponse)


async def answered(stage: Stage, *worked: Casework) -> None:
    """Each of these urgent cases has paged Ana: the page stands in the room, and she acknowledges it."""
    await all_at_once([_answered(stage, case) for case in worked])
    number = "" if len(worked) == 1 else f" for each of the {len(worked)} cases"
    stage.audience.line(
        ANALYST, f"is on call and paged in the chat room{number}; acknowledges, and nobody else is called"
    )


async def _answered(stage: Stage, case: Casework) -> None:
    async def called() -> pb.PersonPage | None:
        request = read.ListPagesRequest(tenant_ids=[case.tenant_id], about_id=case.case_id)
        found = (await stage.ask(ANALYST, request, read.ListPagesResponse)).pages
        return next((page for page in found if page.about == pb.PAGE_ABOUT_CASE), None)

    page = await stage.until(f"the page for {case.case_id}", called)
    if page.priority not in (cases.PRIORITY_P1, cases.PRIORITY_P2):
        raise StoryBroken(f"{case.case_id} is not urgent, and somebody was paged")

    async def told() -> bool | None:
        return True if any(page.page_id in text for text in await _room(stage)) else None

    await stage.until(f"{page.page_id} in the chat room", told)
    request = pages.AcknowledgePageRequest(tenant_id=case.tenant_id, page_id=page.page_id)
    await stage.ask(ANALYST, request, pages.AcknowledgePageResponse)


async def _room(stage: Stage) -> list[str]:
    """What stands in the chat room, as whoever looks at it would read it."""
    credentials = Credentials.of(stage.place.secrets_dir)
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(
            f"http://{stage.place.actuator}/room", headers={"Authorization": f"Bearer {credentials.reading}"}
        ) as answer,
    ):
        return [message["text"] for message in (await answer.json())["messages"]]
