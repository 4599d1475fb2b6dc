"""What no schema needs to say: values that no later code could keep are refused in every request."""

import pytest
from google.protobuf.message import Message
from tenet.cases.v1 import cases_bulk_write_pb2 as bulk
from tenet.detections.v1 import detections_hunts_pb2 as hunts
from tenet.detections.v1 import detections_read_pb2 as read

from infra.grpc.requests import MalformedRequest, validate


def broken(request: Message) -> set[str]:
    with pytest.raises(MalformedRequest) as refused:
        validate(request)
    return {violation.field for violation in refused.value.violations}


def test_a_text_with_the_character_that_no_database_holds_is_named_wherever_it_is() -> None:
    assert "case_ids[1]" in broken(bulk.AddNotesRequest(tenant_id="clinic", case_ids=["fine", "a\0b"]))
    assert "page.page_token" in broken(read.ListDetectionsRequest(page={"page_token": "\0"}))


def test_times_are_those_that_protocol_buffers_define() -> None:
    request = hunts.HuntRequest(tenant_id="clinic", request_id="r" * 20, reason="why", sql="SELECT 1")
    request.start.seconds, request.end.seconds = -62_135_596_800, 253_402_300_799
    validate(request)
    request.start.seconds -= 1
    request.end.nanos = -1
    assert broken(request) == {"start", "end"}
