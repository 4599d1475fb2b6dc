"""A database that goes away in the middle of calls: each is answered with a stable reason, and nothing is lost.

What goes away is the server with the provider's ledger, the read databases and one customer's ledger. The other
customer's ledger lies on a second server, and goes on.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tenet.assets.v1 import assets_read_pb2, assets_read_pb2_grpc
from tenet.cases.v1 import cases_read_pb2, cases_read_pb2_grpc
from tenet.ledger.v1 import ledger_read_pb2, ledger_read_pb2_grpc
from tenet.reporting.v1 import reporting_read_pb2, reporting_read_pb2_grpc
from tenet.tenancy.v1 import tenancy_read_pb2, tenancy_read_pb2_grpc

from infra.grpc import RemoteError
from tests.badinput.work import entries, report, send
from tests.fixtures.customers import Customer, Provider, request_id
from tests.fixtures.running_system import RunningSystem
from tests.services.detections.records import harmless, lines

pytestmark = pytest.mark.asyncio(loop_scope="session")

KILLS = 3
BETWEEN_KILLS_SECONDS = 1.5
FELT_SECONDS = 0.2
REASONS = {
    "STORE_UNAVAILABLE",
    "READ_DATABASE_UNAVAILABLE",
    "DIRECTORY_STALE",
    "DEADLINE_EXCEEDED",
    "NOT_YET_APPLIED",
}
"""What a caller is told while the database is away. All of them are worth asking again."""
OWN_DEADLINE = ("DEADLINE_EXCEEDED", "")
"""A caller's own library gives up at the same moment as the server, and says so without a reason."""

Call = Callable[[], Awaitable[Any]]


def calls_of(provider: Provider, customer: Customer) -> dict[str, Call]:
    """Writes and reads of every service."""
    assets, cases = provider.client("assets", customer.analyst), provider.client("cases", customer.analyst)
    ledger, reporting = provider.client("ledger", customer.analyst), provider.client("reporting", customer.analyst)
    tenancy = provider.client("tenancy", customer.analyst)
    tenants = [customer.tenant_id]
    return {
        "report": lambda: report(provider.client("detections", customer.approver), customer, "While away"),
        "ingest": lambda: send(provider, customer, lines(harmless(request_id(), 1)), sensor_id="sensor-away"),
        "assets": lambda: assets.call(
            assets.stub(assets_read_pb2_grpc.AssetsReadServiceStub).ListAssets,
            assets_read_pb2.ListAssetsRequest(tenant_ids=tenants),
        ),
        "cases": lambda: cases.call(
            cases.stub(cases_read_pb2_grpc.CasesReadServiceStub).ListCases,
            cases_read_pb2.ListCasesRequest(tenant_ids=tenants),
        ),
        "reporting": lambda: reporting.call(
            reporting.stub(reporting_read_pb2_grpc.ReportingReadServiceStub).ListReports,
            reporting_read_pb2.ListReportsRequest(tenant_ids=tenants),
        ),
        "tenancy": lambda: tenancy.call(
            tenancy.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub).GetTenant,
            tenancy_read_pb2.GetTenantRequest(tenant_id=customer.tenant_id),
        ),
        "ledger": lambda: ledger.call(
            ledger.stub(ledger_read_pb2_grpc.LedgerReadServiceStub).GetHead,
            ledger_read_pb2.GetHeadRequest(tenant_id=customer.tenant_id),
        ),
    }


async def test_every_call_while_the_database_is_away_has_a_stable_reason_and_what_was_acknowledged_stays(
    system: RunningSystem, provider: Provider, own: Customer, foreign: Customer
) -> None:
    stopped = asyncio.Event()
    refused: Counter[tuple[str, str, str]] = Counter()
    acknowledged: list[str] = []
    slowest: defaultdict[str, float] = defaultdict(float)

    async def ask(name: str, call: Call) -> None:
        while not stopped.is_set():
            started = time.monotonic()
            try:
                answer = await call()
            except RemoteError as error:
                refused[name, error.code.name, error.reason] += 1
                await asyncio.sleep(0.05)
                continue
            slowest[name] = max(slowest[name], time.monotonic() - started)
            if name == "report":
                acknowledged.append(answer.customer_report_id)
            await asyncio.sleep(0.02)

    calls = calls_of(provider, foreign)
    elsewhere = provider.client("detections", own.approver)
    calls["elsewhere"] = lambda: report(elsewhere, own, "Meanwhile")
    asking = [asyncio.create_task(ask(name, call)) for name, call in calls.items()]
    for _ in range(KILLS):
        await asyncio.sleep(BETWEEN_KILLS_SECONDS)
        while not await asyncio.to_thread(system.kill, "postgres"):
            await asyncio.sleep(0.1)  # It is being started again.
    await asyncio.sleep(BETWEEN_KILLS_SECONDS)
    await asyncio.to_thread(system.wait_until_ready)
    stopped.set()
    await asyncio.gather(*asking)
    strange = {key: count for key, count in refused.items() if key[2] not in REASONS and key[1:] != OWN_DEADLINE}
    assert strange == {}
    met = {name for name, _, _ in refused}
    # A short absence is waited for; then the call is late instead of refused.
    assert met or slowest["report"] > FELT_SECONDS, "the kills met no call"
    assert "elsewhere" not in met, "a server that is away stopped a customer whose ledger is not there"
    await asyncio.gather(*(call() for call in calls.values()))
    filed = await entries(provider, foreign, "tenet.detections.CustomerReportFiled")
    identifiers = Counter(entry["data"]["customer_report_id"] for entry in filed)
    assert acknowledged
    assert [identifiers[each] for each in acknowledged] == [1] * len(acknowledged)
