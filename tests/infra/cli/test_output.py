"""What is printed fits where it is printed."""

import json

import pytest
from tenet.common.v1 import common_pb2 as common

from infra.cli.output import show_json, show_pairs, show_table, show_text

IDENTIFIER = "detection-08fhj4jxsw4474307s8791r1g1"
COLUMNS = ("prio>", "tenant", "what", "detection!")
ROW = (12, "manufacturer", "Scheduled Task Created From the Command Line on web-01.example.test", IDENTIFIER)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show_table(COLUMNS, [ROW, ROW], title="The queue of all customers that you may see, the most pressing first")
    show_pairs([("what", ROW[2]), ("none", ""), ("id", IDENTIFIER)])
    lines = printed(capsys)
    assert lines
    assert max(len(line) for line in lines) <= width


def test_an_identifier_is_in_one_piece_at_a_hundred_columns_so_that_it_can_be_copied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    show_table(COLUMNS, [ROW])
    assert any(IDENTIFIER in line for line in printed(capsys))


def test_a_narrow_terminal_shows_one_value_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show_table(COLUMNS, [ROW])
    lines = [line.rstrip() for line in printed(capsys)]
    assert "tenant     manufacturer" in lines
    assert any(line.endswith(IDENTIFIER) for line in lines)


def test_a_pipe_gets_no_colour_and_one_line_a_row_without_trailing_spaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show_table(COLUMNS, [ROW, (1, "clinic", ROW[2] * 4, IDENTIFIER)])
    show_pairs([("what", ROW[2] * 4)])
    heading, rule, first, second, pair = printed(capsys)
    assert "\x1b" not in heading + rule + first + second + pair
    assert ROW[2] in first
    assert ROW[2] * 4 in second
    assert pair == f"what  {ROW[2] * 4}"
    assert heading == heading.rstrip()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_identifiers_and_column_names_are_in_one_piece_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ("tenant", "what", "assignee", "raised", "×>", "case!")
    show_table(columns, [("manufacturer", ROW[2], "", "2026-11-24 12:20:13Z", 1005, IDENTIFIER)])
    text = "\n".join(printed(capsys))
    for word in (IDENTIFIER, "manufacturer", "2026-11-24", "raised"):
        assert word in text
    one_below_the_other = text.startswith("─")
    assert one_below_the_other == (width < 100)
    assert ("assignee" in text) is not one_below_the_other, "an empty value is left out there, a column is not"


def test_a_document_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    show_text(f"reason: {'word ' * 40}end\n")
    assert printed(capsys) == [f"reason: {'word ' * 40}end"]


def test_markup_in_a_customers_words_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("what",), [("[red]not red[/red] :smile: [link=http://x]",)])
    assert "[red]not red[/red] :smile: [link=http://x]" in "\n".join(printed(capsys))


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("a",), [], empty="Nothing waits.")
    assert printed(capsys) == ["Nothing waits."]


def test_json_is_for_programs_whatever_the_terminal_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    show_json(common.SealedText(value="ü" * 200))
    assert json.loads(capsys.readouterr().out) == {"value": "ü" * 200}
