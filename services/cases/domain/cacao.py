"""Reads a CACAO 2.0 playbook (OASIS, "CACAO Security Playbooks Version 2.0") as a line of a charter.

A playbook says what to do; who may allow it here is said by the charter alone. So a playbook never becomes a plan by
itself: it becomes a line that the customer approves with the rest of the charter, and plans come from there.

Actions whose command is OpenC2 in this profile become steps of a connector. Everything else becomes a task that names
what the playbook wants, because commands for a shell or an API of somebody else's are never run from a file. Conditions
and loops are refused: what depends on something is a line of its own.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.events.cases import Authority, ResponseType
from services.cases.domain.errors import PlaybookInvalid, PlaybookUnsupported
from services.cases.domain.repertoire import PROFILE, TASK, Deed, deed_of

SPEC_VERSION = "cacao-2.0"
MAX_PLAYBOOK_CHARACTERS = 1_048_576
MAX_STEPS = 50
DEFAULT_LIMIT_SECONDS = 14_400
"""How long a containment lasts that a playbook gives no end: four hours."""
_TYPES = {
    "remediation": ResponseType.REMEDIATE,
    "prevention": ResponseType.REMEDIATE,
    "mitigation": ResponseType.ELIMINATE,
    "attack": ResponseType.INVESTIGATE,
}
"""The response type of a person's task by the playbook's `playbook_types`; investigation where none is there."""
_OPENC2 = "openc2-http"


@dataclass(frozen=True, slots=True)
class Converted:
    """`line` is the charter's line as plain data; `notes` say where it is not quite what the playbook says."""

    line: dict[str, Any]
    notes: tuple[str, ...]


def convert(text: str, *, authority: Authority, connector: str) -> Converted:
    """The line that a playbook comes to. `authority` is what its active steps need, `connector` carries them out.

    Raises PlaybookInvalid where it is no playbook, PlaybookUnsupported for what a line cannot say.
    """
    playbook = _read(text)
    reading = _Reading(playbook, authority, connector)
    start = reading.step_at(playbook.get("workflow_start"), "workflow_start")
    reading.follow(start.get("on_completion"), ())
    if not reading.steps:
        raise PlaybookInvalid("The playbook does nothing.")
    name = str(playbook.get("name") or "playbook")
    line = {
        "id": _slug(name, "playbook"),
        "outcome": str(playbook.get("description") or name)[:2000],
        "then": {"mode": "stop", "steps": reading.steps},
    }
    return Converted(line, tuple(reading.notes))


