"""Discovery: which hosts telemetry names, and which of them are recorded as new. One stream per tenant.

A host speaks where a record is about it: the machine that wrote the record, or the one that a flow began at. Whom a
flow went to need not be there, since a scan names every address of a network. Names of services in the cloud are no
hosts, and an address counts only where it is of a private network, because all others belong to somebody else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.discovery import DiscoveryBound, DiscoveryBounded, HostDiscovered
from contracts.ids import TenantId, derive_id
from services.detections.config import MAX_HOST_NAME_CHARACTERS, MAX_HOSTS_DISCOVERED, MAX_HOSTS_DISCOVERED_PER_DAY
from services.detections.domain.commands import DiscoverHosts
from services.detections.domain.formats.json_values import text_of
from services.detections.domain.formats.records import Record, Source
from services.detections.domain.grouping import BlindIndex
from services.detections.domain.intelligence.observables import address_of

CATEGORY = "discovery"
DiscoveryEvent = HostDiscovered | DiscoveryBounded

_OWN = frozenset(
    {Source.WINDOWS, Source.AUDITD, Source.SYSLOG, Source.WAZUH, Source.AIT, Source.OCSF, Source.MAPPED, Source.GENERIC}
)
"""Sources whose host and address are those of the machine that a record is about."""
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_NO_NAMES = frozenset({"", "-", "localhost", "localhost.localdomain", "unknown", "none", "(none)", "null"})
_REMEMBERED_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class NamedHost:
    """A host as records name it; name or address may be empty, not both."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Host:
    """The same with its identity: `host_id`, and the blind indexes under which an asset would be this host."""

    named: NamedHost
    source: str
    host_id: str
    subject: str
    name_indexes: tuple[str, ...]
    address_index: str | None

    @property
    def indexes(self) -> tuple[str, ...]:
        return self.name_indexes if self.address_index is None else (*self.name_indexes, self.address_index)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The hosts that were recorded, how many of them on `day`, and the day and the bounds that were told of."""

    known: frozenset[str] = field(default=frozenset())
    day: date = date.min
    on_day: int = 0
    bounded_on: str = ""
    full: bool = False


def stream_of(tenant_id: TenantId) -> str:
    """A tenant has one stream of discoveries, so that each host is recorded once and a day's number holds."""
    return derive_id(CATEGORY, tenant_id)


def initial() -> Discovery:
    return Discovery()


def evolve(state: Discovery, recorded: Recorded[DiscoveryEvent]) -> Discovery:
    match recorded.event:
        case HostDiscovered() as event:
            day = recorded.recorded_at.astimezone(UTC).date()
            on_day = state.on_day + 1 if day == state.day else 1
            return Discovery(state.known | {event.host_id}, day, on_day, state.bounded_on, state.full)
        case DiscoveryBounded(bound=DiscoveryBound.TENANT):
            return Discovery(state.known, state.day, state.on_day, state.bounded_on, full=True)
        case DiscoveryBounded() as event:
            return Discovery(state.known, state.day, state.on_day, event.day, state.full)
        case event:
            assert_never(event)


def named_in(record: Record) -> Iterator[NamedHost]:
    """The hosts that speak in a record, each with a name, an address of a private network, or both."""
    fields = record.fields
    if record.source in _OWN:
        yield from _named(record.host, record.address)
    elif record.source is Source.ZEEK:
        yield from _named("", record.address)
    elif record.source is Source.SURICATA:
        yield from _named(record.host, "")
        yield from _named("", text_of(fields.get("src_ip")))
    elif record.source is Source.CEF:
        yield from _named(text_of(fields.get("dvchost")), text_of(fields.get("dvc")))
        yield from _named(text_of(fields.get("shost")), text_of(fields.get("src")))


def host_of(tenant_id: TenantId, named: NamedHost, source: str, index: BlindIndex) -> Host:
    """A host with a name is known by it, so that another address does not make it another host."""
    short = named.name.partition(".")[0]
    names = tuple(dict.fromkeys(index.name(name) for name in (named.name, short) if name))
    address = index.address(named.address) if named.address else None
    own = names[0] if names else address or ""
    return Host(named, source, derive_id("host", tenant_id, own), derive_id("subject", own), names, address)


def discover(state: Discovery, command: DiscoverHosts, hosts: Sequence[Host], now: datetime) -> list[DiscoveryEvent]:
    """Those of the hosts that were never recorded, as far as the limits of the day and of the tenant go."""
    today = now.astimezone(UTC).date()
    room_today, room_at_all = _room(state, today)
    new = list({host.host_id: host for host in hosts if host.host_id not in state.known}.values())
    events: list[DiscoveryEvent] = [_discovered(host, command) for host in new[: max(0, min(room_today, room_at_all))]]
    if len(new) > room_at_all and not state.full:
        events.append(_bounded(DiscoveryBound.TENANT, today, MAX_HOSTS_DISCOVERED, command))
    elif room_at_all >= len(new) > room_today and state.bounded_on != today.isoformat():
        events.append(_bounded(DiscoveryBound.DAY, today, MAX_HOSTS_DISCOVERED_PER_DAY, command))
    return events


def is_closed(state: Discovery, now: datetime) -> bool:
    """Whether nothing more is recorded today, and it is on record that there was more."""
    today = now.astimezone(UTC).date()
    room_today, room_at_all = _room(state, today)
    return (room_at_all <= 0 and state.full) or (room_today <= 0 and state.bounded_on == today.isoformat())


def _room(state: Discovery, today: date) -> tuple[int, int]:
    """How many hosts more are recorded today, and how many at all."""
    on_day = state.on_day if state.day == today else 0
    return MAX_HOSTS_DISCOVERED_PER_DAY - on_day, MAX_HOSTS_DISCOVERED - len(state.known)


def _discovered(host: Host, command: DiscoverHosts) -> HostDiscovered:
    named = host.named
    return HostDiscovered(
        host_id=host.host_id,
        name=Sealed.of(named.name, subject=host.subject) if named.name else None,
        address=Sealed.of(named.address, subject=host.subject) if named.address else None,
        name_indexes=host.name_indexes,
        address_index=host.address_index,
        sensor_id=command.sensor_id,
        source=host.source,
        batch_position=command.batch_position,
    )


def _bounded(bound: DiscoveryBound, today: date, limit: int, command: DiscoverHosts) -> DiscoveryBounded:
    return DiscoveryBounded(bound=bound, day=today.isoformat(), limit=limit, batch_position=command.batch_position)


def _named(name: str, address: str) -> Iterator[NamedHost]:
    """A name that is an address counts as one."""
    known = _name(name)
    private = _private(address) or (_private(name) if not known else "")
    if known or private:
        yield NamedHost(known, private)


@lru_cache(_REMEMBERED_TEXTS)
def _name(text: str) -> str:
    name = text.strip().rstrip(".")
    plain = 0 < len(name) <= MAX_HOST_NAME_CHARACTERS and name.isprintable()
    return name if plain and name.casefold() not in _NO_NAMES and address_of(name) is None else ""


@lru_cache(_REMEMBERED_TEXTS)
def _private(text: str) -> str:
    address = address_of(text.strip())
    private = address is not None and any(address in network for network in _PRIVATE)
    return str(address) if private else ""
