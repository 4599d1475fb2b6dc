"""The work in cases through the public interface: gRPC before it, PostgreSQL behind it."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from tenet.cases.v1 import (
    cases_bulk_write_pb2,
    cases_bulk_write_pb2_grpc,
    cases_work_pb2,
    cases_work_read_pb2,
    cases_work_read_pb2_grpc,
    cases_work_write_pb2,
    cases_work_write_pb2_grpc,
)
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as reads
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass
from contracts.events.case_work import TracesDrawn
from contracts.ids import TenantId
from infra.grpc import RemoteError
from tests.fixtures.platform import request_id
from tests.services.cases.running_service import CasesService
from tests.services.cases.test_service import eventually, open_cases

AMBER = common.LABEL_AMBER


class Work:
    """An analyst's calls."""

    def __init__(self, service: CasesService) -> None:
        client = service.analyst
        self._service, self._client = service, client
        self._write = client.stub(cases_work_write_pb2_grpc.CasesWorkWriteServiceStub)
        self._bulk = client.stub(cases_bulk_write_pb2_grpc.CasesBulkWriteServiceStub)
        self._read = client.stub(cases_work_read_pb2_grpc.CasesWorkReadServiceStub)

    async def do(self, rpc: str, **fields: Any) -> Any:
        request = getattr(cases_work_write_pb2, f"{rpc}Request")(**self._named(fields))
        return await self._client.call(getattr(self._write, rpc), request)

    async def bulk(self, rpc: str, **fields: Any) -> Any:
        request = getattr(cases_bulk_write_pb2, f"{rpc}Request")(**self._named(fields))
        return await self._client.call(getattr(self._bulk, rpc), request)

    async def ask(self, rpc: str, **fields: Any) -> Any:
        request = getattr(cases_work_read_pb2, f"{rpc}Request")(**fields)
        if "tenant_id" in request.DESCRIPTOR.fields_by_name:
            request.tenant_id = self._service.tenant_id
        else:
            request.tenant_ids.append(self._service.tenant_id)
        return await self._client.call(getattr(self._read, rpc), request)

    def _named(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"tenant_id": self._service.tenant_id, "request_id": request_id(), **fields}


async def cases_about(service: CasesService, *names: str, observables: tuple[str, ...] = ()) -> list[str]:
    """One case each, about a host of its own, by the policies of the service."""
    found: list[str] = []
    for name in names:
        host = await service.asset(name, AssetClass.STANDARD, "office")
        detection = await service.detection(host, techniques=("T1059",), observables=observables)
        await service.validate(detection)

        async def there(subject: str = detection) -> bool:
            cases = await open_cases(service)
            return any(subject in [each.id for each in case.subjects] for case in cases)

        await eventually(there)
        cases = await open_cases(service)
        found += [case.case_id for case in cases if detection in [each.id for each in case.subjects]]
    return found


async def shown(service: CasesService, case_id: str, **query: Any) -> reads.GetCaseResponse:
    request = reads.GetCaseRequest(tenant_id=service.tenant_id, case_id=case_id, **query)
    answer: reads.GetCaseResponse = await service.analyst.call(service.read.GetCase, request)
    return answer


async def counted(service: CasesService, status: "pb.CaseStatus.ValueType") -> set[str]:
    request = reads.ListCasesRequest(tenant_ids=[service.tenant_id], status=status)
    return {case.case_id for case in (await service.analyst.call(service.read.ListCases, request)).cases}


async def test_a_merged_case_counts_once_and_one_refusal_keeps_no_other_case_from_merging(
    service: CasesService,
) -> None:
    work = Work(service)
    first, second, third = await cases_about(service, "a", "b", "c")
    asked = {"case_ids": [second, "case-of-nobody", first, third], "into_case_id": first, "reason": "One attack."}
    request = request_id()
    merged = await work.bulk("MergeCases", request_id=request, **asked)
    assert [each.refused_reason for each in merged.outcomes] == ["", "CASE_UNKNOWN", "MERGE_INVALID", ""]
    assert await work.bulk("MergeCases", request_id=request, **asked) == merged
    root = await shown(service, first, min_position=merged.position)
    assert list(root.case.merged_case_ids) == [second, third]
    assert len(root.case.subjects) == 3
    assert {entry.event for entry in root.case.timeline} >= {"CaseMerged", "CaseAbsorbed"}
    assert await counted(service, pb.CASE_STATUS_UNSPECIFIED) == {first}
    assert await counted(service, pb.CASE_STATUS_MERGED) == {second, third}
    before = await shown(service, first, at_position=root.case.opened.position)
    assert not before.case.merged_case_ids
    back = await work.bulk("UnmergeCases", case_ids=[second, third], reason="Two of them were not.")
    assert [each.refused_reason for each in back.outcomes] == ["", ""]
    await shown(service, first, min_position=back.position)
    assert await counted(service, pb.CASE_STATUS_OPEN) == {first, second, third}


