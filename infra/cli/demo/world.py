"""Makes the world that the examples play in: customers, people, machines, assets, sensors, rules, charters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tenet.assets.v1 import assets_write_pb2 as assets
from tenet.cases.v1 import cases_admin_pb2 as charters
from tenet.cases.v1 import cases_write_pb2 as cases
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_admin_pb2 as rules
from tenet.tenancy.v1 import tenancy_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_pb2 as tenancy

from infra.cli.demo.cast import CUSTOMERS, PROVIDER_PEOPLE, Customer, Person, Thing
from infra.cli.demo.stage import Stage, all_at_once
from infra.cli.packs import pack_of
from infra.cli.words import timestamp
from infra.runtime.settings import CHECKOUT

ADMINISTRATOR = "admin"
"""Whom the bootstrap of a provider's ledger makes its first administrator."""
OWN_RULES = CHECKOUT / "services" / "detections" / "rules"
OWN_PACK = "tenet-own"
CHARTERS = Path(__file__).parent / "charters"
SENSOR_INTERVAL_SECONDS = 300
AUDIENCE = "tenet"


def issuer_url(stage: Stage) -> str:
    return f"http://{stage.place.issuer}"


async def take_on(stage: Stage, customers: tuple[Customer, ...] = CUSTOMERS) -> None:
    """The customers with their ledgers, everybody's principal and roles, the machines' keys."""
    for customer in customers:
        await _onboard(stage, customer)
    homes = ["provider", *(customer.tenant_id for customer in customers)]
    bind = admin.BindIssuerRequest(
        issuer=issuer_url(stage), jwks_uri=f"{issuer_url(stage)}/jwks", audience=AUDIENCE, home_tenant_ids=homes
    )
    await stage.ask(ADMINISTRATOR, bind, admin.BindIssuerResponse)
    await _provider_people(stage, customers)
    for customer in customers:
        await all_at_once([_customer_person(stage, customer, person) for person in customer.people])
    await all_at_once([_machine(stage, customer) for customer in customers])
    await all_at_once([_activate(stage, customer) for customer in customers])


async def _onboard(stage: Stage, customer: Customer) -> None:
    request = admin.OnboardTenantRequest(
        new_tenant_id=customer.tenant_id, display_name=customer.name, time_zone=customer.time_zone
    )
    await stage.ask(ADMINISTRATOR, request, admin.OnboardTenantResponse)


async def _activate(stage: Stage, customer: Customer) -> None:
    request = admin.ActivateTenantRequest(tenant_id=customer.tenant_id)
    await stage.ask(ADMINISTRATOR, request, admin.ActivateTenantResponse)


async def _provider_people(stage: Stage, customers: tuple[Customer, ...]) -> None:
    await all_at_once([register(stage, name, title, "provider") for name, (title, _) in PROVIDER_PEOPLE.items()])
    wanted = [
        (name, role, tenant_id)
        for name, (_, role) in PROVIDER_PEOPLE.items()
        for tenant_id in ("provider", *(customer.tenant_id for customer in customers))
    ]
    await all_at_once([grant(stage, *each) for each in wanted])


async def register(
    stage: Stage,
    name: str,
    title: str,
    home: str,
    kind: "tenancy.PrincipalKind.ValueType" = tenancy.PRINCIPAL_KIND_PERSON,
) -> None:
    request = admin.RegisterPrincipalRequest(
        kind=kind, home_tenant_id=home, display_name=title, issuer=issuer_url(stage), subject=name
    )
    answer = await stage.ask(ADMINISTRATOR, request, admin.RegisterPrincipalResponse)
    stage.principals[name] = answer.principal_id


async def grant(stage: Stage, name: str, role: "common.Role.ValueType", tenant_id: str) -> None:
    request = admin.GrantRoleRequest(tenant_id=tenant_id, principal_id=stage.principals[name], role=role)
    await stage.ask(ADMINISTRATOR, request, admin.GrantRoleResponse)


