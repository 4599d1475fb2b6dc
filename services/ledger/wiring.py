"""Constructs the ledger service."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import structlog
from aiohttp import web
from tenet.ledger.v1 import (
    ledger_admin_pb2,
    ledger_audit_pb2,
    ledger_check_pb2,
    ledger_erasure_admin_pb2,
    ledger_erasure_read_pb2,
    ledger_read_pb2,
    ledger_recovery_admin_pb2,
)

from contracts.ids import PROVIDER, TenantId
from infra.auth.authorisation import RULES
from infra.disclosure.bundle import Bundler
from infra.disclosure.copies import ServerCopies
from infra.disclosure.exporter import Exporter
from infra.disclosure.opening_lines import OpeningLines
from infra.grpc import Context, Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.read_database.read_side import ReadSide
from infra.runtime.settings import LOOPBACK, Settings
from infra.transparency.ledger_check import LedgerCheck
from infra.transparency.outreach import Outreach
from infra.transparency.sealing import Sealing
from infra.transparency.storage import LogStorage
from infra.transparency.timestamps import TimestampAuthority, read_roots
from infra.transparency.witness_client import WitnessClient, witnesses_of
from services.ledger.application.bundling import Bundling
from services.ledger.application.checking import Checking
from services.ledger.application.custody import Erasing, Keeping
from services.ledger.application.erasing_again import ErasingAgain
from services.ledger.application.exporting import Exporting
from services.ledger.application.first_keys import FirstKeys
from services.ledger.application.log_digests import LogDigests
from services.ledger.application.log_keys import LogKeyRotation
from services.ledger.application.opening import Opening
from services.ledger.application.opening_restored import OpeningRestored
from services.ledger.application.proving import Proving
from services.ledger.application.reading import Reading
from services.ledger.application.recovering import Recovering
from services.ledger.policies.erase_openings_when_subject_erased import EraseOpeningsWhenSubjectErased
from services.ledger.servicer import (
    LedgerAdminServicer,
    LedgerAuditServicer,
    LedgerCheckServicer,
    LedgerErasureAdminServicer,
    LedgerErasureReadServicer,
    LedgerReadServicer,
    LedgerRecoveryAdminServicer,
    LogFiles,
)

SERVICE = "ledger"

log = structlog.get_logger(__name__)


async def start(settings: Settings) -> None:
    """Runs the service until it is told to stop.

    Raises NotConfigured, StoreUnavailable, SchemaOutOfRange, TenantUnknown without a bootstrap, ServingRefused.
    """
    async with (
        Foundation.open(SERVICE, settings) as foundation,
        transparency(foundation),
        policies(foundation).running() as side,
        erasing_again(foundation).running(),
    ):
        await serve_until_stopped(foundation, hosted(foundation), side)


async def open_restored(settings: Settings, tenant_id: TenantId, held: Sequence[bytes]) -> None:
    """Opens a closed ledger that is what was signed of it. Raises LedgerNotClosed, LedgerNotRestored."""
    async with Foundation.open(SERVICE, settings) as foundation:
        await opening_restored(foundation).open_restored(tenant_id, held)


def opening_restored(foundation: Foundation) -> OpeningRestored:
    return OpeningRestored(checking_of(foundation, sealing_of(foundation)), foundation.ledger.placements)


@asynccontextmanager
async def transparency(foundation: Foundation) -> AsyncIterator[Sealing]:
    """Seals all ledgers, takes their heads outside and serves the logs' files, until the block ends."""
    settings, ledger, logs = foundation.settings, foundation.ledger, sealing_of(foundation)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        witnesses = WitnessClient(witnesses_of(settings.witnesses), session) if settings.witnesses else None
        authority = None
        if settings.timestamp_url and settings.timestamp_roots:
            authority = TimestampAuthority(settings.timestamp_url, read_roots(settings.timestamp_roots), session)
        await stack.enter_async_context(logs.running())
        await stack.enter_async_context(Outreach(logs, witnesses, authority).running())
        first_keys = FirstKeys(logs, foundation.keys, ledger.handler, foundation.clock)
        await stack.enter_async_context(
            LogDigests(logs, foundation.objects, ledger.handler, foundation.clock, first_keys).running()
        )
        await stack.enter_async_context(_serving_files(foundation, logs.storage))
        yield logs


