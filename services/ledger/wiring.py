"""Constructs the ledger service."""

from tenet.ledger.v1 import ledger_admin_pb2, ledger_read_pb2

from contracts.ids import PROVIDER, TenantId
from infra.auth.authorisation import RULES
from infra.disclosure.exporter import Exporter
from infra.grpc import Context, Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.runtime.settings import Settings
from services.ledger.application.exporting import Exporting
from services.ledger.application.opening import Opening
from services.ledger.application.reading import Reading
from services.ledger.servicer import LedgerAdminServicer, LedgerReadServicer

SERVICE = "ledger"


async def start(settings: Settings) -> None:
    """Runs the service until it is told to stop.

    Raises NotConfigured, StoreUnavailable, SchemaOutOfRange, TenantUnknown without a bootstrap, ServingRefused.
    """
    async with Foundation.open(SERVICE, settings) as foundation:
        await serve_until_stopped(foundation, hosted(foundation))


def hosted(foundation: Foundation) -> list[Hosted]:
    """The service's gRPC services on their foundation."""
    ledger, directory = foundation.ledger, foundation.directory

    def ancestors(tenant_id: TenantId) -> tuple[TenantId, ...]:
        return directory.state.ancestors(tenant_id)

    def may_still_read(context: Context, tenant_id: TenantId) -> bool:
        """By the directory as it stands now; the issuer's binding was checked when the stream began."""
        state, rule = directory.state, RULES[context.call.rpc]
        principal, tenant = state.principals.get(context.call.actor.id), state.tenants.get(tenant_id)
        if principal is None or (tenant is not None and tenant.state not in rule.states):
            return False
        held = state.held(principal, tenant_id, foundation.clock(), frozenset({PROVIDER}))
        return not held.roles.isdisjoint(rule.roles)

    read = LedgerReadServicer(
        Reading(ledger.feed), Opening(ledger.feed, foundation.opener), foundation.access_log, may_still_read
    )
    exporter = Exporter(foundation.settings.exports_dir, ledger.feed, ledger.mapper, ledger.openings, foundation.keys)
    admin = LedgerAdminServicer(
        Exporting(foundation.keys, ledger.handler, ledger.feed, exporter, ancestors), foundation.access_log
    )
    return [
        Hosted.of(ledger_read_pb2, "LedgerReadService", read),
        Hosted.of(ledger_admin_pb2, "LedgerAdminService", admin),
    ]
