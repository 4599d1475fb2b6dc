"""A rule pack as published: a zip archive with rules in any folders."""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.detections.config import (
    MAX_PACK_BYTES,
    MAX_PACK_FILES,
    MAX_PACK_UNPACKED_BYTES,
    MAX_RULE_BYTES,
    MAX_RULE_PATH_CHARACTERS,
)
from services.detections.domain.correlation.deployed import compile_correlations, is_correlation, known_names
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.errors import RulePackUnreadable, RuleUncompilable
from services.detections.domain.formats.archives import BOUNDED_METHODS
from services.detections.domain.sigma.companions import Companions
from services.detections.domain.sigma.compiler import CompiledRule, compile_rule

RULE_KINDS = (".yml", ".yaml")
_SEPARATOR = re.compile(rb"^---[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)
_INLINE_TESTS = b"\ninline_tests:"
_SAYS_SOMETHING = re.compile(rb"^[ \t]*[^#\s]", re.MULTILINE)
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


Known = Callable[[str], CompiledRule | None]
"""Gives the rule whose text has this SHA-256, if it was compiled before."""


def _nothing_known(_sha256: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class CompiledPack:
    """What became of a pack: the rules that run, and every one that does not, by path with the reason."""

    rules: tuple[CompiledRule, ...]
    failed: tuple[tuple[str, str], ...]
    correlations: tuple[CompiledCorrelation, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    """Where each rule that runs lies in the pack, by its id."""
    tested: Mapping[str, bytes] = field(default_factory=dict)
    """The texts of those rules that bring tests of their own, by rule id."""

    @property
    def all_rules(self) -> tuple[CompiledRule | CompiledCorrelation, ...]:
        return (*self.rules, *self.correlations)


def compile_pack(archive: bytes, known: Known = _nothing_known) -> CompiledPack:
    """Compiles every rule of a pack; those that are known by the hash of their text are taken as they are.

    Raises RulePackUnreadable when the archive itself cannot be read.
    """
    return compile_texts(rule_texts(archive), known)


def compile_texts(files: Iterable[tuple[str, bytes]], known: Known = _nothing_known) -> CompiledPack:
    """The same for files by their paths."""
    rules: dict[str, CompiledRule] = {}
    texts: dict[str, bytes] = {}
    paths: dict[str, str] = {}
    correlating: list[tuple[str, bytes]] = []
    companions, sources, failed = _sorted_out(files)
    # Which rules a filter applies to shows when they are parsed, so beside filters nothing is known beforehand.
    known = _nothing_known if companions.filters else known
    for path, text in sources:
        if is_correlation(text):
            correlating.append((path, text))
            continue
        try:
            rule = known(companions.hash_of(text)) or compile_rule(text, companions)
        except RuleUncompilable as error:
            failed.append((path, error.message))
            continue
        if rule.rule_id in rules:
            failed.append((path, f"The pack has the rule id {rule.rule_id} twice."))
        else:
            rules[rule.rule_id] = rule
            texts[rule.rule_id] = text
            paths[rule.rule_id] = path
    correlations, others = compile_correlations(correlating, known_names(texts.items())) if correlating else ([], [])
    found = {hashlib.sha256(text).hexdigest(): (path, text) for path, text in correlating}
    for correlation in correlations:
        paths[correlation.rule_id], texts[correlation.rule_id] = found[correlation.sha256]
    tested = {rule_id: text for rule_id, text in texts.items() if _INLINE_TESTS in text}
    return CompiledPack(tuple(rules.values()), (*failed, *others), tuple(correlations), paths, tested)


def _sorted_out(
    files: Iterable[tuple[str, bytes]],
) -> tuple[Companions, list[tuple[str, bytes]], list[tuple[str, str]]]:
    """What changes the rules, the texts of all rules, and what of the former cannot be read, with the reason."""
    companions = Companions()
    sources: list[tuple[str, bytes]] = []
    failed: list[tuple[str, str]] = []
    for path, text in (each for file in files for each in _documents(*file)):
        try:
            if not companions.add(path, text):
                sources.append((path, text))
        except RuleUncompilable as error:
            failed.append((path, error.message))
    return companions, sources, failed


def _documents(path: str, text: bytes) -> list[tuple[str, bytes]]:
    """A file's rules: a correlation often stands in one file with those that it refers to."""
    parts = [part for part in _SEPARATOR.split(text) if _SAYS_SOMETHING.search(part)]
    if len(parts) < 2:
        return [(path, text)]
    return [(f"{path}#{number}", part) for number, part in enumerate(parts, 1)]


def rule_texts(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and text of each rule file, by path. Raises RulePackUnreadable."""
    if len(archive) > MAX_PACK_BYTES:
        raise RulePackUnreadable(f"The pack has {len(archive)} bytes; the limit is {MAX_PACK_BYTES}.")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = [info for info in opened.infolist() if info.filename.lower().endswith(RULE_KINDS)]
            if len(members) > MAX_PACK_FILES or sum(info.file_size for info in members) > MAX_PACK_UNPACKED_BYTES:
                raise RulePackUnreadable("The pack has more files, or unpacks to more, than the limit.")
            if any(len(info.filename) > MAX_RULE_PATH_CHARACTERS for info in members):
                raise RulePackUnreadable(f"A path in the pack is longer than {MAX_RULE_PATH_CHARACTERS} characters.")
            if any(info.compress_type not in BOUNDED_METHODS for info in members):
                raise RulePackUnreadable("The pack is compressed by a method other than deflate.")
            for info in sorted(members, key=lambda info: info.filename):
                with opened.open(info) as member:
                    yield info.filename, member.read(MAX_RULE_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise RulePackUnreadable(f"The pack is not a readable zip archive: {error}") from error


def rule_text(archive: bytes, path: str) -> bytes | None:
    """The text of the rule at a path that `compile_pack` gave; None when the pack has nothing there."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        # A rule that shares its file with others has its number behind the file's name.
        for name in (path, path.rpartition("#")[0]):
            if name not in opened.NameToInfo:
                continue
            with opened.open(name) as member:
                for found, text in _documents(name, member.read(MAX_RULE_BYTES + 1)):
                    if found == path:
                        return text
    return None


def pack_of(texts: Mapping[str, bytes]) -> bytes:
    """A zip archive of these rules, always the same bytes for the same texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(texts):
            archive.writestr(zipfile.ZipInfo(path, _FIXED_TIME), texts[path])
    return buffer.getvalue()
