"""A command reads what the command before it wrote, and nothing is lost where that cannot be kept."""

import json
import os
from pathlib import Path

import pytest

from infra.cli import memory as subject
from infra.cli.memory import Memory

SYSTEM = "cases=127.0.0.1:7443"


def test_what_one_command_heard_the_next_one_knows(tmp_path: Path) -> None:
    first = Memory(tmp_path / "state", SYSTEM)
    assert first.recall() == {}
    first.keep({"clinic": 41, "bank": 7})
    second = Memory(tmp_path / "state", SYSTEM)
    assert second.recall() == {"clinic": 41, "bank": 7}
    second.keep({"clinic": 40, "bank": 8})
    assert Memory(tmp_path / "state", SYSTEM).recall() == {"clinic": 41, "bank": 8}


def test_another_system_or_the_same_one_started_anew_is_asked_for_nothing(tmp_path: Path) -> None:
    Memory(tmp_path, SYSTEM).keep({"clinic": 41})
    assert Memory(tmp_path, f"{SYSTEM} started later").recall() == {}


def test_a_position_is_forgotten_after_a_while_also_when_it_is_read_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(subject.time, "time", lambda: now)
    Memory(tmp_path, SYSTEM).keep({"clinic": 41})
    now += subject.KEPT_SECONDS / 2
    reading = Memory(tmp_path, SYSTEM)
    reading.keep(reading.recall() | {"bank": 1})
    now += subject.KEPT_SECONDS / 2 + 1
    assert Memory(tmp_path, SYSTEM).recall() == {"bank": 1}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"clinic": 4}', '{"clinic": ["x", 1]}', '{"clinic": [1, null]}'])
def test_what_is_not_readable_is_as_if_it_were_not_there(tmp_path: Path, content: str) -> None:
    Memory(tmp_path, SYSTEM).keep({"clinic": 41})
    (kept,) = (tmp_path / "cli").iterdir()
    kept.write_text(content)
    damaged = Memory(tmp_path, SYSTEM)
    assert damaged.recall() == {}
    damaged.keep({"clinic": 42})
    assert Memory(tmp_path, SYSTEM).recall() == {"clinic": 42}


def test_where_nothing_can_be_written_commands_work_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Memory(tmp_path / "file" / "state", SYSTEM).keep({"clinic": 41})
    assert Memory(tmp_path / "file" / "state", SYSTEM).recall() == {}


def test_no_more_is_kept_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_KEPT", 2)
    Memory(tmp_path, SYSTEM).keep({f"tenant-{number}": number for number in range(5)})
    (kept,) = (tmp_path / "cli").iterdir()
    assert list(json.loads(kept.read_text())) == ["tenant-3", "tenant-4"]


def test_files_of_systems_that_are_gone_do_not_gather(tmp_path: Path) -> None:
    Memory(tmp_path, f"{SYSTEM} of last week").keep({"clinic": 41})
    (old,) = (tmp_path / "cli").iterdir()
    os.utime(old, (0, 0))
    Memory(tmp_path, SYSTEM).keep({"clinic": 1})
    assert not old.exists()
    assert Memory(tmp_path, SYSTEM).recall() == {"clinic": 1}
