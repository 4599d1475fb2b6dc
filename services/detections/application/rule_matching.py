"""Which rules match which lines of a file: without a server, a ledger or a tenant."""

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.detections.application.line_files import numbered
from services.detections.domain.formats.records import Reason, Unreadable
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.databases import Keeper
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.lines import read_line

MAX_NAMED = 20


@dataclass(slots=True)
class PutAside:
    """Lines that are no records: how many, and number and reason of the first of them."""

    total: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, reason: Reason) -> None:
        self.total += 1
        if len(self.named) < MAX_NAMED:
            self.named.append((number, reason.value))


def matches(
    rules: Iterable[CompiledRule], path: Path, put_aside: PutAside, keeper: Keeper
) -> Iterator[tuple[int, str]]:
    """Number of the line, from 0, and the rule's identifier, for each match; line by line, in the order of the rules.

    A line may wrap several records; a rule that matches any of them is named once, and those that can be read are
    matched also where others cannot. Blank lines count as lines. Raises what `line_files.numbered` raises.
    """
    engine = Engine(rules, keeper=keeper)
    # The rules stay as long as the program: no collection of garbage has to look through them.
    gc.freeze()
    for number, line, reason in numbered(path):
        if reason is not None:
            put_aside.add(number, reason)
            continue
        if not line.strip():
            continue
        named: set[str] = set()
        try:
            for route, fields, alone in read_line(line):
                for rule in engine.match(route, fields, alone):
                    if rule.rule_id not in named:
                        named.add(rule.rule_id)
                        yield number, rule.rule_id
        except Unreadable as error:
            put_aside.add(number, error.reason)
