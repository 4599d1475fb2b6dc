"""Events of discovery: hosts that telemetry names and that no registered asset answers to."""

from enum import StrEnum

from contracts.events.base import Event, Sealed, event


class DiscoveryBound(StrEnum):
    """Which limit keeps further hosts from being recorded."""

    DAY = "day"
    """Of one day; the next one takes more."""
    TENANT = "tenant"
    """Of all that a tenant ever had."""


@event("tenet.detections.HostDiscovered", category="discovery")
class HostDiscovered(Event):
    """Telemetry named a host that no live asset of the tenant answers to. Once for each host, whatever becomes of it.

    A host is known by its name, one without by its address; `host_id` follows from the tenant and the blind index of
    that. `name` and `address` are as telemetry writes them, at least one is there, both under one subject.
    `name_indexes` are the blind indexes of the name and of its first label, `address_index` that of the address: an
    asset that is registered under one of them is this host. The batch at `batch_position` named it first, in a record
    of the kind `source`.
    """

    host_id: str
    name: Sealed | None
    address: Sealed | None
    name_indexes: tuple[str, ...]
    address_index: str | None
    sensor_id: str
    source: str
    batch_position: int


@event("tenet.detections.DiscoveryBounded", category="discovery")
class DiscoveryBounded(Event):
    """The batch at `batch_position` named more new hosts than are recorded: of a `day` (ISO 8601, UTC), where `bound`
    says so, or at all. `limit` is how many are. Once a day, or once."""

    bound: DiscoveryBound
    day: str
    limit: int
    batch_position: int
