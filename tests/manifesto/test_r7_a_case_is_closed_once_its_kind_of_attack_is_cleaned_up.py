"""R7: recover and clean up. The checklist for the kind of attack holds the closing up until it is seen to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_write_pb2 as writes

from infra.grpc import RemoteError
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.cases.people.running import CHARTER, Crew, crew
from tests.services.cases.test_case_work_service import Work

CHECKLIST = """
closing:
  - id: ransomware
    techniques: [T1486]
    items: [Every credential used on the device is new., Backups were restored and checked.]
  - id: phishing
    techniques: [T1566]
    items: [The mail is out of every mailbox.]
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def people(platform: Platform, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(platform, tmp_path) as made:
        yield made


async def test_closing_is_refused_while_an_item_is_neither_done_nor_waived_with_a_reason(people: Crew) -> None:
    service, work = people.service, Work(people.service)
    await service.approve(CHARTER.replace("@boss", service.approver_id) + CHECKLIST)
    case_id = await people.case()

    async def listed() -> list[tuple[str, str]]:
        tasks = (await work.ask("ListTasks")).tasks
        return [(task.title.value, task.task_id) for task in tasks if task.case_id == case_id]

    items = dict(await eventually(listed))
    assert set(items) == {"Every credential used on the device is new.", "Backups were restored and checked."}
    closing = writes.CloseCaseRequest(
        tenant_id=service.tenant_id,
        case_id=case_id,
        outcome="resolved",
        root_cause="A phishing mail.",
        cause_addressed=True,
        lessons="Filter attachments.",
        recommendation="Filter attachments.",
    )

    async def close() -> None:
        closing.request_id = request_id()
        await service.analyst.call(service.write.CloseCase, closing)

    with pytest.raises(RemoteError) as refused:
        await close()
    assert (refused.value.reason, refused.value.metadata["tasks"]) == ("TASKS_OPEN", "2")
    done, waived = items["Every credential used on the device is new."], items["Backups were restored and checked."]
    await work.do("CompleteTask", case_id=case_id, task_id=done, result="All of them, this morning.")
    with pytest.raises(RemoteError) as unreasoned:
        await work.do("DropTask", case_id=case_id, task_id=waived, reason="")
    assert unreasoned.value.reason == "MALFORMED_REQUEST"
    await work.do("DropTask", case_id=case_id, task_id=waived, reason="It was stopped before anything was encrypted.")
    await close()
