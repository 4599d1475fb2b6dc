"""Whoever asks a command for help is told what each of its options and arguments is for."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from infra.cli.__main__ import app


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from _commands(below, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_the_walk_finds_the_commands() -> None:
    assert {"queue", "sla pause", "case show", "report confirm"} <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_each_of_its_parameters_is_for(name: str) -> None:
    command = COMMANDS[name]
    assert command.help, "what it does"
    silent = [each.opts[0] for each in command.params if not (getattr(each, "help", None) or "").strip()]
    assert not silent


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_folded_where_the_terminal_ends_and_nowhere_else(name: str) -> None:
    assert not [paragraph for paragraph in COMMANDS[name].help.split("\n\n") if "\n" in paragraph]
