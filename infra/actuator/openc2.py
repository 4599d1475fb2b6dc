"""Reads OpenC2 commands (Language Specification v1.0) as far as the actuator's profile `x-tenet` goes."""

from dataclasses import dataclass
from typing import Any

PROFILE = "x-tenet"
MAX_IDENTIFIER = 256

EFFECTS = {
    ("contain", "network"): ("network", "isolated"),
    ("allow", "network"): ("network", "connected"),
    ("deny", "egress"): ("egress", "denied"),
    ("allow", "egress"): ("egress", "allowed"),
    ("deny", "service"): ("service", "denied"),
    ("allow", "service"): ("service", "allowed"),
    ("stop", "process"): ("process", "stopped"),
    ("stop", "device"): ("power", "off"),
    ("start", "device"): ("power", "on"),
    ("update", "patch"): ("patch", "applied"),
    ("set", "protection_raised"): ("protection", "raised"),
    ("set", "protection_normal"): ("protection", "normal"),
    ("set", "monitoring_raised"): ("monitoring", "raised"),
    ("set", "monitoring_normal"): ("monitoring", "normal"),
    ("copy", "evidence"): ("evidence", "kept"),
    ("query", "health"): ("health", "good"),
    ("set", "roles_reduced"): ("roles", "reduced"),
    ("restore", "roles"): ("roles", "full"),
    ("deny", "sign_in"): ("sign_in", "denied"),
    ("allow", "sign_in"): ("sign_in", "allowed"),
    ("cancel", "sessions"): ("sessions", "revoked"),
}
"""What each action and scope makes of its target, in this stand-in's own state."""


class CommandMalformed(Exception):
    """Not a command of this profile; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Command:
    command_id: str
    action: str
    target: str
    argument: str


@dataclass(frozen=True, slots=True)
class Query:
    """Asks what became of an earlier command."""

    command_id: str


def read_command(content: Any) -> Command | Query:
    """Raises CommandMalformed."""
    if not isinstance(content, dict) or not isinstance(content.get("target"), dict) or len(content["target"]) != 1:
        raise CommandMalformed("a command is an object with an action and exactly one target")
    ((kind, target),) = content["target"].items()
    action = _text(content.get("action"), "action")
    if kind == f"{PROFILE}:command" and action == "query":
        return Query(_text(_field(target, "command_id"), "target's command_id"))
    if kind == "device":
        identifier = _text(_field(target, "device_id"), "device_id")
    elif kind == f"{PROFILE}:account":
        identifier = _text(_field(target, "account_id"), "account_id")
    else:
        raise CommandMalformed(f"the target {kind!r} is not in the profile {PROFILE}")
    scope = _text(_field(_field(content.get("args"), PROFILE), "scope"), f"args.{PROFILE}.scope")
    return Command(_text(content.get("command_id"), "command_id"), action, identifier, scope)


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_IDENTIFIER:
        raise CommandMalformed(f"{name} is missing or no text of at most {MAX_IDENTIFIER} characters")
    return value
