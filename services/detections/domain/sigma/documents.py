"""A rule file's YAML, read so that whatever is wrong with it is the error of that rule and of no other."""

from typing import Any

import yaml
from sigma.rule.base import SigmaYAMLLoader

from services.detections.domain.errors import RuleUncompilable


def documents_of(text: bytes) -> list[Any]:
    """The documents that hold something. Raises RuleUncompilable, also for a mapping that has a key twice."""
    try:
        return [item for item in yaml.load_all(text.decode(), SigmaYAMLLoader) if item is not None]
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        # A date that the calendar does not have is a ValueError; so are bytes that are no UTF-8.
        raise RuleUncompilable(f"Not readable as YAML: {str(error)[:300]}") from error
