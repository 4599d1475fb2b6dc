"""Settings come from the environment, say what is wrong with it, and reach other processes unchanged."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.runtime.secret_files import secret
from infra.runtime.settings import SERVICES, Settings


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TENET_{name.upper()}", raising=False)


def test_nothing_has_to_be_set() -> None:
    settings = Settings.from_env()
    assert settings.database_url is None
    assert settings.grpc_host == "127.0.0.1"
    assert [settings.port_of(service) for service in SERVICES] == list(range(7400, 7406))
    assert settings.port_of("issuer") not in range(7400, 7406)


def test_pairs_are_read_and_a_connection_string_may_hold_equals_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENET_CELLS", "cell-1=postgresql:///?host=/a&port=1 cell-2=postgresql://b/c?sslmode=require")
    monkeypatch.setenv("TENET_PORTS", "cases=9000 issuer=0")
    settings = Settings.from_env()
    assert settings.cells == {
        "cell-1": "postgresql:///?host=/a&port=1",
        "cell-2": "postgresql://b/c?sslmode=require",
    }
    assert (settings.port_of("cases"), settings.port_of("issuer"), settings.port_of("tenancy")) == (9000, 0, 7400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENET_GRPC_PORT", "70000"),
        ("TENET_BASE_PORT", "http"),
        ("TENET_CELLS", "nonsense"),
        ("TENET_CELLS", "a=1 a=2"),
        ("TENET_LOG_LEVEL", "loud"),
        ("TENET_INTELLIGENCE_NETWORKS", "10.1.2.3/8"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refusal:
        Settings.from_env()
    assert f"TENET_{refusal.value.errors()[0]['loc'][0]}".upper() == name


def test_the_message_about_a_wrong_variable_does_not_repeat_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENET_CELLS", "cell-1=postgresql://u:hunter2@h/d cell-1=postgresql://u:hunter3@h/d")
    with pytest.raises(ValidationError) as refusal:
        Settings.from_env()
    assert "hunter" not in str(refusal.value)


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = Settings(
        state=tmp_path,
        base_port=0,
        ports={"cases": 9000},
        cell_servers={"cell-2": "postgresql://h/d"},
        intelligence_networks=(ip_network("10.1.2.0/24"), ip_network("fd00::/8")),
    )
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env() == made


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = secret(tmp_path / "secrets", "tenet_cases")
    assert secret(tmp_path / "secrets", "tenet_cases") == first
    assert secret(tmp_path / "secrets", "tenet_assets") != first
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert (tmp_path / "secrets" / "tenet_cases").stat().st_mode & 0o077 == 0
