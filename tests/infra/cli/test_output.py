"""What is printed fits where it is printed."""

import json

import pytest
from tenet.common.v1 import common_pb2 as common

from infra.cli.output import show_json, show_pairs, show_table

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


def test_a_pipe_gets_no_colour_and_the_usual_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show_table(COLUMNS, [ROW])
    lines = printed(capsys)
    assert "\x1b" not in "".join(lines)
    assert any(IDENTIFIER in line for line in lines)


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
