"""Reads a receiver's answer to an OpenC2 command (Language Specification v1.0, 3.3.2), whichever way it came back."""

import json
from typing import Any

from services.cases.connectors.port import Acknowledged, NotSeen, Refused, Unknown

MAX_ANSWER_BYTES = 65_536
MAX_TEXT = 300
_TAKEN = frozenset({102, 200})
"""OpenC2: processing, OK."""


def understood(status: int, content: Any) -> Acknowledged | Refused | NotSeen | Unknown:
    """What an answer says. Only a clear yes or no of the receiver counts; all else leaves the outcome unknown.

    `status` is what the transport says, 0 when there was no answer; it has to agree with the one in the content.
    """
    if status == 0:
        return Unknown("NO_ANSWER")
    said = content.get("status") if isinstance(content, dict) else None
    if not isinstance(said, int) or said != status:
        return Unknown(f"UNINTELLIGIBLE_{status}")
    if said in _TAKEN:
        return Acknowledged(_receipt(content))
    if said == 404:
        return NotSeen()
    if 400 <= said < 500 or said == 501:
        return Refused(str(said), str(content.get("status_text", ""))[:MAX_TEXT])
    return Unknown(f"STATUS_{said}")


def of_sending(answer: Acknowledged | Refused | NotSeen | Unknown) -> Acknowledged | Refused | Unknown:
    """An order cannot be unknown to whoever answers it: a 404 then speaks of its target or its path."""
    if isinstance(answer, NotSeen):
        return Refused("404", "The receiver does not know the target or the path.")
    return answer


def json_of(data: bytes) -> Any:
    """The content of an answer; None when it is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def state_of(content: Any) -> dict[str, str] | None:
    """A target's state as names and values; None when the content is no object."""
    if not isinstance(content, dict):
        return None
    return {str(name): str(value) for name, value in content.items()}


def _receipt(content: dict[str, Any]) -> str:
    results = content.get("results")
    own = results.get("x-tenet") if isinstance(results, dict) else None
    return str(own.get("receipt", ""))[:MAX_TEXT] if isinstance(own, dict) else ""
