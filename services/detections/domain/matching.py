"""What looks through the archive: anything that says of a record which rules, or the like, it meets.

A matcher is sent to a process of its own and opened there, so it holds plain values only (it has to be picklable) and
makes what is costly or cannot be sent, such as an engine, when it is opened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Fired
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of


@dataclass(frozen=True, slots=True)
class Match:
    """What fired on a record, and what of the record it was, where that does not show by itself."""

    fired: Fired
    observed: str = ""


Ask = Callable[[Record], Sequence[Match]]


class Matcher(Protocol):
    def opened(self) -> Ask:
        """Ready to be asked about one record after the other. Records come in no particular order."""
        ...


@dataclass(frozen=True, slots=True)
class RuleMatcher:
    """Sigma rules, run by the engine that runs them on live telemetry, each with what it fires."""

    rules: tuple[tuple[CompiledRule, Fired], ...]

    def opened(self) -> Ask:
        engine = Engine(rule for rule, _ in self.rules)
        matches = {rule.rule_id: Match(fired) for rule, fired in self.rules}

        def match(record: Record) -> Sequence[Match]:
            route = route_of(record.source, record.fields, record.logsource)
            if route is None:
                return ()
            return [matches[rule.rule_id] for rule in engine.match(route, record.fields)]

        return match
