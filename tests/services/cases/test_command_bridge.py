"""An operator's own programs as a connector: listed ones only, no shell, bounded in time and output."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.cases.config import CommandBridgeConfig
from services.cases.connectors.command_bridge import CommandBridge
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, NotSeen, Order, Refused, Unknown

ORDER = Order("action-1", "clinic", "contain", "network", "host-1", False, datetime(2026, 11, 24, tzinfo=UTC))

OBEDIENT = """
import json, os, sys
order = json.load(sys.stdin)
kept = sys.argv[1]
if order["action"] == "query":
    known = os.path.exists(os.path.join(kept, order["target"]["x-tenet:command"]["command_id"]))
    print(json.dumps({"status": 200 if known else 404}))
else:
    with open(os.path.join(kept, order["command_id"]), "w") as file:
        file.write(order["target"]["device"]["device_id"])
    print(json.dumps({"status": 200, "results": {"x-tenet": {"receipt": "kept"}}}))
"""
LOOKING = """
import json, os, sys
assert json.load(sys.stdin)["target"] == "host-1"
print(json.dumps({"network": "isolated", "as": os.environ.get("READING", ""), "home": os.environ.get("HOME", "none")}))
"""


def program(directory: Path, name: str, source: str) -> str:
    path = directory / name
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o700)
    return str(path)


def bridge(directory: Path, acting: str = OBEDIENT, **changes: Any) -> CommandBridge:
    act = program(directory, "act", acting)
    fields: dict[str, Any] = {
        "name": "scripts",
        "programs": {"contain network": {"argv": [act, str(directory)]}},
        "query": {"argv": [program(directory, "ask", OBEDIENT), str(directory)]},
        "read_back": {"argv": [program(directory, "look", LOOKING)], "environment": {"READING": "another credential"}},
        "timeout_seconds": 5.0,
    }
    return CommandBridge(CommandBridgeConfig.model_validate(fields | changes))


async def test_a_listed_program_gets_the_order_and_its_answer_counts(tmp_path: Path) -> None:
    connector = bridge(tmp_path)
    assert await connector.healthy()
    assert await connector.find(ORDER) == NotSeen()
    assert await connector.send(ORDER) == Acknowledged("kept")
    assert await connector.find(ORDER) == Acknowledged("")
    assert (tmp_path / "action-1").read_text() == "host-1"


async def test_a_program_sees_its_own_environment_and_nothing_of_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/root")
    seen = await bridge(tmp_path).read_back("host-1")
    assert seen == {"network": "isolated", "as": "another credential", "home": "none"}


async def test_what_names_a_target_never_becomes_a_part_of_a_command(tmp_path: Path) -> None:
    evil = Order("action-1", "clinic", "contain", "network", "host; touch /tmp/x $(id) `id`", False, None)
    assert isinstance(await bridge(tmp_path).send(evil), Acknowledged)
    assert (tmp_path / "action-1").read_text() == evil.target


async def test_an_action_that_is_not_listed_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    order = Order("action-1", "clinic", "stop", "device", "host-1", False, None)
    assert await bridge(tmp_path).send(order) == Refused("NOT_ALLOWED", "No program is listed for this action.")
    assert not (tmp_path / "action-1").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import time; time.sleep(60)", "TIME_LIMIT"),
        ("print('x' * 1_000_000)", "ANSWER_TOO_LONG"),
        ("print('not json')", "UNINTELLIGIBLE"),
        ("print('{\"status\": 200}'); raise SystemExit(3)", "EXIT_3"),
        ("print('{\"status\": 500}')", "STATUS_500"),
        # A child that lives on and holds the output open is ended with its parent.
        ("import os, time; os.fork() or time.sleep(60)", "TIME_LIMIT"),
    ],
)
async def test_a_program_that_misbehaves_leaves_the_outcome_unknown(tmp_path: Path, source: str, reason: str) -> None:
    assert await bridge(tmp_path, source, timeout_seconds=0.5).send(ORDER) == Unknown(reason)


async def test_a_program_that_cannot_be_started_has_changed_nothing(tmp_path: Path) -> None:
    connector = bridge(tmp_path)
    for name in ("act", "ask"):
        (tmp_path / name).write_text("#!/no/such/interpreter\n")
    assert isinstance(await connector.send(ORDER), Refused)
    assert await connector.find(ORDER) == Unknown("NOT_STARTED")


def test_a_program_that_others_may_alter_is_not_taken(tmp_path: Path) -> None:
    open_to_all = program(tmp_path, "open", OBEDIENT)
    Path(open_to_all).chmod(0o777)
    with pytest.raises(ConnectorMisconfigured, match="others may alter"):
        bridge(tmp_path, query={"argv": [open_to_all]})
    with pytest.raises(ConnectorMisconfigured, match="full path"):
        bridge(tmp_path, query={"argv": ["python3"]})
    with pytest.raises(ConnectorMisconfigured, match="cannot be found"):
        bridge(tmp_path, query={"argv": [str(tmp_path / "absent")]})
    with pytest.raises(ConnectorMisconfigured, match="do not exist"):
        bridge(tmp_path, programs={"format disk": {"argv": [program(tmp_path, "act", OBEDIENT)]}})