@dataclass
class _Reading:
    playbook: Mapping[str, Any]
    authority: Authority
    connector: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _been: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def step_at(self, step_id: object, field_name: str) -> Mapping[str, Any]:
        step = self.playbook["workflow"].get(step_id) if isinstance(step_id, str) else None
        if not isinstance(step, dict):
            raise PlaybookInvalid(f"{field_name} names no step of the workflow.", metadata={"field": field_name})
        return step

    def follow(self, step_id: object, after: tuple[str, ...]) -> tuple[str, ...]:
        """Reads on from a step; what comes after the last one comes after these."""
        while step_id is not None:
            key = str(step_id)
            step = self.step_at(step_id, "on_completion")
            if step.get("type") == "end":
                return after
            if key in self._been:
                raise PlaybookUnsupported("The workflow comes back to a step.", metadata={"step": key})
            self._been.add(key)
            match step.get("type"):
                case "action":
                    after = (self._action(key, step, after),)
                case "parallel":
                    branches = step.get("next_steps")
                    if not isinstance(branches, list) or not branches:
                        raise PlaybookInvalid("A parallel step has no branches.", metadata={"step": key})
                    after = tuple(dict.fromkeys(end for branch in branches for end in self.follow(branch, after)))
                case kind:
                    raise PlaybookUnsupported(
                        f"A step of type {kind!r} has no counterpart in a charter's line; make it a line of its own.",
                        metadata={"step": key, "type": str(kind)},
                    )
            if "on_failure" in step:
                self.notes.append(f"{key}: on_failure is left out; a step that fails goes to a person at once.")
            step_id = step.get("on_completion", step.get("on_success"))
        return after

    def _action(self, key: str, step: Mapping[str, Any], after: tuple[str, ...]) -> str:
        if len(self.steps) >= MAX_STEPS:
            raise PlaybookUnsupported("The playbook has too many steps.", metadata={"limit": str(MAX_STEPS)})
        title = str(step.get("name") or step.get("description") or key)
        name = self._name(title)
        place = f"after {' and '.join(after)}" if after else "first"
        base: dict[str, Any] = {"id": name, "reason": f"The playbook has it {place}."}
        if after:
            base["after"] = list(after)
        deed = self._deed(key, step)
        self.steps.append(base | (self._task(step, title) if deed is None else self._deed_step(key, deed)))
        return name

    def _task(self, step: Mapping[str, Any], title: str) -> dict[str, Any]:
        parts = [title, str(step.get("description") or ""), *(_wording(command) for command in _commands(step))]
        kinds = self.playbook.get("playbook_types") or []
        found = next((_TYPES[kind] for kind in kinds if kind in _TYPES), ResponseType.INVESTIGATE)
        active = found is not ResponseType.INVESTIGATE
        return {
            "type": found.value,
            "do": TASK,
            "task": " — ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))[:800],
            "authority": (_of_a_person(self.authority) if active else Authority.PROVIDER).value,
        }

    def _deed_step(self, key: str, deed: Deed) -> dict[str, Any]:
        contains = deed.active and deed.reverse is not None
        step: dict[str, Any] = {
            "type": (
                ResponseType.CONTAIN
                if contains
                else ResponseType.ELIMINATE
                if deed.active
                else ResponseType.INVESTIGATE
            ).value,
            "do": deed.key,
            "on": "accounts" if deed.account else "devices",
            "authority": (self.authority if deed.active else Authority.PROVIDER).value,
            "connector": self.connector,
        }
        if contains:
            step["limit_seconds"] = DEFAULT_LIMIT_SECONDS
            self.notes.append(f"{key}: the playbook gives no end, so the effect ends after {DEFAULT_LIMIT_SECONDS} s.")
        if deed.destructive:
            step["without_evidence"] = "The playbook keeps no evidence before this step."
            self.notes.append(f"{key}: destroys volatile evidence; put a step that keeps it before, or say why not.")
        return step

    def _deed(self, key: str, step: Mapping[str, Any]) -> Deed | None:
        commands = _commands(step)
        if len(commands) != 1 or commands[0].get("type") != _OPENC2:
            return None
        deed = _openc2_deed(commands[0])
        if deed is None:
            self.notes.append(f"{key}: its OpenC2 command is not in this actuator's profile, so a person does it.")
        return deed

    def _name(self, title: str) -> str:
        slug, number = _slug(title, "step"), 1
        name = slug
        while name in self._names:
            number += 1
            name = f"{slug[:58]}-{number}"
        self._names.add(name)
        return name


def _read(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_PLAYBOOK_CHARACTERS:
        raise PlaybookInvalid("The playbook is too long.", metadata={"limit": str(MAX_PLAYBOOK_CHARACTERS)})
    try:
        playbook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlaybookInvalid("The playbook is not readable as JSON.") from error
    if not isinstance(playbook, dict) or playbook.get("type") != "playbook":
        raise PlaybookInvalid("This is no CACAO playbook.", metadata={"field": "type"})
    if playbook.get("spec_version") != SPEC_VERSION:
        raise PlaybookUnsupported(
            f"Only {SPEC_VERSION} is read.", metadata={"spec_version": str(playbook.get("spec_version"))[:40]}
        )
    if not isinstance(playbook.get("workflow"), dict):
        raise PlaybookInvalid("The playbook has no workflow.", metadata={"field": "workflow"})
    return playbook


def _commands(step: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    commands = step.get("commands")
    return [each for each in commands if isinstance(each, dict)] if isinstance(commands, list) else []


def _wording(command: Mapping[str, Any]) -> str:
    """What a person reads of a command that is not run: its words for manual ones, its kind for all others."""
    if command.get("type") == "manual":
        return str(command.get("command") or command.get("description") or "")
    return f"{command.get('description') or 'a command'} ({command.get('type')})"


def _openc2_deed(command: Mapping[str, Any]) -> Deed | None:
    """The deed of an OpenC2 command in the profile, whether its body stands in plain text or in base64."""
    try:
        body = json.loads(next(_bodies(command)))
        return deed_of(body["action"], body["args"][PROFILE]["scope"])
    except (StopIteration, ValueError, KeyError, TypeError, RecursionError):
        return None


def _bodies(command: Mapping[str, Any]) -> Iterator[bytes]:
    if isinstance(command.get("content_b64"), str):
        yield b64decode(command["content_b64"], validate=True)
    if isinstance(command.get("content"), str):
        yield command["content"].encode()


def _of_a_person(authority: Authority) -> Authority:
    """Only what a connector does can be allowed beforehand."""
    return Authority.CUSTOMER if authority is Authority.PREAUTHORISED else authority


def _slug(text: str, otherwise: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].rstrip("-")
    return slug if slug and slug[0].isalpha() else f"{otherwise}-{slug}".rstrip("-")[:63]