async def test_many_cases_are_noted_and_closed_at_once_each_for_itself(service: CasesService) -> None:
    work = Work(service)
    first, second = await cases_about(service, "a", "b")
    noted = await work.bulk("AddNotes", case_ids=[first, second], text="Same campaign.", label=AMBER)
    assert all(each.HasField("position") for each in noted.outcomes)
    task = await work.do("AddTask", case_id=second, title="Call the owner.", label=AMBER)
    words = {"outcome": "resolved", "root_cause": "A hole.", "cause_addressed": True, "lessons": "Patch."}
    closed = await work.bulk("CloseCases", case_ids=[first, second], recommendation="Patch sooner.", **words)
    assert [each.refused_reason for each in closed.outcomes] == ["", "TASKS_OPEN"]
    done = await work.do("CompleteTask", case_id=second, task_id=task.task_id, result="Called.")
    listed = await work.ask("ListTasks", ended=True, min_position=done.position)
    assert [(each.title.value, each.ending.value) for each in listed.tasks] == [("Call the owner.", "Called.")]
    assert not (await work.ask("ListTasks", min_position=done.position)).tasks


async def test_a_case_holds_observables_evidence_and_its_place_in_attack(service: CasesService) -> None:
    work = Work(service)
    (case_id,) = await cases_about(service, "a", observables=("domain: c2.example.net", "host: desk-1"))
    content = b"of our own invention"
    keep = {"case_id": case_id, "content": content, "name": "note.txt", "summary": "A note", "label": AMBER}
    with pytest.raises(RemoteError) as altered:
        await work.do("KeepEvidenceFile", **keep, obtained_from="desk-1", sha256="0" * 64)
    assert altered.value.reason == "EVIDENCE_ALTERED"
    kept = await work.do("KeepEvidenceFile", **keep, obtained_from="desk-1")
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    copied = await work.do("CopyEvidence", case_id=case_id, evidence_id=kept.evidence_id, purpose="A look")
    assert copied.content == content
    added = await work.do(
        "AddObservable",
        case_id=case_id,
        kind=cases_work_pb2.OBSERVABLE_KIND_IP,
        value="2001:4860:4860::8888",
        label=AMBER,
    )
    assert added.strong
    found = await work.ask("GetCaseContent", case_id=case_id, min_position=added.position)
    assert {each.value.value for each in found.observables} == {"c2.example.net", "desk-1", "2001:4860:4860::8888"}
    assert [each.technique for each in found.techniques] == ["T1059"]
    (file,) = found.evidence_files
    assert [each.handling for each in file.chain] == [1, 3]
    assert (file.name.value, file.evidence.sha256, file.size) == ("note.txt", kept.sha256, len(content))
    earlier = await work.ask("GetCaseContent", case_id=case_id, at_position=kept.position - 1)
    assert not earlier.evidence_files


async def test_the_scope_and_the_likes_of_a_case_are_those_of_its_tenant(service: CasesService) -> None:
    work = Work(service)
    first, second = await cases_about(service, "a", "b", observables=("domain: c2.example.net",))

    async def suggested() -> bool:
        return len((await work.ask("ListLinkSuggestions")).suggestions) == 1

    await eventually(suggested)
    scope = await work.ask("GetCaseScope", case_id=first)
    assert [each.in_case for each in scope.assets].count(True) == 1
    assert len(scope.assets) == 2
    assert {one.value.value for each in scope.assets for one in each.observables} == {"c2.example.net"}
    (alike,) = (await work.ask("ListSimilarCases", case_id=first)).cases
    assert alike.case_id == second
    assert {mark.kind for mark in alike.shared} == {"observable", "rule", "technique"}
    assert alike.score == sum(mark.weight for mark in alike.shared)
    with pytest.raises(RemoteError) as unknown:
        await work.ask("GetCaseScope", case_id="case-of-another-tenant")
    assert unknown.value.reason == "CASE_UNKNOWN"


async def test_a_split_case_goes_its_own_way(service: CasesService) -> None:
    work = Work(service)
    first, second = await cases_about(service, "a", "b")
    subject = (await shown(service, second)).case.subjects[0].id
    merged = await work.do("MergeCase", case_id=second, into_case_id=first, reason="One attack.")
    assert merged.position
    with pytest.raises(RemoteError) as refused:
        await work.do("SplitCase", case_id=first, subject_ids=[subject], label=AMBER, reason="Not so.")
    assert refused.value.reason == "SUBJECT_NOT_LINKED"
    for wrong in ("", "x" * 65):
        with pytest.raises(RemoteError):
            await work.do("MergeCase", case_id=wrong, into_case_id=first, reason="x")


async def test_two_tenants_with_the_same_observable_have_nothing_in_common(service: CasesService) -> None:
    observable = ("domain: c2.example.net",)
    (first,) = await cases_about(service, "a", observables=observable)
    other = replace(service, tenant_id=await service.running.onboard())
    host = await other.asset("b", AssetClass.STANDARD, "office")
    await other.validate(await other.detection(host, techniques=("T1059",), observables=observable))
    feed = service.foundation.ledger.feed

    async def drawn(tenant_id: str) -> list[str]:
        events = [entry.event for entry in await feed.read(TenantId(tenant_id), 0, 1_000)]
        found = [each for event in events if isinstance(event, TracesDrawn) for each in event.observables]
        return [each.index for each in found]

    async def both() -> bool:
        return bool(await drawn(service.tenant_id)) and bool(await drawn(other.tenant_id))

    await eventually(both)
    assert set(await drawn(service.tenant_id)).isdisjoint(await drawn(other.tenant_id))
    work = Work(service)
    assert [each.in_case for each in (await work.ask("GetCaseScope", case_id=first)).assets] == [True]
    assert not (await work.ask("ListSimilarCases", case_id=first)).cases
    with pytest.raises(RemoteError) as unseen:
        await Work(other).ask("GetCaseScope", case_id=first)
    assert unseen.value.reason == "TENANT_UNKNOWN"
