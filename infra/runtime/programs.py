"""What a running system consists of: each program's command, environment, address and probe."""

import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import TypeAdapter

from infra.runtime.child import Program
from infra.runtime.databases import Databases
from infra.runtime.probes import GrpcHealth, HttpAnswer
from infra.runtime.settings import LOOPBACK, METRICS_OFFSET, SERVICES, Settings

ISSUER = "issuer"
ACTUATOR = "actuator"
LOG = "log"
"""The log's files over HTTP, served by the ledger service's process."""
INTAKE = "intake"
"""Telemetry over HTTP, taken by the detections service's process."""
ISSUER_MODULE = "infra.auth.local_issuer"
ACTUATOR_MODULE = "infra.actuator"
ISSUER_PATH = "/.well-known/openid-configuration"
ACTUATOR_PATH = "/health"
_METRICS_OF = "metrics-{}"
_PORTS = "ports.json"
_PORTS_FORMAT = TypeAdapter(dict[str, int])


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of this run, chosen before anything starts, because the programs have to know of each other."""

    of: Mapping[str, int]
    metrics: Mapping[str, int]


def choose_ports(settings: Settings) -> Ports:
    """The configured ports; where 0 is configured, the one of the last time, else any free one of loopback.

    Ports are kept, because tokens name their issuer by its address: under another port it would be another issuer.
    """
    names = (*SERVICES, ISSUER, ACTUATOR, LOG, INTAKE, *(_METRICS_OF.format(service) for service in SERVICES))
    file = settings.run_dir / _PORTS
    last: dict[str, int] = _PORTS_FORMAT.validate_json(file.read_bytes()) if file.exists() else {}
    with _Reservation() as reservation:
        chosen = {name: _configured(settings, name) or reservation.free_port(last.get(name, 0)) for name in names}
    file.write_bytes(_PORTS_FORMAT.dump_json(chosen))
    return Ports(chosen, {service: chosen[_METRICS_OF.format(service)] for service in SERVICES})


def _configured(settings: Settings, name: str) -> int:
    """The port that the settings ask for; 0: any."""
    service = name.removeprefix(_METRICS_OF.format(""))
    port = settings.port_of(service)
    return port + METRICS_OFFSET if port and service != name else port


def programs(settings: Settings, databases: Databases, ports: Ports, *, actuator: bool) -> Iterator[Program]:
    """Every program of the system in the order in which they are started and shown."""
    shared = _shared_environment(settings, ports, actuator=actuator)
    yield _web(settings, ISSUER, ISSUER_MODULE, ISSUER_PATH, ports, shared)
    web = {
        "detections": f"{settings.intake_host}:{ports.of[INTAKE]}",
        "ledger": f"{LOOPBACK}:{ports.of[LOG]}",
    }
    for service in SERVICES:
        address = f"{settings.grpc_host}:{ports.of[service]}"
        yield Program(
            name=service,
            command=_python(f"services.{service}", "serve"),
            environment=service_environment(settings, databases, ports, service, actuator=actuator),
            log_file=settings.logs_dir / f"{service}.log",
            probe=GrpcHealth(address),
            address=address,
            metrics_address=f"{LOOPBACK}:{ports.metrics[service]}",
            web_address=web.get(service, ""),
        )
    if actuator:
        yield _web(settings, ACTUATOR, ACTUATOR_MODULE, ACTUATOR_PATH, ports, shared)


def service_environment(
    settings: Settings, databases: Databases, ports: Ports, service: str, *, actuator: bool = False
) -> dict[str, str]:
    """All variables that a service's process has beside those of its machine."""
    return {
        **_shared_environment(settings, ports, actuator=actuator),
        **databases.environment(service),
        "TENET_GRPC_PORT": str(ports.of[service]),
        "TENET_METRICS_PORT": str(ports.metrics[service]),
    }


def bootstrap_command() -> Sequence[str]:
    """Prepares the provider's ledger: its issuer, its first administrator. With the environment of `tenancy`."""
    return _python("services.tenancy", "bootstrap")


def _shared_environment(settings: Settings, ports: Ports, *, actuator: bool) -> dict[str, str]:
    environment = {
        **settings.environment(),
        "TENET_SERVICES": " ".join(f"{name}={settings.grpc_host}:{ports.of[name]}" for name in SERVICES),
        "TENET_ISSUER_PORT": str(ports.of[ISSUER]),
        "TENET_ISSUER_URL": f"http://{LOOPBACK}:{ports.of[ISSUER]}",
        "TENET_INTAKE_PORT": str(ports.of[INTAKE]),
        "TENET_LOG_PORT": str(ports.of[LOG]),
        "TENET_LOG_URL": f"http://{LOOPBACK}:{ports.of[LOG]}",
        # Administrators' ways into the databases are the supervisor's alone; an empty variable counts as unset.
        "TENET_DATABASE_URL": "",
        "TENET_CELL_SERVERS": "",
    }
    if actuator:
        environment["TENET_ACTUATOR_PORT"] = str(ports.of[ACTUATOR])
        environment["TENET_ACTUATOR_URL"] = f"http://{LOOPBACK}:{ports.of[ACTUATOR]}"
    return environment


def _web(
    settings: Settings, name: str, module: str, path: str, ports: Ports, environment: Mapping[str, str]
) -> Program:
    return Program(
        name=name,
        command=_python(module),
        environment=environment,
        log_file=settings.logs_dir / f"{name}.log",
        probe=HttpAnswer(LOOPBACK, ports.of[name], path),
        address=f"{LOOPBACK}:{ports.of[name]}",
    )


def _python(module: str, *arguments: str) -> Sequence[str]:
    return [sys.executable, "-P", "-m", module, *arguments]


class _Reservation:
    """Holds the free ports that it found until all are found, so that none is given out twice."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for held in self._held:
            held.close()

    def free_port(self, wish: int) -> int:
        """The wished port if it is free, else any."""
        for port in (wish, 0):
            held = socket.socket()
            self._held.append(held)
            if port:
                # What is left of a server's last connections does not keep it from coming back to its port.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(held.getsockname()[1])
        raise OSError(f"no port of {LOOPBACK} is free")
