"""Rules as they lie in files: a pack as published, a directory, or one rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.detections.application.rule_cache import RuleCache
from services.detections.config import MAX_PACK_FILES, MAX_RULE_BYTES
from services.detections.domain.errors import RulePackUnreadable, RuleUncompilable
from services.detections.domain.sigma.compiler import CompiledRule, compile_rule
from services.detections.domain.sigma.packs import RULE_KINDS, CompiledPack, compile_pack


@dataclass(frozen=True, slots=True)
class _RuleFile:
    path: str
    text: bytes


def compiled(path: Path, cache: RuleCache) -> CompiledPack:
    """The rules at a path, and every one that does not compile, by name with the reason. Raises RulePackUnreadable."""
    if path.is_file() and path.suffix.lower() not in RULE_KINDS:
        pack = compile_pack(path.read_bytes(), cache.rule)
        cache.keep_rules(pack.rules)
        return pack
    rules: dict[str, CompiledRule] = {}
    failed: list[tuple[str, str]] = []
    for file in _files(path):
        try:
            rule = compile_rule(file.text)
        except RuleUncompilable as error:
            failed.append((file.path, error.message))
            continue
        if rule.rule_id in rules:
            failed.append((file.path, f"The rule id {rule.rule_id} stands twice."))
        rules.setdefault(rule.rule_id, rule)
    return CompiledPack(tuple(rules.values()), tuple(failed))


def _files(path: Path) -> Iterator[_RuleFile]:
    found = [path] if path.is_file() else sorted(each for kind in RULE_KINDS for each in path.rglob(f"*{kind}"))
    if not found or len(found) > MAX_PACK_FILES:
        raise RulePackUnreadable(f"{path} holds no rule, or more than {MAX_PACK_FILES}.")
    for each in found:
        with each.open("rb") as file:
            yield _RuleFile(str(each), file.read(MAX_RULE_BYTES + 1))
