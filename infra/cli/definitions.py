"""Definitions that people write as YAML in the shape of a message: rotas, calendars."""

from pathlib import Path
from typing import TypeVar

import yaml
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from infra.cli.problems import UsageProblem

M = TypeVar("M", bound=Message)


def read_definition(file: Path, shape: type[M], *, what: str) -> M:
    """The message that the file says. Raises UsageProblem."""
    try:
        # Every scalar is a text here, so that a clock's 09:00 or a day's date turns into nothing else by accident.
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  # Makes plain data only.
        return ParseDict(found, shape())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ParseError, AttributeError, TypeError) as error:
        hint = f"the fields are those of {shape.DESCRIPTOR.name} in {shape.DESCRIPTOR.file.name}."
        raise UsageProblem(f"{file} is no {what}: {str(error)[:300]}", hint=hint) from error
