"""A refusal says what to do next, and what it says can be done."""

import re

import pytest
from typer.main import get_command

from infra.cli.__main__ import app, main
from infra.cli.problems import EXIT_USAGE, HINTS

COMMANDS = [
    (reason, command)
    for reason, hint in HINTS.items()
    for command in re.findall(r"\./tenet ([a-z-]+(?: [a-z-]+)?)", hint)
]


@pytest.mark.parametrize(("reason", "command"), COMMANDS)
def test_every_command_that_a_hint_names_is_there(reason: str, command: str) -> None:
    found = get_command(app)
    for word in command.split():
        if not hasattr(found, "commands"):
            break
        found = found.commands[word]
    assert not hasattr(found, "commands") or command.count(" ") == 0, f"{reason} names half a command"


def test_a_hint_is_a_sentence() -> None:
    assert all(hint.endswith(".") for hint in HINTS.values())


def test_what_a_command_finds_before_it_calls_anything_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tenet", "rules", "match", "--rules", "services/detections/rules", "--events", "x", "--format", "csv"]
    monkeypatch.setattr("sys.argv", words)
    # It is for good and for the whole process, which goes on with other tests.
    monkeypatch.setattr("infra.cli.__main__.structlog.configure", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == EXIT_USAGE
    assert capsys.readouterr().err.startswith("USAGE: 'csv' is no format")
