"""The difference between two states of a case, by field."""

from tenet.cases.v1 import cases_read_pb2
from tenet.common.v1 import common_pb2

from infra.cli.difference import changes, summary


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
        ("/notices/notice-1/notice_id", "", "notice-1"),
    ]


def test_a_member_of_a_list_is_known_by_its_identifier_and_not_by_its_place() -> None:
    before, after = cases_read_pb2.GetCaseResponse(), cases_read_pb2.GetCaseResponse()
    for notice_id in ("notice-1", "notice-2"):
        before.notices.add(notice_id=notice_id, channel="phone")
    for notice_id in ("notice-0", "notice-2", "notice-1"):
        after.notices.add(notice_id=notice_id, channel="portal" if notice_id == "notice-2" else "phone")
    assert list(changes(before, after)) == [
        ("/notices/notice-0/channel", "", "phone"),
        ("/notices/notice-0/notice_id", "", "notice-0"),
        ("/notices/notice-2/channel", "phone", "portal"),
    ]


def test_what_was_not_there_yet_differs_in_all_of_its_fields() -> None:
    after = cases_read_pb2.GetCaseResponse()
    after.case.case_id = "case-1"
    assert list(changes(None, after)) == [("/case/case_id", "", "case-1")]


def test_members_that_belong_to_the_same_case_are_told_apart() -> None:
    before, after = cases_read_pb2.GetCaseResponse(), cases_read_pb2.GetCaseResponse()
    for action_id, argument in (("action-1", "network"), ("action-2", "process")):
        after.actions.add(tenant_id="clinic", case_id="case-1", action_id=action_id, argument=argument)
    found = list(changes(before, after))
    assert ("/actions/action-1/argument", "", "network") in found
    assert ("/actions/action-2/argument", "", "process") in found


def test_what_came_as_a_whole_is_one_line_for_a_person() -> None:
    before, after = cases_read_pb2.GetCaseResponse(), cases_read_pb2.GetCaseResponse()
    before.case.case_id = after.case.case_id = "case-1"
    before.case.assignee_principal_id, after.case.assignee_principal_id = "principal-a", "principal-b"
    action = after.actions.add(tenant_id="clinic", action_id="action-1", action="contain", argument="network")
    action.stages.add(event="ActionDispatched")
    after.case.timeline.add(event="ActionDispatched")
    assert list(summary(before, after)) == [
        ("/actions/action-1", "", "action contain, argument network"),
        ("/case/assignee_principal_id", "principal-a", "principal-b"),
    ]
