"""Rule packs as archives: a zip as it was published, or a directory packed here, the same bytes for the same rules."""

import io
import re
import zipfile
from pathlib import Path

from infra.cli.problems import Problem, UsageProblem

MAX_PACK_BYTES = 12 * 1024 * 1024
"""The most that Tenet takes."""
NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}")
"""What a pack may be called."""
_SUFFIXES = (".yml", ".yaml")


def pack_of(path: Path) -> bytes:
    """Raises UsageProblem, Problem."""
    if path.is_dir():
        content = _packed(path)
    elif path.is_file():
        content = path.read_bytes()
    else:
        raise UsageProblem(f"{path} is not there.")
    if len(content) > MAX_PACK_BYTES:
        raise Problem("PACK_TOO_LARGE", f"The pack has {len(content)} bytes, of {MAX_PACK_BYTES} at most.")
    return content


def _packed(directory: Path) -> bytes:
    rules = sorted(each for each in directory.rglob("*") if each.is_file() and each.suffix in _SUFFIXES)
    if not rules:
        raise UsageProblem(f"{directory} holds no .yml or .yaml file.")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for rule in rules:
            # A ZipInfo of its own leaves the file's time out.
            archive.writestr(zipfile.ZipInfo(rule.relative_to(directory).as_posix()), rule.read_bytes())
    return content.getvalue()
