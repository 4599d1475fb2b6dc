"""The difference between two states of a case, by field."""

from tenet.cases.v1 import cases_read_pb2
from tenet.common.v1 import common_pb2

from infra.cli.difference import changes


def test_the_difference_names_each_field_that_changed_and_leaves_out_where_the_view_stood() -> None:
    before, after = (
        cases_read_pb2.GetCaseResponse(sight=common_pb2.Sight(view="cases", view_version=1, position=at))
        for at in (3, 9)
    )
    assert list(changes(before, after)) == []
    before.case.case_id = after.case.case_id = "case-1"
    before.case.assignee_principal_id = "principal-a"
    after.case.assignee_principal_id = "principal-b"
    after.notices.add(notice_id="notice-1")
    assert list(changes(before, after)) == [
        ("/case/assignee_principal_id", "principal-a", "principal-b"),
        ("/notices/0/notice_id", "", "notice-1"),
    ]
