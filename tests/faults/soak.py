"""Load and kills for as long as one likes, then the checker: `python -m tests.faults.soak --minutes 30 [--seed 7]`.

The short form runs in the suite; both end with the same judgement.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from aiohttp import ClientSession
from tenet.common.v1 import common_pb2

from infra.actuator.credentials import Credentials
from infra.actuator.state import Behaviour
from infra.runtime.settings import SERVICES
from tests.faults.chaos import Chaos
from tests.faults.checker import LEDGER_DATABASE, Row, check, check_checkpoint, read_journal, read_rows
from tests.faults.effects import check_effects, unfinished, verified
from tests.faults.journal import Journal
from tests.faults.load import Load
from tests.faults.rebuilds import ReadModels, compare_with_rebuilds
from tests.faults.tail import Tail
from tests.fixtures.customers import Customer, Provider, agent_of
from tests.fixtures.running_system import RunningSystem, running_system

TENANTS = ("north", "south")
SETTLE_LIMIT_SECONDS = 240.0
REBUILD_LIMIT_SECONDS = 120.0
PAUSE_SECONDS = 0.5
HOSTS_PER_MINUTE = 60


@dataclass
class Verdict:
    """What came of a run."""

    problems: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    actions_verified: int = 0
    tail_connections: int = 0

    def lines(self) -> list[str]:
        return [
            f"kills: {sum(self.killed.values())} {self.killed}",
            f"acknowledged: {sum(self.acknowledged.values())} {self.acknowledged}",
            f"asked again after: {self.refused}",
            f"entries: {self.entries}; verified actions: {self.actions_verified}",
            f"the tail connected {self.tail_connections} times",
            *(f"PROBLEM {problem}" for problem in self.problems),
        ]


async def run(
    system: RunningSystem, seconds: float, seed: int, journal_file: Path, first: tuple[str, ...] = ()
) -> Verdict:
    """Runs load and kills on a system that is ready, lets it settle, and judges. `first` are killed before chance."""
    journal = Journal(journal_file)
    try:
        async with Provider(system) as provider:
            customers = await _set_up(provider)
            hosts = [f"host-{number}" for number in range(max(20, int(seconds / 60 * HOSTS_PER_MINUTE)))]
            for customer in customers:
                await provider.register_hosts(customer, [f"{customer.tenant_id}-{host}" for host in hosts])
            await _teach_bad_manners(system, [f"{tenant}-{host}" for tenant in TENANTS for host in hosts])
            tail = await _tail(provider, customers, journal)
            following = asyncio.create_task(tail.run())
            loads = [
                Load(provider, customer, [f"{customer.tenant_id}-{host}" for host in hosts], journal)
                for customer in customers
            ]
            await _under_fire(system, loads, journal, seconds, Chaos(system, journal, seed), first)
            unsettled = await _settle(system, tail)
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        verdict = await asyncio.to_thread(_judge, system, journal)
    finally:
        journal.close()
    verdict.problems = [*unsettled, *verdict.problems]
    verdict.tail_connections = tail.connections
    return verdict


async def _set_up(provider: Provider) -> list[Customer]:
    await provider.deploy_rules()
    customers = []
    for tenant_id in TENANTS:
        customer = await provider.onboard(tenant_id, charter="clinic")
        await provider.preauthorise(customer, "contain network", "stop process")
        customers.append(customer)
    return customers


async def _teach_bad_manners(system: RunningSystem, hosts: list[str]) -> None:
    """For some hosts the receiver takes effect and then fails or hangs: the sender cannot know, and must not repeat."""
    headers = {"Authorization": f"Bearer {Credentials.of(system.settings.secrets_dir).control}"}
    async with ClientSession(f"http://{system.address('actuator')}", headers=headers, raise_for_status=True) as session:
        for behaviour, behaving in ((Behaviour.FAIL_AFTER, hosts[1::5]), (Behaviour.HANG_AFTER, hosts[2::20])):
            for host in behaving:
                await session.post("/control", json={"behaviour": behaviour.value, "target": agent_of(host)})


async def _tail(provider: Provider, customers: list[Customer], journal: Journal) -> Tail:
    tenants = [customer.tenant_id for customer in customers]
    _, auditor = await provider.person("provider", common_pb2.ROLE_ANALYST, *tenants)
    return Tail(provider.client("ledger", auditor), tenants, journal)


async def _under_fire(
    system: RunningSystem, loads: list[Load], journal: Journal, seconds: float, chaos: Chaos, first: tuple[str, ...]
) -> None:
    working = [asyncio.create_task(load.run()) for load in loads]
    killing = asyncio.create_task(chaos.run(first))
    enough = asyncio.create_task(_enough(chaos, seconds))
    await asyncio.wait([*working, killing, enough], return_when=asyncio.FIRST_COMPLETED)
    enough.cancel()
    killing.cancel()
    for error in await asyncio.gather(killing, return_exceptions=True):
        if not isinstance(error, asyncio.CancelledError):
            journal.surprise(f"the kills ended by themselves: {error!r}")
    if not system.supervisor_runs:
        system.launch()
    await asyncio.to_thread(system.wait_until_ready)
    for load in loads:
        load.stopped.set()
    for error in await asyncio.gather(*working, return_exceptions=True):
        if error is not None:
            journal.surprise(f"a worker ended early: {error!r}")


async def _enough(chaos: Chaos, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await chaos.met_first.wait()


async def _settle(system: RunningSystem, tail: Tail) -> list[str]:
    """Waits until nothing moves any more: policies and views at the head, every action at its end, the tail too."""
    deadline = time.monotonic() + SETTLE_LIMIT_SECONDS
    server, models = system.superuser(LEDGER_DATABASE), _models(system)
    while True:
        rows = await asyncio.to_thread(_rows, server)
        heads = {tenant: len(found) for tenant, found in rows.items()}
        waiting = [f"{action} has no end" for found in rows.values() for action in unfinished(found)]
        waiting += [f"{tenant} is not sealed" for tenant, head in heads.items() if _sealed(system, tenant) < head]
        waiting += [late for each in models for late in each.behind(heads)]
        if not waiting and heads == {tenant: len(found) for tenant, found in _rows(server).items()}:
            break
        if time.monotonic() > deadline:
            return [f"not settled: {what}" for what in waiting[:10]]
        await asyncio.sleep(PAUSE_SECONDS)
    try:
        await tail.reach(heads, SETTLE_LIMIT_SECONDS)
    except TimeoutError:
        return [f"the tail stands at {tail.next_positions}, the ledgers at {heads}"]
    return []


def _judge(system: RunningSystem, journal: Journal) -> Verdict:
    rows = _rows(system.superuser(LEDGER_DATABASE))
    every = [row for found in rows.values() for row in found]
    server = system.superuser("postgres")
    models = _models(system)
    problems = [
        *journal.surprises,
        *check(server, TENANTS, read_journal(journal.path)),
        *(f"{tenant}: {each}" for tenant in TENANTS for each in check_checkpoint(rows[tenant], _head(system, tenant))),
        *check_effects(every, system.state / "actuator" / "state.sqlite"),
        *(parked for each in models for parked in each.parked()),
        *compare_with_rebuilds(models, REBUILD_LIMIT_SECONDS),
    ]
    return Verdict(
        problems=problems,
        acknowledged=dict(journal.acknowledged),
        killed=dict(journal.killed),
        refused=dict(journal.refused),
        entries=len(every),
        actions_verified=len(verified(every)),
    )


def _rows(server: str) -> dict[str, list[Row]]:
    with psycopg.connect(server) as connection:
        return {tenant: read_rows(connection, tenant) for tenant in TENANTS}


def _head(system: RunningSystem, tenant_id: str) -> str:
    """The signed head of a tenant's log, as it lies on the disk; empty before the first."""
    path = system.state / "log" / tenant_id / "checkpoint"
    return path.read_text() if path.exists() else ""


def _sealed(system: RunningSystem, tenant_id: str) -> int:
    lines = _head(system, tenant_id).splitlines()
    return int(lines[1]) if len(lines) > 1 else 0


def _models(system: RunningSystem) -> list[ReadModels]:
    return [ReadModels(system.superuser("postgres"), service) for service in SERVICES]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    journal = Path(tempfile.mkdtemp(prefix="tenet-soak-")) / "journal.jsonl"
    with running_system() as system:
        verdict = asyncio.run(run(system, arguments.minutes * 60, arguments.seed, journal))
        print("\n".join(verdict.lines()), f"journal: {journal}", sep="\n")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
