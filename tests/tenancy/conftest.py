"""Every RPC of every service, as the generated descriptors declare them."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from infra.grpc.methods import full_name_of
from infra.grpc.requests import RequestShape

GENERATED = Path(__file__).parents[2] / "contracts" / "gen"


@dataclass(frozen=True)
class Rpc:
    name: str
    shape: RequestShape
    method: MethodDescriptor


def services() -> Iterator[ServiceDescriptor]:
    for path in sorted((GENERATED / "tenet").rglob("*_pb2.py")):
        module = importlib.import_module(".".join(path.relative_to(GENERATED).with_suffix("").parts))
        yield from module.DESCRIPTOR.services_by_name.values()


def rpcs() -> list[Rpc]:
    return [
        Rpc(full_name_of(method), RequestShape.of(method.input_type), method)
        for service in services()
        for method in service.methods
    ]


@pytest.fixture(scope="session")
def every_rpc() -> list[Rpc]:
    found = rpcs()
    assert len(found) > 80, "the generated services were not found"
    return found
