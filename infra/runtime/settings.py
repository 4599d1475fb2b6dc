"""Every setting of a Tenet process, read from the environment: `TENET_<NAME>`, upper case.

Nothing has to be set: the defaults run everything on one machine under `.tenet/` in the checkout. The supervisor hands
each service an environment of its own, in which `TENET_CELLS`, `TENET_FEED_CELLS` and `TENET_READ_DATABASE_URL` hold
that service's logins only. Lists are written with spaces between, lists of pairs `name=value name=value`.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = ("tenancy", "assets", "detections", "cases", "reporting", "ledger")
LOOPBACK = "127.0.0.1"
METRICS_OFFSET = 100
"""A service's `/metrics` port is its gRPC port plus this."""
ISSUER_OFFSET = 80
ACTUATOR_OFFSET = 81
LOG_OFFSET = 82
INTAKE_OFFSET = 83
MAIN_CELL = "cell-1"


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split()]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise ValueError(f"expected `name=value` pairs between spaces; {wrong[0]!r} is none")
    if len({name for name, _, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return {name: rest for name, _, rest in pairs}


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


Pairs = Annotated[Mapping[str, str], NoDecode, BeforeValidator(_pairs)]
Ports = Annotated[Mapping[str, int], NoDecode, BeforeValidator(_pairs)]
Rates = Annotated[Mapping[str, Annotated[int, Field(gt=0)]], NoDecode, BeforeValidator(_pairs)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_words)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """One process's settings. `from_env` is the usual way to make them; tests and the supervisor name them."""

    model_config = SettingsConfigDict(
        env_prefix="TENET_", frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    state: Path = CHECKOUT / ".tenet"
    """Directory of everything that this machine keeps: postgres, keys, objects, secrets, run, logs."""

    # Databases. Connection strings hold passwords: they are passed in the environment and never logged.
    database_url: str | None = None
    """A server that is there, as someone who may create roles and databases. Without it the embedded one is started."""
    cell_servers: Pairs = Field(default_factory=dict)
    """Further ledger servers, `cell-2=postgresql://…`, each as someone who may create roles and databases there."""
    cells: Pairs = Field(default_factory=dict)
    """Ledger servers by cell, as this service's login. Set by the supervisor."""
    feed_cells: Pairs = Field(default_factory=dict)
    """Ledger servers by cell, as the login that only reads entries. Set by the supervisor."""
    read_database_url: str | None = None
    """This service's read database, as its own login. Set by the supervisor."""
    postgres_port: Port = 0
    """Loopback port of the embedded server; 0: that of the last time if it is free, else any."""
    postgres_account: str | None = None
    """Account of the embedded server when Tenet runs as root; None: the first of nobody, daemon, postgres."""

    # Addresses. Everything listens on loopback unless told otherwise.
    grpc_host: str = LOOPBACK
    grpc_port: Port = 0
    """This service's gRPC port. Set by the supervisor."""
    metrics_port: Port = 0
    """This service's `/metrics` port. Set by the supervisor."""
    metrics_host: str = LOOPBACK
    """Where `/metrics` listens. Its figures are about all tenants: off loopback, let only Prometheus reach it."""
    tls_certificate: Path | None = None
    """PEM file with the certificate that this service shows and those above it; with it, it may serve a network."""
    tls_key: Path | None = None
    """PEM file with the key of that certificate."""
    tls_roots: Path | None = None
    """PEM file with the roots by which callers of the services, `tenet` too, check them. None: calls in the clear."""
    tls_client_roots: Path | None = None
    """PEM file with the roots by which this service checks its callers: who has no certificate of theirs is not heard.
    None: callers show their token only."""
    tls_client_certificate: Path | None = None
    """PEM file with the certificate that a caller, `tenet` too, shows to services that ask for one."""
    tls_client_key: Path | None = None
    """PEM file with the key of that certificate."""
    base_port: Annotated[int, Field(ge=0, le=65535 - METRICS_OFFSET - len(SERVICES))] = 7400
    """Services take this port and the following, in the order of SERVICES; 0: any free ports, written to the status."""
    ports: Ports = Field(default_factory=dict)
    """Ports that differ from that, `cases=9000 issuer=0`; 0: any free one."""
    services: Pairs = Field(default_factory=dict)
    """Addresses of the services for clients, `cases=host:port`; empty: as the supervisor's status file says."""

    # Keys, objects, authority.
    keys: Path | None = None
    objects: Path | None = None
    issuer_port: Port = 0
    """Port of the local issuer. Set by the supervisor."""
    issuer_url: str | None = None
    """Address of the local issuer as tokens name it. Set by the supervisor; None: the directory's issuers only."""
    audience: str = "tenet"
    """What a bearer token's `aud` must contain."""
    actuator_port: Port = 0
    """Port of the reference actuator. Set by the supervisor."""
    actuator_url: str | None = None
    """Where the reference actuator takes webhooks, when one runs. Set by the supervisor."""

    # Telemetry.
    intake_host: str = LOOPBACK
    intake_port: Port = 0
    """Port of the telemetry intake over HTTP. Set by the supervisor; 0: any free one."""
    intake_quotas: Rates = Field(default_factory=dict)
    """Records per second of tenants that have a quota of their own, `clinic=5000`."""

    # Intelligence.
    intelligence_credentials: Pairs = Field(default_factory=dict, repr=False)
    """What servers of intelligence ask for, by the names that schedules use: `vendor=user:password@taxii.example.com`,
    or a key, `misp=key@misp.example.com:8443`. Each is sent to the host that it names and to no other."""
    intelligence_networks: Networks = ()
    """Networks that are not public and that intelligence and feeds of vulnerabilities may be fetched from all the same,
    `10.1.2.0/24 127.0.0.1/32`.
    Without them a schedule cannot reach what only this machine or its network reaches."""
    sighting_threshold: Annotated[int, Field(ge=3, le=1_000)] = 3
    """From how many customers on others are told of a sighting. A smaller number could tell who it was."""
    sighting_interval_seconds: Annotated[int, Field(ge=1, le=604_800)] = 21_600
    """Sightings are told of by such intervals, after their end; short ones tell more of when something happened."""
    sighting_delay_seconds: Annotated[int, Field(ge=0, le=604_800)] = 3_600
    """How long after the end of an interval."""

    # The transparency log.
    log_name: str = "tenet.invalid/log"
    """Begins the origin of every tenant's log, `<log name>/<tenant>`; a name of the provider's own, for ever."""
    log: Path | None = None
    log_port: Port = 0
    """Port of the log's files over HTTP, on loopback. Set by the supervisor; 0: any free one."""
    log_url: str | None = None
    """Where the log's files are served. Set by the supervisor."""
    witnesses: Pairs = Field(default_factory=dict)
    """Outside witnesses (C2SP tlog-witness), `<verifier key>=<submission URL>`."""
    timestamp_url: str | None = None
    """An RFC 3161 authority that stamps checkpoints; None: none are stamped."""
    timestamp_roots: Path | None = None
    """PEM file of the authority's root certificates, by which its stamps are checked before they are kept."""

    # Observation.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: str | None = None
    """Base URL of an OTLP/HTTP collector, `http://127.0.0.1:4318`; None: no traces leave the process."""

    shared_data: Path = CHECKOUT.parent / "shared" / "data"
    """Recorded telemetry for trials and tests; what is not there is skipped, loudly."""

    @classmethod
    def from_env(cls) -> Self:
        """Reads the environment. Raises pydantic.ValidationError, which names what is wrong without its value."""
        return cls()

    def environment(self) -> dict[str, str]:
        """The variables that make another process read the same settings; paths are made absolute."""
        return {f"TENET_{name.upper()}": _text(value) for name, value in self if value is not None}

    @property
    def keys_dir(self) -> Path:
        return self.keys or self.state / "keys"

    @property
    def objects_dir(self) -> Path:
        return self.objects or self.state / "objects"

    @property
    def archive_dir(self) -> Path:
        """Raw telemetry by tenant and hour, apart from the objects that the ledger names."""
        return self.objects_dir.with_name("archive")

    @property
    def log_dir(self) -> Path:
        """Tiles, entry bundles, checkpoints: the transparency logs of all tenants."""
        return self.log or self.state / "log"

    @property
    def demo_state(self) -> Path:
        """Where the demonstration keeps its data, apart from a system that is in use."""
        return self.state / "demo"

    @property
    def secrets_dir(self) -> Path:
        return self.state / "secrets"

    @property
    def run_dir(self) -> Path:
        return self.state / "run"

    @property
    def logs_dir(self) -> Path:
        return self.state / "logs"

    @property
    def exports_dir(self) -> Path:
        """Where exports of ledgers are written: values that their audience may see lie there in the clear."""
        return self.state / "exports"

    @property
    def rule_cache_dir(self) -> Path:
        """What is slow to make of rules. It may be removed at any time."""
        return self.state / "rule-cache"

    @property
    def issuer_dir(self) -> Path:
        return self.state / "issuer"

    def port_of(self, name: str) -> int:
        """The port that a service, `issuer`, `actuator`, `log` or `intake` is meant to take; 0: any free one."""
        if name in self.ports:
            return self.ports[name]
        if self.base_port == 0:
            return 0
        offset = {"issuer": ISSUER_OFFSET, "actuator": ACTUATOR_OFFSET, "log": LOG_OFFSET, "intake": INTAKE_OFFSET}
        return self.base_port + (SERVICES.index(name) if name in SERVICES else offset[name])


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={rest}" for name, rest in value.items())
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value.absolute()) if isinstance(value, Path) else str(value)
