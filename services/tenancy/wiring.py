"""Constructs the tenancy service."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenet.tenancy.v1 import (
    tenancy_admin_pb2,
    tenancy_certifications_admin_pb2,
    tenancy_certifications_read_pb2,
    tenancy_read_pb2,
)

from contracts.ids import PROVIDER, TenantId, derive_id
from infra.answering import Answering
from infra.auth.identity import identity_index
from infra.disclosure.exporter import Exporter
from infra.event_store.ledger import Ledger
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.hosting.foundation import NotConfigured, system_clock
from infra.keys import LocalKeyStore
from infra.read_database.read_side import ReadSide
from infra.read_database.reader.conditions import equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from infra.runtime.settings import Settings
from services.tenancy.application.access import Access
from services.tenancy.application.bootstrap import bootstrap_provider
from services.tenancy.application.certifying import Certifying
from services.tenancy.application.closing import Closing
from services.tenancy.application.tenants import TenantLife
from services.tenancy.config import TenancyConfig
from services.tenancy.domain.commands import Bootstrap
from services.tenancy.projections import TENANTS, VIEWS
from services.tenancy.servicer import TenancyAdminServicer, TenancyReadServicer
from services.tenancy.servicer.certifications import CertificationsAdminServicer, CertificationsReadServicer

SERVICE = "tenancy"
CHILDREN_PAGE = 500


class ProviderOnly:
    """The tenants whose ledgers this service reads: the provider's own."""

    async def list(self) -> Sequence[TenantId]:
        return [PROVIDER]


@dataclass(frozen=True, slots=True)
class ChildrenInView:
    """The tenants directly below one, from the view of tenants once it has applied a position."""

    reader: Reader

    async def __call__(self, tenant_id: TenantId, position: int) -> list[TenantId]:
        await self.reader.waited(PROVIDER, position, None, TENANTS)
        found: list[TenantId] = []
        page = PageRequest(CHILDREN_PAGE)
        while True:
            answer = await TENANTS.list(self.reader, [PROVIDER], [equal("parent", tenant_id)], page=page)
            found += [item.document.tenant_id for item in answer.items]
            if not answer.next_token:
                return found
            page = PageRequest(CHILDREN_PAGE, answer.next_token)


async def start(settings: Settings) -> None:
    """Runs the service until it is told to stop.

    Raises NotConfigured, StoreUnavailable, SchemaOutOfRange, TenantUnknown without a bootstrap, ServingRefused.
    """
    async with Foundation.open(SERVICE, settings) as foundation:
        side = ReadSide(
            foundation.database, foundation.ledger.followed, ProviderOnly(), clock=foundation.clock, views=VIEWS
        )
        async with side.running():
            await serve_until_stopped(foundation, hosted(foundation, side.reader, TenancyConfig()), side)


def hosted(foundation: Foundation, reader: Reader, config: TenancyConfig) -> list[Hosted]:
    """The service's gRPC services on their foundation."""
    ledger = foundation.ledger
    regions = {cell: config.region_of(cell) for cell in foundation.settings.cells}
    exports = foundation.settings.exports_dir
    closing = Closing(
        handler=ledger.handler,
        repository=ledger.repository,
        feed=ledger.feed,
        exporter=Exporter(exports, ledger.feed, ledger.mapper, ledger.openings, foundation.keys),
        keys=foundation.keys,
        objects=foundation.objects,
        children=ChildrenInView(reader),
    )
    read = TenancyReadServicer(reader, foundation.opener, foundation.access_log)
    admin = TenancyAdminServicer(
        TenantLife(ledger.handler, ledger.placements, regions),
        closing,
        Access(ledger.handler, insecure_issuers=config.insecure_issuers),
        foundation.keys,
    )
    return [
        Hosted.of(tenancy_read_pb2, "TenancyReadService", read),
        Hosted.of(tenancy_admin_pb2, "TenancyAdminService", admin),
        Hosted.of(
            tenancy_certifications_read_pb2,
            "CertificationsReadService",
            CertificationsReadServicer(Answering(reader, foundation.opener)),
        ),
        Hosted.of(
            tenancy_certifications_admin_pb2,
            "CertificationsAdminService",
            CertificationsAdminServicer(Certifying(ledger.handler)),
        ),
    ]


async def bootstrap(settings: Settings) -> str:
    """Makes the provider's ledger and its first administrator; returns that principal's identifier.

    Raises NotConfigured, AlreadyBootstrapped, StoreUnavailable.
    """
    config = TenancyConfig()
    if settings.issuer_url is None or not settings.cells:
        raise NotConfigured("TENET_ISSUER_URL and TENET_CELLS must be set for the bootstrap.")
    keys = await LocalKeyStore.open(settings.keys_dir)
    cell = min(settings.cells)
    async with Ledger.open(settings, keys) as ledger:
        command = Bootstrap(
            tenant_id=PROVIDER,
            request_id=derive_id("bootstrap", settings.issuer_url, config.first_administrator),
            cell=cell,
            region=config.region_of(cell),
            issuer=settings.issuer_url,
            jwks_uri=f"{settings.issuer_url}/jwks",
            audience=settings.audience,
            identity=identity_index(await keys.search_key(PROVIDER), settings.issuer_url, config.first_administrator),
            display_name=config.first_administrator,
            provider_name=config.provider_name,
        )
        return await bootstrap_provider(ledger.handler, ledger.placements, command, system_clock())
