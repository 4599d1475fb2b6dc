"""The correlations at work, and what they want of the records that base rules match."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.detections.config import MAX_CORRELATION_DEPTH
from services.detections.domain.correlation.rules import CompiledCorrelation, compile_correlation
from services.detections.domain.errors import RuleUncompilable
from services.detections.domain.sigma.documents import documents_of

_NAME = re.compile(rb"^name:[ \t]*[\"']?([^\"'#\r\n]+?)[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_CORRELATION = re.compile(rb"^correlation:", re.MULTILINE)


@dataclass(frozen=True)
class Correlations:
    """`titles` are those of all rules that correlations refer to, by their id."""

    rules: tuple[CompiledCorrelation, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def wanted(self) -> Mapping[str, frozenset[str]]:
        """For each rule that some correlation refers to, the fields of its records that correlations look at."""
        wanted: dict[str, frozenset[str]] = {}
        for correlation in self.rules:
            for rule_id in correlation.references:
                wanted[rule_id] = wanted.get(rule_id, frozenset()) | correlation.fields_of(rule_id)
        return wanted

    @cached_property
    def silent(self) -> frozenset[str]:
        """Rules that raise nothing by themselves, since a correlation that refers to them does not say `generate`."""
        return frozenset(rule_id for rule in self.rules if not rule.generate for rule_id in rule.references)

    @cached_property
    def digest(self) -> str:
        """Tells one set of correlations from another."""
        texts = sorted(rule.sha256 + "".join(rule.references) for rule in self.rules)
        return hashlib.sha256("".join(texts).encode()).hexdigest()


def is_correlation(text: bytes) -> bool:
    return _CORRELATION.search(text) is not None


def name_of(text: bytes) -> str | None:
    """What a rule calls itself for others to refer to."""
    found = _NAME.search(text)
    return found[1].decode("utf-8", "replace") if found else None


def compile_correlations(
    sources: Sequence[tuple[str, bytes]], known: Mapping[str, str]
) -> tuple[list[CompiledCorrelation], list[tuple[str, str]]]:
    """What runs, and path and reason of each one that does not.

    `known` gives the rule id of each id and name of a base rule. Correlations may refer to each other, so they are
    tried again while that helps; what refers in a circle, or too deep, is left.
    """
    names = dict(known)
    compiled: dict[str, CompiledCorrelation] = {}
    pending = list(sources)
    failed: dict[str, str] = {}
    for _ in range(MAX_CORRELATION_DEPTH):
        level: dict[str, str] = {}
        left: list[tuple[str, bytes]] = []
        for path, text in pending:
            try:
                correlation = compile_correlation(_document(text), text, names.get)
                if correlation.rule_id in known or correlation.rule_id in compiled:
                    raise RuleUncompilable(f"The pack has the rule id {correlation.rule_id} twice.")
            except RuleUncompilable as error:
                failed[path] = error.message
                left.append((path, text))
                continue
            failed.pop(path, None)
            compiled[correlation.rule_id] = correlation
            level |= {name: correlation.rule_id for name in (correlation.rule_id, name_of(text)) if name}
        names |= level
        pending = left
        if not level:
            break
    return list(compiled.values()), sorted(failed.items())


def known_names(rules: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Rule ids by id and by name, from ids and texts. A name that two rules have means neither."""
    known: dict[str, str] = {}
    twice: set[str] = set()
    for rule_id, text in rules:
        name = name_of(text)
        if name in known:
            twice.add(name)
        if name:
            known[name] = rule_id
        known[rule_id] = rule_id
    return {name: rule_id for name, rule_id in known.items() if name not in twice}


def _document(text: bytes) -> Mapping[str, Any]:
    documents = documents_of(text)
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise RuleUncompilable("A rule is a mapping.")
    return documents[0]
