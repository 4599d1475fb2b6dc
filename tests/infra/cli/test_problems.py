"""A refusal says what to do next, and what it says can be done."""

import re

import pytest
from typer.main import get_command

from infra.cli.__main__ import app
from infra.cli.problems import HINTS

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