def policies(foundation: Foundation) -> ReadSide:
    """Carries recorded erasures out while it is `running`."""
    ledger = foundation.ledger
    return ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=foundation.clock,
        policies=[EraseOpeningsWhenSubjectErased(erasing_of(foundation))],
    )


def erasing_of(foundation: Foundation) -> Erasing:
    ledger, copies = foundation.ledger, ServerCopies(foundation.settings.exports_dir)
    return Erasing(ledger.handler, ledger.feed, ledger.mapper, ledger.openings, copies, foundation.keys)


def erasing_again(foundation: Foundation) -> ErasingAgain:
    """Watches, while it is `running`, whether a restored key store has undone an erasure."""
    ledger = foundation.ledger
    erasing, tenants = erasing_of(foundation), ledger.placements.tenants
    return ErasingAgain(erasing, ledger.reads, ledger.mapper, foundation.keys, tenants, foundation.clock)


def sealing_of(foundation: Foundation) -> Sealing:
    """The logs of this system's tenants; sealing begins with `running`."""
    settings, ledger = foundation.settings, foundation.ledger
    storage = LogStorage(settings.log_dir)
    return Sealing(storage, settings.log_name, ledger.feed, ledger.placements, foundation.keys)


def checking_of(foundation: Foundation, logs: Sealing) -> Checking:
    settings, rows = foundation.settings, foundation.ledger.rows
    witnesses = [each.verifier for each in witnesses_of(settings.witnesses)] if settings.witnesses else []
    roots = read_roots(settings.timestamp_roots) if settings.timestamp_url and settings.timestamp_roots else []
    return Checking(LedgerCheck(rows, foundation.keys, witnesses, roots), logs, rows, foundation.objects)


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

    logs = sealing_of(foundation)
    read = LedgerReadServicer(
        Reading(ledger.feed),
        Opening(ledger.feed, foundation.opener),
        Proving(logs.storage),
        foundation.access_log,
        may_still_read,
    )
    exporter = Exporter(foundation.settings.exports_dir, ledger.feed, ledger.mapper, ledger.openings, foundation.keys)
    admin = LedgerAdminServicer(
        Exporting(foundation.keys, ledger.handler, ledger.feed, exporter, ancestors),
        LogKeyRotation(logs, foundation.keys, ledger.handler),
        foundation.access_log,
    )
    bundler = Bundler(
        foundation.settings.exports_dir,
        ledger.feed,
        ledger.mapper,
        ledger.reads,
        OpeningLines(ledger.openings, foundation.keys),
        foundation.objects,
        logs.storage,
    )
    audit = LedgerAuditServicer(
        Bundling(foundation.keys, ledger.handler, ledger.feed, bundler, ancestors), foundation.access_log
    )
    recovering = Recovering(logs, ledger.placements, ledger.feed, foundation.keys, ledger.handler)
    keeping = Keeping(ledger.handler, ledger.repository, ledger.feed, ledger.openings)
    return [
        Hosted.of(ledger_erasure_admin_pb2, "LedgerErasureAdminService", LedgerErasureAdminServicer(keeping)),
        Hosted.of(
            ledger_erasure_read_pb2,
            "LedgerErasureReadService",
            LedgerErasureReadServicer(keeping, foundation.opener),
        ),
        Hosted.of(ledger_read_pb2, "LedgerReadService", read),
        Hosted.of(ledger_admin_pb2, "LedgerAdminService", admin),
        Hosted.of(ledger_audit_pb2, "LedgerAuditService", audit),
        Hosted.of(
            ledger_check_pb2,
            "LedgerCheckService",
            LedgerCheckServicer(checking_of(foundation, logs), foundation.access_log),
        ),
        Hosted.of(ledger_recovery_admin_pb2, "LedgerRecoveryAdminService", LedgerRecoveryAdminServicer(recovering)),
    ]


@asynccontextmanager
async def _serving_files(foundation: Foundation, storage: LogStorage) -> AsyncIterator[None]:
    files = LogFiles(storage, foundation.authority, foundation.access_log)
    runner = web.AppRunner(files.application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, foundation.settings.log_port).start()
        log.info("log.files_served", addresses=[f"{host}:{port}" for host, port, *_ in runner.addresses])
        yield
    finally:
        await runner.cleanup()
