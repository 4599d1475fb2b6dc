"""A merged case counts once, at the case that it is worked in; taken apart again, both count."""

from contracts.events.case_work import (
    CaseAbsorbed,
    CaseMerged,
    CaseSeparated,
    CaseUnmerged,
    LinkedSubject,
    SubjectUnlinked,
)
from contracts.events.cases import SubjectLinked
from contracts.events.subjects import SubjectKind, SubjectRef
from tests.services.reporting.clinic import case
from tests.services.reporting.history import History, sealed
from tests.services.reporting.made import chronicle_of, figures


def subject(number: int) -> SubjectRef:
    return SubjectRef(
        kind=SubjectKind.DETECTION, id=f"detection-{number}", stream_version=2, validation_position=number
    )


def merged() -> History:
    history = History()
    case(history, "one", subject(1), ("asset-1",))
    case(history, "two", subject(2), ("asset-1", "asset-2"))
    history.wait(hours=1)
    history.record("case-two", CaseMerged(case_id="two", into_case_id="one", reason=sealed("One attack.")))
    brought = LinkedSubject(subject=subject(2), asset_ids=("asset-1", "asset-2"))
    absorbed = CaseAbsorbed(case_id="one", merged_case_id="two", merged_before=(), brought=(brought,))
    history.record("case-one", absorbed)
    return history


def test_a_merged_case_counts_once_at_the_case_that_it_is_worked_in() -> None:
    history = merged()
    assert figures(history)["cases.opened"]["value"] == 1
    assert figures(history)["cases.open"]["value"] == 1
    responses = chronicle_of(history).responses
    assert list(responses.cases) == ["one"]
    assert responses.worked_in("two") == "one"
    assert set(responses.cases["one"].assets) == {"asset-1", "asset-2"}
    assert {each.id for each in responses.cases["one"].subjects} == {"detection-1", "detection-2"}
    assert figures(history, as_of=1)["cases.opened"]["value"] == 2


def test_a_subject_that_was_unlinked_before_the_merge_was_taken_back_is_gone_once() -> None:
    history = merged()
    # The same subject was the case's own as well, and left it as that.
    history.record("case-one", SubjectLinked(case_id="one", subject=subject(2), asset_ids=("asset-2",)))
    unlinked = SubjectUnlinked(
        case_id="one", subject_kind=SubjectKind.DETECTION, subject_id="detection-2", reason=sealed("Not of it.")
    )
    history.record("case-one", unlinked)
    history.record("case-two", CaseUnmerged(case_id="two", from_case_id="one", reason=sealed("Two attacks.")))
    history.record("case-one", CaseSeparated(case_id="one", unmerged_case_id="two"))
    assert [each.id for each in chronicle_of(history).responses.cases["one"].subjects] == ["detection-1"]


def test_taken_apart_again_both_count_and_each_has_its_own() -> None:
    history = merged()
    history.record("case-two", CaseUnmerged(case_id="two", from_case_id="one", reason=sealed("Two attacks.")))
    history.record("case-one", CaseSeparated(case_id="one", unmerged_case_id="two"))
    assert figures(history)["cases.opened"]["value"] == 2
    responses = chronicle_of(history).responses
    assert list(responses.cases) == ["one", "two"]
    assert set(responses.cases["one"].assets) == {"asset-1"}
    assert [each.id for each in responses.cases["one"].subjects] == ["detection-1"]
