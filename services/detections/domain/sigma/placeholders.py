"""Lists of values for the placeholders of a pack's rules (`expand` of the specification): what an organisation calls
its administrators, its jump hosts, its own domains.

They come in the pack, in files named `placeholders.yml`: a name and its list of texts or numbers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import orjson
import yaml

from services.detections.domain.errors import RuleUncompilable

STEM = "placeholders"
Placeholders = Mapping[str, Sequence[str | int]]


def holds_placeholders(path: str) -> bool:
    return PurePosixPath(path).stem.lower() == STEM


def read(text: bytes) -> Placeholders:
    """Raises RuleUncompilable when this is something else."""
    try:
        said = yaml.load(text.decode(), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RuleUncompilable(f"Not readable as YAML: {str(error)[:300]}") from error
    if not isinstance(said, dict) or not all(isinstance(name, str) and _is_list(said[name]) for name in said):
        raise RuleUncompilable("A placeholder is a name with a list of texts or numbers.")
    return said


def hash_of(text: bytes, placeholders: Placeholders) -> str:
    """SHA-256 of a rule's text and, since they are part of what it says, of the lists that it names."""
    lists = {name: list(placeholders[name]) for name in sorted(placeholders) if f"%{name}%".encode() in text}
    return hashlib.sha256(text + b"\0" + orjson.dumps(lists) if lists else text).hexdigest()


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str | int) for item in value)
