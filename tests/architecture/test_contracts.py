"""Every event has an owner, a frozen schema and a sample; every RPC has a rule and a servicer that bears its name."""

import ast
import json
import re

import pytest

from contracts.canonical import decode, encode
from contracts.events.base import EVENT_CLASSES, Event, decode_payload
from contracts.freeze import SAMPLES, SCHEMAS, sample_path, schema_path
from contracts.ids import category_of
from infra.auth.authorisation import RULES
from infra.runtime.databases import LOGINS
from infra.runtime.settings import CHECKOUT
from tests.architecture.tree import SERVICE_NAMES, python_files

PROTOS = CHECKOUT / "contracts" / "proto" / "tenet"
_PACKAGE = re.compile(r"^package ([a-z0-9_.]+);", re.MULTILINE)
_SERVICE = re.compile(r"^service (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_RPC = re.compile(r"^  rpc (\w+)\(", re.MULTILINE)


def versions() -> list[tuple[type[Event], int]]:
    return [(cls, version) for cls in EVENT_CLASSES.values() for version in range(1, cls.VERSION + 1)]


def declared_rpcs() -> dict[str, str]:
    """Full name of every RPC to its service's folder, by the text of the contracts, not by generated code."""
    found: dict[str, str] = {}
    for path in sorted(PROTOS.rglob("*.proto")):
        text = path.read_text()
        package = _PACKAGE.search(text)
        assert package, path
        for service, body in _SERVICE.findall(text):
            found |= {f"/{package[1]}.{service}/{rpc}": package[1].split(".")[1] for rpc in _RPC.findall(body)}
    return found


def test_exactly_one_service_may_append_an_event() -> None:
    owners = {category: login.login for login in LOGINS for category in login.categories}
    for topic, cls in EVENT_CLASSES.items():
        service = topic.split(".")[1]
        assert service in SERVICE_NAMES, topic
        assert owners[cls.CATEGORY] == f"tenet_{service}", topic
    assert sum(len(login.categories) for login in LOGINS) == len(owners), "two logins may append the same category"


@pytest.mark.parametrize(("cls", "version"), versions(), ids=lambda value: getattr(value, "TOPIC", str(value)))
def test_an_event_has_a_frozen_schema_and_a_sample_of_every_version_that_still_decodes(
    cls: type[Event], version: int
) -> None:
    schema = schema_path(cls).with_name(f"{cls.__name__}.v{version}.json")
    assert json.loads(schema.read_text())["$id"] == f"{cls.TOPIC}.v{version}"
    stored = sample_path(cls, version).read_bytes()
    entry = decode(stored)
    assert encode(entry) == stored, "a sample is kept byte for byte as a ledger stores it"
    assert (entry["type"], entry["schema"], category_of(entry["stream"])) == (cls.TOPIC, version, cls.CATEGORY)
    assert isinstance(decode_payload(cls.TOPIC, version, entry["data"]), cls)


def test_no_schema_or_sample_lies_about_without_its_event() -> None:
    expected = {f"{cls.TOPIC.split('.')[1]}/{cls.__name__}.v{version}.json" for cls, version in versions()}
    for folder in (SCHEMAS, SAMPLES):
        assert {str(path.relative_to(folder)) for path in folder.rglob("*.json")} == expected, folder


def test_every_rpc_of_the_contracts_is_in_the_authorisation_table() -> None:
    declared = declared_rpcs()
    assert len(declared) > 80
    assert set(declared) == set(RULES)


def test_an_rpc_has_a_servicer_method_of_its_own_name() -> None:
    rooms = {service: f"services/{service}/servicer" for service in SERVICE_NAMES} | {"operations": "infra/hosting"}
    methods: dict[str, set[str]] = {service: set() for service in rooms}
    for service, room in rooms.items():
        for path in python_files(room):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.AsyncFunctionDef):
                    methods[service].add(node.name)
    missing = {rpc for rpc, service in declared_rpcs().items() if rpc.rpartition("/")[2] not in methods[service]}
    assert missing == set()
