"""Identifiers that are cut short: taken by every request that holds one, and never for another thing."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from tenet.assets.v1 import assets_read_pb2 as assets
from tenet.cases.v1 import cases_read_pb2 as cases
from tenet.cases.v1 import cases_work_write_pb2 as merging
from tenet.cases.v1 import cases_write_pb2 as cases_write
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_read_pb2 as detections

from contracts.ids import derive_id
from infra.cli.problems import Problem
from infra.cli.session import Session
from infra.cli.short_identifiers import FIELDS, OPEN_FIELDS, ShorthandSession, whole

CASE, DETECTION = derive_id("case", "one"), derive_id("detection", "one")
TWINS = [f"case-aaaaaa{number}{'0' * 19}" for number in range(8)]
HOLDERS = {"case_id", "detection_id", "action_id", "finding_id"}


class Listing(ShorthandSession):
    """Answers lists as the services would; keeps what it is asked."""

    def __init__(self, *identifiers: str) -> None:
        super().__init__({}, None)
        self.identifiers, self.asked = identifiers, list[Any]()

    async def ask(self, request: Any, answer: Any, **options: Any) -> Any:
        if not request.DESCRIPTOR.fields_by_name.get("id_prefix") or not request.HasField("id_prefix"):
            await self._complete(request)
            self.asked.append(request)
            return answer()
        found = [each for each in self.identifiers if each.startswith(request.id_prefix)][: request.page.page_size]
        items = "cases" if answer is cases.ListCasesResponse else "detections"
        return answer(**{items: [{f"{items[:-1]}_id": each} for each in found]})


async def asked(session: Listing, request: Message, answer: type[Message]) -> Any:
    await session.ask(request, answer)
    return session.asked[-1]


@pytest.mark.parametrize("length", [6, 12, 25])
@pytest.mark.parametrize("kind", ["", "case-"])
async def test_a_beginning_stands_for_the_whole(length: int, kind: str) -> None:
    request = cases.GetCaseRequest(tenant_id="clinic", case_id=kind + CASE.removeprefix("case-")[:length])
    assert (await asked(Listing(CASE, DETECTION), request, cases.GetCaseResponse)).case_id == CASE


@pytest.mark.parametrize(
    "text",
    [
        *("", "nope", "case-", CASE[:10], CASE, CASE.upper(), "policy:open_case", "detection-" + CASE[5:14]),
        CASE[5:13] + "u",
    ],
)
async def test_what_is_no_beginning_stays_as_it_is(text: str) -> None:
    request = cases.GetCaseRequest(tenant_id="clinic", case_id=text)
    assert (await asked(Listing(CASE, DETECTION), request, cases.GetCaseResponse)).case_id == text


async def test_what_begins_none_is_left_for_the_service_to_name() -> None:
    request = cases.GetCaseRequest(tenant_id="clinic", case_id="zzzzzz")
    assert (await asked(Listing(CASE), request, cases.GetCaseResponse)).case_id == "zzzzzz"


async def test_what_begins_several_is_refused_with_the_candidates() -> None:
    session: Session = Listing(*TWINS)
    with pytest.raises(Problem) as caught:
        await whole(session, ["clinic"], "case", "aaaaaa")
    assert caught.value.reason == "IDENTIFIER_AMBIGUOUS"
    assert all(each in caught.value.message for each in TWINS[:5])
    assert caught.value.message.endswith("…."), "that there are more is said"
    assert await whole(session, ["clinic"], "case", "aaaaaa3") == TWINS[3]


async def test_lists_nested_subjects_and_fields_of_several_kinds_are_completed() -> None:
    session = Listing(CASE, DETECTION)
    merge = merging.SplitCaseRequest(tenant_id="clinic", case_id=CASE[5:13], subject_ids=[DETECTION[:18], "x"])
    taken = await asked(session, merge, merging.SplitCaseResponse)
    assert (taken.case_id, list(taken.subject_ids)) == (CASE, [DETECTION, "x"])
    subject = common.SubjectRef(kind=common.SUBJECT_KIND_DETECTION, id=DETECTION[10:18])
    link = cases_write.LinkSubjectRequest(tenant_id="clinic", case_id=CASE, subject=subject)
    assert (await asked(session, link, cases_write.LinkSubjectResponse)).subject.id == DETECTION


def _requests() -> Iterator[Any]:
    root = Path(__file__).parents[3] / "contracts" / "gen"
    for path in sorted(root.glob("tenet/*/v1/*_pb2.py")):
        module = importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
        for message in module.DESCRIPTOR.message_types_by_name.values():
            if message.name.endswith("Request"):
                yield message


def test_every_field_that_holds_such_an_identifier_is_known() -> None:
    """A field of a new request is called as those that are there, or it is added to FIELDS."""
    kinds = tuple(each.removesuffix("_id") for each in HOLDERS)
    found = {
        field.name
        for message in _requests()
        for field in message.fields
        if field.type == field.TYPE_STRING
        if field.name.removesuffix("s").removesuffix("_id").rpartition("_")[2] in kinds and "_id" in field.name
    }
    assert found <= FIELDS.keys()
    assert not FIELDS.keys() & OPEN_FIELDS
    everything = {field.name for message in _requests() for field in message.fields}
    assert FIELDS.keys() | OPEN_FIELDS <= everything, "none that is not there any more"


def test_every_kind_can_be_listed_by_its_beginning() -> None:
    for request in (
        cases.ListCasesRequest,
        cases.ListActionsRequest,
        detections.ListDetectionsRequest,
        assets.ListFindingsRequest,
    ):
        assert "id_prefix" in request.DESCRIPTOR.fields_by_name
