"""What an entry says in one clear line. Sealed words are not part of it; whoever shows the line may open them beside
it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from contracts.events.base import Event
from contracts.events.cases import ActionDispatched, CaseOpened, PlanDecided
from contracts.events.detections import DetectionRaised, DetectionRepeated, TelemetryReceived

Facts = Mapping[str, Any]

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")

_DETAILS: dict[str, Callable[[Facts], str]] = {
    "tenet.detections.DetectionRaised": lambda facts: f"{facts['rule']}",
    "tenet.detections.DetectionRepeated": lambda facts: f"{facts['count']} more of the same",
    "tenet.detections.TelemetryReceived": lambda facts: f"{facts['accepted']} of {facts['records']} records",
    "tenet.assets.FindingReported": lambda facts: _spaced(facts["finding_kind"]),
    "tenet.cases.CaseOpened": lambda facts: f"{facts['priority']}, {_spaced(facts['event_kind'])}",
    "tenet.cases.PlanDecided": lambda facts: f"{facts['steps']} steps, mode {facts['mode']}",
    "tenet.cases.CaseClosed": lambda facts: _spaced(facts["outcome"]),
    "tenet.cases.EnquiryAnswered": lambda facts: "expected" if facts["expected"] else "not expected",
}


def headline(topic: str, facts: Facts) -> str:
    """Such as `Detection validated: malicious`; from the topic alone where nothing clear adds to it."""
    name = _spaced(_WORDS.sub(" ", topic.rpartition(".")[2])).lower().capitalize()
    try:
        detail = _DETAILS[topic](facts) if topic in _DETAILS else _general(facts)
    except KeyError:
        detail = _general(facts)
    return f"{name}: {detail}" if detail else name


def event_headline(event: Event) -> str:
    """The headline of an entry outside of any history."""
    return headline(event.TOPIC, _facts(event))


def _facts(event: Event) -> Facts:
    match event:
        case DetectionRaised():
            return {"rule": event.rule.title}
        case TelemetryReceived():
            return {"accepted": event.accepted, "records": event.records}
        case DetectionRepeated():
            return {"count": event.count}
        case CaseOpened():
            return {"priority": event.priority.value, "event_kind": event.event_kind}
        case PlanDecided():
            return {"steps": len(event.steps), "mode": event.mode.value}
        case ActionDispatched():
            return {"action": event.action}
        case _:
            names = ("verdict", "action", "decision", "outcome", "path", "reason", "finding_kind", "expected")
            found = {name: getattr(event, name, None) for name in names}
            return {name: value for name, value in found.items() if isinstance(value, str | bool)}


def _general(facts: Facts) -> str:
    for name in ("verdict", "action", "decision", "outcome", "reason", "path"):
        value = facts.get(name)
        if isinstance(value, str) and value:
            state = facts.get("reason") if name == "action" else None
            return _spaced(value) + (f" ({_spaced(str(state))})" if state else "")
    return ""


def _spaced(text: str) -> str:
    return text.replace("_", " ")
