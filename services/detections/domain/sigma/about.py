"""What a rule's text says of itself beside what it looks for (Sigma specification, "Rule structure")."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.detections.config import MAX_INLINE_TESTS_PER_RULE, MAX_TITLE_CHARACTERS
from services.detections.domain.sigma.compiler import TECHNIQUE
from services.detections.domain.sigma.documents import documents_of

MAX_ITEMS = 100
"""References, techniques and false positives that are told of one rule."""
MAX_CHARACTERS = 4_000
"""Of each text."""


@dataclass(frozen=True, slots=True)
class About:
    """Empty where the text says nothing."""

    author: str = ""
    license: str = ""
    written: str = ""
    modified: str = ""
    status: str = ""
    description: str = ""
    references: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


def document_of(text: bytes) -> Mapping[str, Any]:
    """The one mapping that the text of a rule which compiles is."""
    document: Mapping[str, Any] = documents_of(text)[0]
    return document


def about(text: bytes) -> About:
    """Of the text of a rule that compiles."""
    said = document_of(text)
    matches = (TECHNIQUE.match(tag) for tag in _items(said.get("tags")))
    return About(
        author=_text(said.get("author")),
        license=_text(said.get("license")),
        written=_text(said.get("date")),
        modified=_text(said.get("modified")),
        status=_text(said.get("status")),
        description=_text(said.get("description")),
        references=_items(said.get("references")),
        techniques=tuple(sorted({match[1].upper() for match in matches if match})),
        false_positives=_items(said.get("falsepositives")),
        tests=tuple(_names(said.get("inline_tests"))),
    )


def name_of(test: Any, number: int) -> str:
    """What a test within a rule's text calls itself, else its number from 1."""
    name = _text(test.get("name")) if isinstance(test, dict) else ""
    return name[:MAX_TITLE_CHARACTERS] or f"test {number}"


def _text(value: Any) -> str:
    """Nothing for a list or a mapping, which YAML's aliases can make longer than anybody wants to read."""
    return str(value)[:MAX_CHARACTERS].strip() if isinstance(value, str | int | float | date) else ""


def _items(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(item) for item in value[:MAX_ITEMS])
    return (_text(value),) if value is not None else ()


def _names(tests: Any) -> Iterable[str]:
    for number, test in enumerate(tests[:MAX_INLINE_TESTS_PER_RULE] if isinstance(tests, list) else (), 1):
        yield name_of(test, number)
