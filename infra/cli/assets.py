"""`tenet asset …` and `tenet sensor …`: what there is, what it is worth, and whether it is watched."""

import typer
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_write_pb2 as write

from infra.cli.as_of import AsHappenedAt, At, happened, position_of, position_of_one
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import sealed, time_of, value_of, word, words

assets = typer.Typer(no_args_is_help=True, help="Assets with their business value.")
sensors = typer.Typer(no_args_is_help=True, help="What sends telemetry.")


@assets.command("add")
def add_asset(
    tenant_id: TenantOption,
    name: str = typer.Argument(..., metavar="NAME", help="Host or account name. Sealed."),
    kind: str = typer.Option("server", "--kind", help=f"One of {', '.join(words(pb.AssetKind))}."),
    asset_class: str = typer.Option("standard", "--class", help=f"One of {', '.join(words(pb.AssetClass))}."),
    value: int = typer.Option(3, "--value", min=1, max=5, help="Business value, 5 the highest."),
    group: str = typer.Option("default", "--group", help="Charters and pre-authorisations name groups."),
    addresses: list[str] = typer.Option([], "--address", help="An address. Repeat it for more. Sealed."),
    owner: str = typer.Option("", "--owner", help="Sealed."),
    context: str = typer.Option("", "--context", help="What the business does with it. Sealed."),
    external_id: str = typer.Option("", "--external-id", help="How connectors call it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Register an asset."""

    async def work(session: Session) -> None:
        request = write.RegisterAssetRequest(
            tenant_id=tenant(tenant_id),
            kind=value_of(pb.AssetKind, kind, what="kind of asset"),
            asset_class=value_of(pb.AssetClass, asset_class, what="class of assets"),
            value=value,
            group=group,
            name=name,
            addresses=addresses,
            owner=owner,
            business_context=context,
            external_id=external_id,
        )
        say((await session.ask(request, write.RegisterAssetResponse)).asset_id)

    call(work, who, server)


@assets.command("list")
def list_assets(
    tenants: TenantsOption = None,
    group: str = typer.Option("", "--group", help="Only those of this group."),
    retired: bool = typer.Option(False, "--retired", help="Retired ones too."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Assets, by tenant."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        request = read.ListAssetsRequest(tenant_ids=tenants, group=group, include_retired=retired, at_position=then)
        found = await every(session, request, read.ListAssetsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "name", "kind", "class", "value>", "group", "asset!"),
            [
                (
                    a.tenant_id,
                    sealed(a.name),
                    word(pb.AssetKind, a.kind),
                    word(pb.AssetClass, a.asset_class),
                    a.value,
                    a.group,
                    a.asset_id,
                )
                for a in found.assets
            ],
            empty="No asset.",
        )

    call(work, who, server)


@assets.command("show")
def show(
    tenant_id: TenantOption,
    asset_id: str = typer.Argument(..., metavar="ASSET", help="An identifier of `asset list`."),
    at: At = "",
    as_happened_at: AsHappenedAt = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One asset, opened as far as you may see."""

    async def work(session: Session) -> None:
        request = read.GetAssetRequest(
            tenant_id=tenant(tenant_id),
            asset_id=asset_id,
            at_position=await position_of(session, tenant_id, at),
            as_happened_at=happened(as_happened_at),
        )
        answer = await session.ask(request, read.GetAssetResponse)
        if as_json:
            show_json(answer)
            return
        found = answer.asset
        show_pairs(
            [
                ("asset", found.asset_id),
                ("name", sealed(found.name)),
                ("addresses", ", ".join(sealed(each) for each in found.addresses)),
                ("owner", sealed(found.owner)),
                ("context", sealed(found.business_context)),
                ("kind", word(pb.AssetKind, found.kind)),
                ("class", word(pb.AssetClass, found.asset_class)),
                ("value", found.value),
                ("group", found.group),
                ("retired", "yes" if found.retired else ""),
                ("as known at", f"position {answer.sight.position}"),
            ]
        )

    call(work, who, server)


@assets.command("look-up")
def look_up(
    tenant_id: TenantOption,
    name: str = typer.Argument(..., metavar="NAME-OR-ADDRESS", help="A host's name, or an IP address."),
    address: bool = typer.Option(False, "--address", help="It is an address."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Find assets by name or address, through the blind index."""

    async def work(session: Session) -> None:
        request = read.LookUpAssetRequest(tenant_id=tenant(tenant_id))
        setattr(request, "address" if address else "name", name)
        answer = await session.ask(request, read.LookUpAssetResponse)
        if as_json:
            show_json(answer)
            return
        show_table(("asset!", "name", "value>"), [(a.asset_id, sealed(a.name), a.value) for a in answer.assets])

    call(work, who, server)


@assets.command("retire")
def retire(
    tenant_id: TenantOption,
    asset_id: str = typer.Argument(..., metavar="ASSET", help="An identifier of `asset list`."),
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """An asset is gone."""

    async def work(session: Session) -> None:
        request = write.RetireAssetRequest(tenant_id=tenant(tenant_id), asset_id=asset_id, reason=reason)
        await session.ask(request, write.RetireAssetResponse)
        say("Retired.")

    call(work, who, server)


@sensors.command("add")
def add_sensor(
    tenant_id: TenantOption,
    system_type: str = typer.Argument(..., metavar="TYPE", help="Such as windows_event, wazuh, suricata_eve."),
    interval: int = typer.Option(300, "--interval", min=1, max=86_400, help="Seconds between two signs of life."),
    asset_id: str = typer.Option("", "--asset", help="Where it runs."),
    principal_id: str = typer.Option("", "--principal", help="The machine that speaks for it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Register a sensor."""

    async def work(session: Session) -> None:
        request = write.RegisterSensorRequest(
            tenant_id=tenant(tenant_id),
            system_type=system_type,
            interval_seconds=interval,
            asset_id=asset_id,
            principal_id=principal_id,
        )
        say((await session.ask(request, write.RegisterSensorResponse)).sensor_id)

    call(work, who, server)


@sensors.command("list")
def list_sensors(
    tenants: TenantsOption = None,
    silent: bool = typer.Option(False, "--silent", help="Only those that have gone silent."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Sensors, and when they were last heard."""

    async def work(session: Session) -> None:
        request = read.ListSensorsRequest(tenant_ids=tenants, silent_only=silent)
        found = await every(session, request, read.ListSensorsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "type", "every>", "last heard", "", "sensor!"),
            [
                (
                    s.tenant_id,
                    s.system_type,
                    f"{s.interval_seconds} s",
                    time_of(s.last_heard_at) or "never",
                    "silent" if s.silent else "",
                    s.sensor_id,
                )
                for s in found.sensors
            ],
            empty="No sensor.",
        )

    call(work, who, server)
