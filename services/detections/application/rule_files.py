"""Rules as they lie in files: a pack as published, a directory, or one rule."""

from collections.abc import Iterator
from pathlib import Path

from services.detections.application.rule_cache import RuleCache
from services.detections.config import MAX_PACK_FILES, MAX_RULE_BYTES
from services.detections.domain.errors import RulePackUnreadable
from services.detections.domain.sigma.packs import RULE_KINDS, CompiledPack, compile_pack, compile_texts


def compiled(path: Path, cache: RuleCache) -> CompiledPack:
    """The rules at a path, and every one that does not compile, by name with the reason. Raises RulePackUnreadable."""
    if path.is_file() and path.suffix.lower() not in RULE_KINDS:
        pack = compile_pack(path.read_bytes(), cache.rule)
    else:
        pack = compile_texts(_files(path), cache.rule)
    cache.keep_rules(pack.rules)
    return pack


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    found = [path] if path.is_file() else sorted(each for kind in RULE_KINDS for each in path.rglob(f"*{kind}"))
    if not found or len(found) > MAX_PACK_FILES:
        raise RulePackUnreadable(f"{path} holds no rule, or more than {MAX_PACK_FILES}.")
    for each in found:
        with each.open("rb") as file:
            yield str(each), file.read(MAX_RULE_BYTES + 1)