async def _customer_person(stage: Stage, customer: Customer, person: Person) -> None:
    await register(stage, person.name, person.title, customer.tenant_id)
    await grant(stage, person.name, person.role, customer.tenant_id)


async def _machine(stage: Stage, customer: Customer) -> None:
    name = customer.sensor
    title = f"Telemetry of {customer.name}"
    await register(stage, name, title, customer.tenant_id, tenancy.PRINCIPAL_KIND_MACHINE)
    await grant(stage, name, common.ROLE_SENSOR, customer.tenant_id)
    issued = await stage.ask(
        ADMINISTRATOR, admin.IssueApiKeyRequest(principal_id=stage.principals[name]), admin.IssueApiKeyResponse
    )
    stage.api_keys[name] = issued.credential


async def furnish(stage: Stage, customer: Customer) -> None:
    """The customer's assets with their business context, and its sensor."""
    owner = customer.approvers()[0]
    await all_at_once([_thing(stage, customer, thing, owner) for thing in customer.things])
    sensor = assets.RegisterSensorRequest(
        tenant_id=customer.tenant_id,
        system_type=customer.sensor_type,
        interval_seconds=SENSOR_INTERVAL_SECONDS,
        principal_id=stage.principals[customer.sensor],
    )
    answer = await stage.ask("ana", sensor, assets.RegisterSensorResponse)
    stage.sensors[customer.tenant_id] = answer.sensor_id


async def _thing(stage: Stage, customer: Customer, thing: Thing, owner: str) -> None:
    request = assets.RegisterAssetRequest(
        tenant_id=customer.tenant_id,
        kind=thing.kind,
        asset_class=thing.asset_class,
        value=thing.value,
        group=thing.group,
        name=thing.name,
        addresses=[thing.address] if thing.address else [],
        owner=next(person.title for person in customer.people if person.name == owner),
        business_context=thing.context,
        external_id=thing.external,
    )
    answer = await stage.ask(owner, request, assets.RegisterAssetResponse)
    stage.assets[customer.tenant_id, thing.name] = answer.asset_id


async def deploy_own_rules(stage: Stage) -> int:
    """Tenet's own rules, imported and put to work. Returns how many there are."""
    request = rules.ImportRulePackRequest(name=OWN_PACK, archive=pack_of(OWN_RULES))
    imported = (await stage.ask("lena", request, rules.ImportRulePackResponse)).rule_pack
    await stage.ask("lena", rules.DeployRulePackRequest(pack_id=imported.pack_id), rules.DeployRulePackResponse)
    return imported.rules


async def agree_on_charter(stage: Stage, customer: Customer, times: Mapping[str, datetime] | None = None) -> str:
    """The provider proposes the charter, a person of the customer approves exactly that text. Returns its digest."""
    text = (CHARTERS / f"{customer.charter}.yaml").read_text(encoding="utf-8")
    for person in customer.people:
        text = text.replace(f'"@{person.contact}"', stage.principals[person.name]) if person.contact else text
    for word, time in (times or {}).items():
        text = text.replace(f'"@{word}"', f'"{time.astimezone(UTC).isoformat(timespec="seconds")}"')
    proposed = await stage.ask(
        "lena",
        charters.ProposeCharterRequest(tenant_id=customer.tenant_id, text=text),
        charters.ProposeCharterResponse,
    )
    approval = charters.ApproveCharterRequest(
        tenant_id=customer.tenant_id, charter_version=proposed.charter_version, digest=proposed.digest
    )
    await stage.ask(customer.approvers()[0], approval, charters.ApproveCharterResponse)
    return proposed.digest


async def sign_beforehand(
    stage: Stage, customer: Customer, who: str, actions: list[str], groups: list[str], digest: str, until: datetime
) -> None:
    """A person of the customer allows actions on groups before any incident, until a time."""
    request = cases.SignPreauthorisationRequest(
        tenant_id=customer.tenant_id,
        actions=actions,
        groups=groups,
        charter_digest=digest,
        expires_at=timestamp(until),
    )
    await stage.ask(who, request, cases.SignPreauthorisationResponse)
