"""What is deployed names programs, settings and figures that exist, and its files can be read."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.runtime.settings import CHECKOUT, METRICS_OFFSET, SERVICES, Settings
from infra.runtime.start import environment_of
from services.tenancy.config import TenancyConfig

DEPLOY = CHECKOUT / "infra" / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
CHART = DEPLOY / "helm" / "tenet"
ALERTS = DEPLOY / "observability" / "alerts.yaml"
DASHBOARD = DEPLOY / "observability" / "dashboard.json"
TEMPLATES = sorted((CHART / "templates").glob("*.*"))
_ACTION = re.compile(r"{{-?.*?-?}}", re.DOTALL)
_METRIC = re.compile(r"\btenet_[a-z_]+\b")
_DECLARED = re.compile(r"\b(Counter|Gauge|Histogram)\(\s*\"(tenet_[a-z_]+)\"")


def known_settings() -> set[str]:
    prefixes = {"TENET_": Settings, "TENET_TENANCY_": TenancyConfig}
    return {f"{prefix}{name.upper()}" for prefix, kind in prefixes.items() for name in kind.model_fields}


def exposed_metrics() -> set[str]:
    """The series' names, as the sources declare the figures: a histogram is three of them."""
    names: set[str] = set()
    for room in ("infra", "services"):
        for path in (CHECKOUT / room).rglob("*.py"):
            for kind, name in _DECLARED.findall(path.read_text()):
                ends = ("_bucket", "_sum", "_count") if kind == "Histogram" else ("",)
                names.update(f"{name}{end}" for end in ends)
    return names


def ports() -> dict[str, int]:
    return {service: Settings().port_of(service) for service in SERVICES}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return loaded


def strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for item in node.values():
            yield from strings(item)
    elif isinstance(node, list):
        for item in node:
            yield from strings(item)


@pytest.mark.parametrize("path", [COMPOSE, *TEMPLATES], ids=lambda path: path.name)
def test_every_setting_that_is_set_exists(path: Path) -> None:
    named = set(re.findall(r"\bTENET_[A-Z_]+\b", path.read_text()))
    assert named <= known_settings()


def test_compose_starts_every_service_on_its_port_and_asks_for_its_health() -> None:
    services = compose()["services"]
    for service, port in ports().items():
        assert services[service]["command"] == ["infra.runtime.start", service]
        assert services[service]["environment"]["TENET_GRPC_PORT"] == str(port)
        assert services[service]["healthcheck"]["test"][-1] == "infra.runtime.health"
        assert f"{service}=127.0.0.1:{port}" in services[service]["environment"]["TENET_SERVICES"]
    for name, each in services.items():
        if "command" in each and each["image"].startswith("tenet:"):
            assert importlib.util.find_spec(each["command"][0]) is not None, name
            assert each["read_only"]
            assert each["cap_drop"] == ["ALL"]


def test_only_the_migration_is_given_the_administrators_password() -> None:
    holders = {
        name
        for name, each in compose()["services"].items()
        if any("POSTGRES_PASSWORD" in text for text in (*strings(each), *each.get("environment", {})))
    }
    assert holders == {"postgres", "migrate"}
    for template in TEMPLATES:
        assert template.read_text().count("administratorSecret") == (1 if template.name == "preparation.yaml" else 0)


def test_the_image_runs_without_root_and_holds_what_it_starts() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert any(re.fullmatch(r"USER [1-9]\d+:[1-9]\d+", line) for line in lines)
    assert not [line for line in lines if line.startswith("FROM") and "/" in line.split()[1]]
    copied = {line.split()[1] for line in lines if line.startswith("COPY") and not line.startswith("COPY --from")}
    assert all((CHECKOUT / each).exists() for each in copied)
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept


def test_the_chart_serves_every_service_on_its_port() -> None:
    assert {name: each["port"] for name, each in values()["services"].items()} == ports()
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["name"] == "tenet"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_asks_for_values_that_there_are_and_ends_what_it_begins(path: Path) -> None:
    text = path.read_text()
    for place in re.findall(r"(?<!\w)\$?\.Values\.([A-Za-z.]+)", text):
        node: Any = values()
        for part in place.split("."):
            assert part in node, place
            node = node[part]
    actions = [action.strip("{}- ") for action in _ACTION.findall(text)]
    begun = [action for action in actions if action.split()[0] in ("range", "if", "with", "define")]
    assert len(begun) == actions.count("end")
    assert _ACTION.sub("", text).count("{{") == 0


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.suffix == ".yaml"], ids=lambda path: path.name)
def test_a_template_is_kubernetes_once_its_actions_are_filled_in(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not re.fullmatch(r"\s*{{-?.*}}\s*", line)]
    documents = [each for each in yaml.safe_load_all(_ACTION.sub("filled", "\n".join(lines))) if each]
    assert documents
    assert all({"apiVersion", "kind", "metadata", "spec"} <= each.keys() for each in documents)
    for each in documents:
        if each["kind"] in ("Deployment", "Job"):
            pod = each["spec"]["template"]["spec"]
            assert pod["automountServiceAccountToken"] is False
            for container in (*pod.get("initContainers", []), *pod["containers"]):
                assert importlib.util.find_spec(container["args"][0]) is not None


def test_alerts_and_dashboard_ask_for_figures_that_services_expose() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(asked) > 30
    named = {name for expression in asked for name in _METRIC.findall(expression)}
    assert named <= exposed_metrics()
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_a_started_service_has_its_own_logins_and_no_way_in_as_administrator(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for login in ("tenet_cases", "tenet_projector"):
        (secrets / login).write_text(f"password-of-{login}")
    environment = environment_of(Settings(state=tmp_path), "cases", "postgresql://db.example:5432/")
    assert "password-of-tenet_cases" in environment["TENET_CELLS"]
    assert "db.example" in environment["TENET_READ_DATABASE_URL"]
    assert "password-of-tenet_projector" in environment["TENET_FEED_CELLS"]
    assert environment["TENET_DATABASE_URL"] == ""
    assert int(environment["TENET_METRICS_PORT"]) == int(environment["TENET_GRPC_PORT"]) + METRICS_OFFSET
    assert {path.name for path in secrets.iterdir()} == {"tenet_cases", "tenet_projector"}


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("cases", "bootstrap")])
def test_what_cannot_be_started_is_said(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-P", "-m", "infra.runtime.start", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=CHECKOUT)
    assert ended.returncode != 0
    assert "usage" in ended.stderr
