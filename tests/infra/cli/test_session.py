"""Every request knows its RPC; writes can be repeated; reads include what was written."""

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_read_pb2 as tenancy_read

from contracts.errors import AlreadyExists
from infra.auth.authorisation import RULES
from infra.cli import session as subject
from infra.cli.session import Positions, Session
from infra.grpc.status import RemoteError, refusal_of
from infra.runtime.settings import CHECKOUT, SERVICES


def a_note() -> write.AddNoteRequest:
    return write.AddNoteRequest(tenant_id="clinic", case_id="case-1", text="hello", label=common.LABEL_AMBER)


class CaseNoted(AlreadyExists):
    reason = "CASE_NOTED"


class Server:
    """Answers the two RPCs with what it is told to, and keeps the requests."""

    def __init__(self) -> None:
        self.writes: list[Any] = []
        self.reads: list[Any] = []
        self.unavailable = 0
        self.refuses = False

    async def note(self, request: write.AddNoteRequest, context: Any) -> write.AddNoteResponse:
        self.writes.append(request)
        if self.unavailable:
            self.unavailable -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if self.refuses:
            refusal = refusal_of(CaseNoted("No more notes."))
            await context.abort(refusal.code, refusal.message, trailing_metadata=refusal.trailers)
        return write.AddNoteResponse(note_id="note-1", position=41)

    async def get(self, request: read.GetCaseRequest, _context: Any) -> read.GetCaseResponse:
        self.reads.append(request)
        return read.GetCaseResponse()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    def unary(behaviour: Any, request: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            behaviour,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    running = grpc.aio.server()
    for service, method, handler in (
        ("CasesWriteService", "AddNote", unary(server.note, write.AddNoteRequest)),
        ("CasesReadService", "GetCase", unary(server.get, read.GetCaseRequest)),
    ):
        generic = grpc.method_handlers_generic_handler(f"tenet.cases.v1.{service}", {method: handler})
        running.add_generic_rpc_handlers((generic,))
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await running.stop(None)


def every_request() -> Iterator[tuple[str, type[Message], type[Message]]]:
    for path in RULES:
        _, service, name = path.split("/")
        package = service.rpartition(".")[0]
        for module in _modules(package):
            found = module.DESCRIPTOR.services_by_name.get(service.rpartition(".")[2])
            if found is not None:
                method = found.methods_by_name[name]
                yield path, GetMessageClass(method.input_type), GetMessageClass(method.output_type)


def _modules(package: str) -> Iterator[Any]:
    for path in sorted((CHECKOUT / "contracts" / "gen").joinpath(*package.split(".")).glob("*_pb2.py")):
        yield importlib.import_module(f"{package}.{path.stem}")


def test_every_request_of_every_service_names_exactly_one_rpc_and_its_service() -> None:
    found = list(every_request())
    assert {path for path, _, _ in found} >= {path for path in RULES if path.split(".")[1] in SERVICES}
    for path, request, answer in found:
        method = subject._method(request(), answer)
        assert subject._path(method) == path
        assert subject._service(method) in (*SERVICES, "operations")


def test_an_answer_of_another_rpc_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match="answers with"):
        subject._method(read.GetCaseRequest(), read.ListCasesResponse)


async def test_a_lost_answer_is_asked_for_again_under_the_same_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "FIRST_PAUSE_SECONDS", 0.001)
    server = Server()
    server.unavailable = 2
    async with serving(server) as address, Session({"cases": address}, None) as session:
        answer = await session.ask(a_note(), write.AddNoteResponse)
    assert answer.note_id == "note-1"
    assert len(server.writes) == 3
    assert len({request.request_id for request in server.writes}) == 1
    assert len(server.writes[0].request_id) >= 8


async def test_a_server_that_stays_away_is_given_up_after_the_named_number_of_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "FIRST_PAUSE_SECONDS", 0.001)
    server = Server()
    server.unavailable = 100
    async with serving(server) as address, Session({"cases": address}, None) as session:
        with pytest.raises(RemoteError) as caught:
            await session.ask(a_note(), write.AddNoteResponse)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert len(server.writes) == subject.MAX_REPEATS + 1


async def test_a_refusal_is_not_repeated_and_keeps_its_reason() -> None:
    server = Server()
    server.refuses = True
    async with serving(server) as address, Session({"cases": address}, None) as session:
        with pytest.raises(RemoteError) as caught:
            await session.ask(a_note(), write.AddNoteResponse)
    assert caught.value.reason == "CASE_NOTED"
    assert len(server.writes) == 1


async def test_a_read_after_a_write_waits_for_it_also_when_somebody_else_wrote() -> None:
    server, positions = Server(), Positions()
    async with (
        serving(server) as address,
        Session({"cases": address}, None, positions) as one,
        Session({"cases": address}, None, positions) as other,
    ):
        await other.ask(read.GetCaseRequest(tenant_id="clinic", case_id="c"), read.GetCaseResponse)
        await one.ask(a_note(), write.AddNoteResponse)
        await other.ask(read.GetCaseRequest(tenant_id="clinic", case_id="c"), read.GetCaseResponse)
        await other.ask(read.GetCaseRequest(tenant_id="bank", case_id="c"), read.GetCaseResponse)
        await other.ask(read.GetCaseRequest(tenant_id="clinic", case_id="c", at_position=3), read.GetCaseResponse)
    asked = [request.min_position if request.HasField("min_position") else None for request in server.reads]
    assert asked == [None, 41, None, None]


def test_positions_of_tenancy_are_those_of_the_providers_ledger() -> None:
    request = admin.SuspendTenantRequest(tenant_id="clinic")
    method = subject._method(request, admin.SuspendTenantResponse)
    assert subject._ledger_of(method, request) == "provider"
    several = tenancy_read.ListTenantsRequest(tenant_ids=["clinic", "bank"])
    assert subject._ledger_of(subject._method(several, tenancy_read.ListTenantsResponse), several) == "provider"
    cases = read.ListCasesRequest(tenant_ids=["clinic", "bank"])
    assert subject._ledger_of(subject._method(cases, read.ListCasesResponse), cases) == ""
