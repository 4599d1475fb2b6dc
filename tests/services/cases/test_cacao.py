"""CACAO 2.0 playbooks become lines of a charter that a customer can approve; what a line cannot say is refused."""

import json
from base64 import b64encode
from typing import Any

import pytest
import yaml

from contracts.events.cases import Authority, ResponseType
from services.cases.domain.cacao import MAX_STEPS, convert
from services.cases.domain.charter import read_charter
from services.cases.domain.charter_check import contradictions
from services.cases.domain.errors import PlaybookInvalid, PlaybookUnsupported


def openc2(action: str, scope: str) -> dict[str, Any]:
    body = json.dumps(
        {"action": action, "target": {"device": {"device_id": "x"}}, "args": {"x-tenet": {"scope": scope}}}
    )
    return {"type": "openc2-http", "content_b64": b64encode(body.encode()).decode()}


def action(name: str, then: str, *commands: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "action", "name": name, "commands": list(commands), "on_completion": then} | more


def playbook(**workflow: dict[str, Any]) -> str:
    steps = {"start--1": {"type": "start", "on_completion": next(iter(workflow))}, "end--1": {"type": "end"}} | workflow
    return json.dumps(
        {
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": "playbook--61a6c41e-6efc-4516-a242-dfbc5c89d562",
            "name": "Stop what encrypts",
            "playbook_types": ["mitigation"],
            "workflow_start": "start--1",
            "workflow": steps,
        }
    )


def line(text: str, authority: Authority = Authority.CUSTOMER) -> Any:
    return convert(text, authority=authority, connector="edr")


MANUAL = {"type": "manual", "command": "Call the owner of the machine"}
WHOLE = playbook(
    a=action("Keep the memory", "p", openc2("copy", "evidence")),
    p={"type": "parallel", "next_steps": ["b", "c"], "on_completion": "d"},
    b=action("Isolate", "end--1", openc2("contain", "network"), on_failure="end--1"),
    c=action("Call", "end--1", MANUAL),
    d=action("Rebuild", "end--1", {"type": "bash", "command": "rm -rf /"}),
)


def test_a_playbook_becomes_a_line_that_a_charter_accepts() -> None:
    converted = line(WHOLE)
    charter = {"charter": "1", "title": "T", "time_zone": "UTC", "lines": [converted.line]}
    read = read_charter(yaml.safe_dump(charter))
    assert contradictions(read, ["edr"]) == ()
    (found,) = read.lines
    steps = {step.id: step for step in found.then.steps}
    assert steps["keep-the-memory"].do == "copy evidence"
    assert steps["isolate"].type is ResponseType.CONTAIN
    assert steps["isolate"].after == ("keep-the-memory",)
    assert steps["call"].task == "Call — Call the owner of the machine"
    assert set(steps["rebuild"].after) == {"isolate", "call"}
    assert {step.authority for step in found.then.steps if step.do != "copy evidence"} == {Authority.CUSTOMER}
    assert any("on_failure" in note for note in converted.notes)


def test_no_command_of_a_playbook_is_ever_run() -> None:
    (step,) = line(playbook(a=action("Clean", "end--1", {"type": "bash", "command": "rm -rf /"}))).line["then"]["steps"]
    assert step["do"] == "task"
    assert "connector" not in step
    assert "rm -rf" not in step["task"]


def test_an_openc2_command_outside_the_profile_is_given_to_a_person_and_said() -> None:
    converted = line(playbook(a=action("Detonate", "end--1", openc2("detonate", "everything"))))
    assert converted.line["then"]["steps"][0]["do"] == "task"
    assert any("profile" in note for note in converted.notes)


def test_a_preauthorised_playbook_preauthorises_what_connectors_do_and_no_more() -> None:
    text = playbook(a=action("Isolate", "b", openc2("contain", "network")), b=action("Call", "end--1", MANUAL))
    first, second = line(text, Authority.PREAUTHORISED).line["then"]["steps"]
    assert (first["authority"], second["authority"]) == ("preauthorised", "customer")


@pytest.mark.parametrize("kind", ["if-condition", "while-condition", "switch-condition", "playbook-action", None])
def test_what_a_line_cannot_say_is_refused_by_step(kind: str | None) -> None:
    with pytest.raises(PlaybookUnsupported) as refused:
        line(playbook(a={"type": kind, "on_true": "end--1"}))
    assert refused.value.metadata["step"] == "a"


def test_a_workflow_that_runs_in_a_circle_is_refused() -> None:
    with pytest.raises(PlaybookUnsupported, match="comes back"):
        line(playbook(a=action("A", "b"), b=action("B", "a")))


def test_a_circle_of_parallel_steps_is_refused() -> None:
    with pytest.raises((PlaybookUnsupported, PlaybookInvalid)):
        line(playbook(a={"type": "parallel", "next_steps": ["a"], "on_completion": "end--1"}))


def test_a_playbook_of_too_many_steps_is_refused() -> None:
    many = {f"s{i}": action(f"S {i}", f"s{i + 1}") for i in range(MAX_STEPS + 1)}
    with pytest.raises(PlaybookUnsupported, match="too many"):
        line(playbook(**many, **{f"s{MAX_STEPS + 1}": {"type": "end"}}))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[" * 100_000, '{"type": "playbook", "spec_version": "cacao-2.0"}',
        '{"type": "playbook", "spec_version": "cacao-2.0", "workflow": {}}',
        '{"type": "playbook", "spec_version": "cacao-2.0", "workflow": {}, "workflow_start": ["x"]}',
        playbook(a=action("A", "nowhere")),
        playbook(a={"type": "parallel", "next_steps": "b"}),
    ],
)  # fmt: skip
def test_what_is_no_playbook_is_refused(text: str) -> None:
    with pytest.raises(PlaybookInvalid):
        line(text)


def test_another_version_of_the_format_is_refused() -> None:
    with pytest.raises(PlaybookUnsupported):
        line(WHOLE.replace("cacao-2.0", "cacao-1.1"))
