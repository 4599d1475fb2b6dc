"""Who plays: the customers, their people, the provider's people, what the customers own and watch it with."""

from collections.abc import Mapping
from dataclasses import dataclass

from tenet.assets.v1 import assets_pb2 as assets
from tenet.common.v1 import common_pb2 as common

PROVIDER_PEOPLE: "Mapping[str, tuple[str, common.Role.ValueType]]" = {
    "ana": ("Ana, analyst", common.ROLE_ANALYST),
    "lena": ("Lena, lead of the shift", common.ROLE_LEAD),
    "audrey": ("Audrey, auditor", common.ROLE_AUDITOR),
    "bill": ("Bill, billing", common.ROLE_BILLING),
}
"""Their role holds for the provider and for every customer."""
APPROVER, VIEWER = common.ROLE_CUSTOMER_APPROVER, common.ROLE_CUSTOMER_VIEWER


@dataclass(frozen=True, slots=True)
class Person:
    """One of a customer's people. `contact` is the name that the customer's charter has for them, if it has one."""

    name: str
    title: str
    role: "common.Role.ValueType"
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of value. `external` is how the customer's own systems, and so its connectors, call it."""

    name: str
    kind: "assets.AssetKind.ValueType"
    asset_class: "assets.AssetClass.ValueType"
    value: int
    group: str
    external: str
    context: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    tenant_id: str
    name: str
    charter: str
    time_zone: str
    people: tuple[Person, ...]
    things: tuple[Thing, ...]
    sensor_type: str = "windows_event"

    @property
    def sensor(self) -> str:
        """The name of the machine that sends its telemetry."""
        return f"{self.tenant_id}-sensor"

    def approvers(self) -> tuple[str, ...]:
        return tuple(person.name for person in self.people if person.role == APPROVER)


RETAILER = Customer(
    "retailer",
    "Northlight Retail",
    "retailer",
    "Europe/Berlin",
    (
        Person("rita", "Rita, head of IT", APPROVER, "head-of-it"),
        Person("ron", "Ron, head of the shop", APPROVER),
        Person("ruth", "Ruth, internal reader", VIEWER),
    ),
    (
        Thing(
            "erp-01",
            assets.ASSET_KIND_SERVER,
            assets.ASSET_CLASS_REVENUE,
            5,
            "shop",
            "ret-erp-01",
            "The ERP behind the shop: most of the year's revenue within six weeks.",
            "10.20.0.11",
        ),
        Thing(
            "web-01",
            assets.ASSET_KIND_SERVER,
            assets.ASSET_CLASS_REVENUE,
            4,
            "shop",
            "ret-web-01",
            "The shop's front.",
            "10.20.0.12",
        ),
    ),
)
CLINIC = Customer(
    "clinic",
    "Lakeside Clinic",
    "clinic",
    "Europe/Vienna",
    (
        Person("carla", "Carla, head of clinic IT", APPROVER, "clinic-it"),
        Person("chris", "Chris, chief physician", APPROVER),
        Person("cora", "Cora, data protection", VIEWER),
    ),
    (
        Thing(
            "admission-01",
            assets.ASSET_KIND_SERVER,
            assets.ASSET_CLASS_CLINICAL,
            5,
            "admission",
            "cli-admission-01",
            "Patient admission. On paper for a while if it has to be.",
            "10.30.0.5",
        ),
        Thing(
            "ward-ws-01",
            assets.ASSET_KIND_DESKTOP,
            assets.ASSET_CLASS_STANDARD,
            3,
            "wards",
            "cli-ward-ws-01",
            "Workstation of ward one.",
            "10.30.1.21",
        ),
        Thing(
            "ward-ws-02",
            assets.ASSET_KIND_DESKTOP,
            assets.ASSET_CLASS_STANDARD,
            3,
            "wards",
            "cli-ward-ws-02",
            "Workstation of ward two.",
            "10.30.1.22",
        ),
    ),
)
BANK = Customer(
    "bank",
    "Alpine Asset Finance",
    "finance",
    "Europe/Zurich",
    (
        Person("ben", "Ben, IT administrator", VIEWER, "it-administrator"),
        Person("bea", "Bea, security officer", APPROVER, "security-officer"),
        Person("bob", "Bob, operations director", APPROVER),
    ),
    (
        Thing(
            "it-admin",
            assets.ASSET_KIND_ACCOUNT,
            assets.ASSET_CLASS_PRIVILEGED_IDENTITY,
            5,
            "administrators",
            "acct-it-admin",
            "The administrator's account: reaches nearly every system.",
        ),
        Thing(
            "ledger-db-01",
            assets.ASSET_KIND_SERVER,
            assets.ASSET_CLASS_BUSINESS_CRITICAL,
            5,
            "core",
            "bank-ledger-db-01",
            "The firm's books.",
            "10.40.0.9",
        ),
    ),
)
HOLDING = Customer(
    "holding",
    "Harbour Holding",
    "executive",
    "Europe/London",
    (
        Person("hugo", "Hugo, managing director", APPROVER, "managing-director"),
        Person("hanna", "Hanna, chief of staff", APPROVER, "chief-of-staff"),
    ),
    (
        Thing(
            "managing-director",
            assets.ASSET_KIND_ACCOUNT,
            assets.ASSET_CLASS_EXECUTIVE_IDENTITY,
            5,
            "executives",
            "acct-managing-director",
            "Signs what nobody else may sign.",
        ),
    ),
)
MANUFACTURER = Customer(
    "manufacturer",
    "Ironbridge Works",
    "manufacturer",
    "Europe/Berlin",
    (
        Person("max", "Max, plant manager", APPROVER, "plant-manager"),
        Person("mona", "Mona, head of automation", APPROVER),
    ),
    tuple(
        Thing(
            name,
            assets.ASSET_KIND_CONTROLLER,
            assets.ASSET_CLASS_PRODUCTION_LINE,
            4,
            group,
            f"mfr-{name}",
            f"Controller of {group.replace('-', ' ')}.",
            address,
        )
        for name, group, address in (
            ("plc-1a", "line-1", "10.50.1.10"),
            ("plc-2a", "line-2", "10.50.2.10"),
            ("plc-2b", "line-2", "10.50.2.11"),
        )
    ),
)
CUSTOMERS = (RETAILER, CLINIC, BANK, HOLDING, MANUFACTURER)
