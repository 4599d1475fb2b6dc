"""What people meet at the edges: help, wrong usage, nothing running, a server that refuses."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import typer
from typer.testing import CliRunner

from contracts.errors import FieldViolation
from infra.cli import connection
from infra.cli.__main__ import app
from infra.cli.connection import addresses_of, endpoints
from infra.cli.demo import footprint
from infra.cli.demo.storage import demo_settings, make_fresh
from infra.cli.problems import Problem, UsageProblem, run
from infra.grpc.status import RemoteError
from infra.runtime.settings import SERVICES, Settings
from infra.runtime.status import supervising

runner = CliRunner()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TENET_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("TENET_ENDPOINTS", "TENET_TOKEN", "TENET_API_KEY", "TENET_SERVICES"):
        monkeypatch.delenv(name, raising=False)


def every_command(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    commands = getattr(group, "commands", None)
    if commands is None:
        yield path
        return
    for name, command in commands.items():
        yield from every_command(command, (*path, name))


COMMANDS = sorted(every_command(typer.main.get_command(app)))


def test_every_group_of_people_has_its_commands() -> None:
    wanted = {"up", "down", "status", "migrate", "demo", "test", "ingest", "queue", "whoami"}
    groups = {"tenant", "principal", "grant", "key", "rules", "asset", "sensor", "detection", "finding", "case"}
    further = {"plan", "action", "notice", "enquiry", "charter", "report", "ledger", "access", "operations"}
    assert {(name,) for name in wanted} <= set(COMMANDS)
    assert groups | further <= {path[0] for path in COMMANDS}


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != ("test",)], ids=" ".join)
def test_what_a_command_takes_is_named_in_capitals_as_the_usage_of_all_commands_has_it(path: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]  # A group on the way to the command.
    shown = [each.metavar or each.name or "" for each in command.params if each.param_type_name == "argument"]
    assert shown == [name.upper() for name in shown]


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != ("test",)], ids=" ".join)
def test_every_command_explains_itself_within_a_hundred_columns(path: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100
    assert "Usage:" in result.output


def test_a_command_without_a_system_says_so_in_one_line_with_a_hint() -> None:
    result = runner.invoke(app, ["queue", "--as", "ana"])
    assert result.exit_code == 1
    first, hint = result.stderr.strip().splitlines()
    assert first.startswith("NOTHING_RUNS: No Tenet runs on")
    assert hint.strip().startswith("Hint: ./tenet up")
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["case", "show"],
        ["queue", "--min-severity", "9"],
        ["ingest", "-t", "clinic", "x.json", "--format", "nonsense"],
        ["demo", "--from", "not-there.json"],
        ["demo", "stray.json"],
    ],
)
def test_wrong_usage_ends_with_two_and_no_traceback(arguments: list[str]) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_name_needs_the_local_issuer_of_this_machine() -> None:
    result = runner.invoke(app, ["queue", "--as", "ana", "--server", "tenet.example:7400"])
    assert result.exit_code == 1
    assert result.stderr.startswith("NO_LOCAL_ISSUER:")


def test_endpoints_are_one_address_or_pairs() -> None:
    assert endpoints("tenet.example:7400") == dict.fromkeys(SERVICES, "tenet.example:7400")
    assert endpoints("cases=a:1 ledger=b:2") == {"cases": "a:1", "ledger": "b:2"}
    for wrong in ("case=a:1 ledger=b:2", "cases=a ledger=b:2"):
        with pytest.raises(UsageProblem, match="no service with an address"):
            endpoints(wrong)
    assert addresses_of(None) == {}


def test_a_tenants_identifier_is_checked_before_anything_is_asked() -> None:
    assert connection.tenant("clinic") == "clinic"
    with pytest.raises(UsageProblem, match="not a tenant's identifier"):
        connection.tenant("The Clinic")


def test_a_refusal_shows_its_reason_its_places_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    async def refused() -> None:
        raise RemoteError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "The notice lacks options.",
            reason="NOTICE_INCOMPLETE",
            violations=(FieldViolation("options", "is required"),),
        )

    with pytest.raises(typer.Exit) as caught:
        run(refused)
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err.splitlines() == [
        "NOTICE_INCOMPLETE: The notice lacks options.",
        "  options: is required",
        "  Hint: ./tenet notice send --help names every field.",
    ]


def test_a_server_that_does_not_answer_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    async def silent() -> None:
        raise RemoteError(grpc.StatusCode.UNAVAILABLE, "connection refused")

    with pytest.raises(typer.Exit):
        run(silent)
    shown = capsys.readouterr().err
    assert shown.startswith("UNAVAILABLE: connection refused")
    assert "./tenet status" in shown


def test_the_demonstration_replaces_its_own_data_and_nothing_else(tmp_path: Path) -> None:
    settings = demo_settings(Settings(state=tmp_path / "state"))
    (settings.state / "objects").mkdir(parents=True)
    (tmp_path / "state" / "keys").mkdir()
    assert make_fresh(settings)
    assert not settings.state.exists()
    assert (tmp_path / "state" / "keys").exists()
    assert not make_fresh(settings)


def test_a_demonstration_that_runs_is_not_taken_away(tmp_path: Path) -> None:
    settings = demo_settings(Settings(state=tmp_path / "state"))
    with supervising(settings.run_dir), pytest.raises(Problem, match="A demonstration runs"):
        make_fresh(settings)
    assert settings.state.exists()


def test_up_with_demo_says_that_there_is_none_yet() -> None:
    result = runner.invoke(app, ["up", "--demo"])
    assert result.exit_code == 1
    assert "./tenet demo plays it first" in result.stderr


def test_memory_is_counted_over_the_whole_family() -> None:
    assert footprint.resident_bytes() > 10 * 1024 * 1024
