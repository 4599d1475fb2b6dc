"""What comes in a pack beside rules and changes what they mean.

Lists of values for placeholders (`expand` of the specification): what an organisation calls its administrators, its
jump hosts, its own domains. They are in files named `placeholders.yml`: a name and its list of texts or numbers. And
Sigma's filters, which leave something out of rules that others wrote.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import orjson
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import ValueListPlaceholderTransformation
from sigma.rule import SigmaRule

from services.detections.domain.errors import RuleUncompilable
from services.detections.domain.sigma.documents import documents_of

PLACEHOLDERS = "placeholders"
_FILTER = re.compile(rb"^filter:", re.MULTILINE)


@dataclass(slots=True)
class Companions:
    """`filters` stand with the text that they were read from."""

    placeholders: dict[str, Sequence[str | int]] = field(default_factory=dict)
    filters: list[tuple[SigmaFilter, bytes]] = field(default_factory=list)

    def add(self, path: str, text: bytes) -> bool:
        """Whether this is a companion. Raises RuleUncompilable when it is one that cannot be read."""
        if PurePosixPath(path).stem.lower() == PLACEHOLDERS:
            self.placeholders.update(_lists(text))
            return True
        if _FILTER.search(text):
            self.filters.append((_filter(text), text))
            return True
        return False

    def apply(self, rule: SigmaRule) -> list[bytes]:
        """Changes a rule as it is meant here; gives the texts of the filters that apply to it. Raises SigmaError."""
        if self.placeholders:
            listed = ValueListPlaceholderTransformation(include=list(self.placeholders))
            ProcessingPipeline([ProcessingItem(listed)], vars=dict(self.placeholders)).apply(rule)
        applied = []
        for each, text in self.filters:
            before = list(rule.detection.condition)
            each.apply_on_rule(rule)
            if rule.detection.condition != before:
                applied.append(text)
        return applied

    def hash_of(self, text: bytes, filters: Sequence[bytes] = ()) -> str:
        """SHA-256 of a rule's text and, since they are part of what it says, of its lists and filters."""
        lists = {name: list(each) for name, each in sorted(self.placeholders.items()) if f"%{name}%".encode() in text}
        if not lists and not filters:
            return hashlib.sha256(text).hexdigest()
        parts = [orjson.dumps(lists), *filters]
        return hashlib.sha256(text + b"".join(b"\0" + hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _lists(text: bytes) -> Mapping[str, Sequence[str | int]]:
    said = _read(text)
    if not isinstance(said, dict) or not all(isinstance(name, str) and _is_list(said[name]) for name in said):
        raise RuleUncompilable("A placeholder is a name with a list of texts or numbers.")
    return said


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str | int) for item in value)


def _filter(text: bytes) -> SigmaFilter:
    try:
        return SigmaFilter.from_dict(_read(text))
    except (SigmaError, ValueError, TypeError, AttributeError) as error:
        raise RuleUncompilable(f"{type(error).__name__}: {str(error)[:300]}") from error


def _read(text: bytes) -> Any:
    documents = documents_of(text)
    return documents[0] if len(documents) == 1 else None
