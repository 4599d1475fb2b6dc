"""After an erasure no way to read shows the value: on a whole running system, through the command line that people use.

One journey seals a canary in an asset, a detection, a verdict, an action and a note of a case. Every command is asked
before and after: a command that never showed the canary would prove nothing.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tenet.ledger.v1 import ledger_read_pb2, ledger_read_pb2_grpc
from typer.testing import CliRunner

from contracts.events.ledger import ErasureCarriedOut
from contracts.ids import TenantId, schema_of
from infra.cli.__main__ import app
from infra.event_store.roles import LEDGER_DATABASE
from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system
from tests.observability.journey import CANARY, HOST, TENANT, Journey, travel

CARRIED_OUT_LIMIT_SECONDS = 60.0
runner = CliRunner()


@dataclass
class Told:
    """A system with a journey behind it, and how its command line answers the analyst and the customer's approver."""

    system: RunningSystem
    journey: Journey

    def ask(self, *words: str, who: str = "") -> str:
        """What a command prints; it has to succeed."""
        named = [*words, "--tenant", TENANT, "--as", who or self.journey.customer.analyst]
        result = runner.invoke(app, named)
        assert result.exit_code == 0, (words, result.output)
        return result.output

    def approve(self, *words: str) -> str:
        return self.ask(*words, who=self.journey.customer.approver)

    def of(self, name: str) -> Any:
        """The identifier or the like that an event of the journey holds, as `Event.field`."""
        event, field = name.split(".")
        return self.journey.one(event)["data"][field]

    def position(self, event: str) -> str:
        return str(next(n for n, each in enumerate(self.journey.entries) if each["type"].endswith(f".{event}")))

    def subjects(self) -> list[str]:
        """Everybody and everything that something is sealed for, as the store keeps it."""
        query = SQL("SELECT DISTINCT subject FROM {}.openings ORDER BY 1").format(
            Identifier(schema_of(TenantId(TENANT)))
        )
        with psycopg.connect(self.system.superuser(LEDGER_DATABASE)) as superuser:
            return [row[0] for row in superuser.execute(query).fetchall()]

    def readings(self) -> dict[str, str]:
        """What each way to read shows, by its command. Everything that opens a sealed field is among them."""
        asset, detection, case = (
            self.of(f"{event}.{kind}_id")
            for event, kind in (("AssetRegistered", "asset"), ("DetectionRaised", "detection"), ("CaseOpened", "case"))
        )
        judged, opened = self.position("DetectionValidated"), self.position("CaseOpened")
        commands: dict[str, tuple[str, ...]] = {
            "asset show": ("asset", "show", asset),
            "asset show, as known": ("asset", "show", asset, "--at", opened),
            "asset list": ("asset", "list"),
            "asset look-up": ("asset", "look-up", HOST),
            "queue": ("detection", "list"),
            "detection show": ("detection", "show", detection),
            "detection show, as happened": ("detection", "show", detection, "--as-happened-at", _now()),
            "case show": ("case", "show", case, "--json"),
            "case timeline": ("case", "timeline", case),
            "case timeline, as happened": ("case", "timeline", case, "--as-happened-at", _now()),
            "replay": ("replay", "--case", case, "--plain"),
            "seen": ("seen", "--position", judged),
            "diff": ("diff", "--detection", detection, "--from", "0", "--to", judged),
            "ledger open": (
                "ledger",
                "open",
                f"{self.position('AssetRegistered')}:/name",
                "--purpose",
                "a test of erasure",
            ),
        }
        return {name: self.ask(*words) for name, words in commands.items()}

    def rendering(self, directory: Path) -> str:
        page = directory / "report.html"
        self.ask("report", "render", self.journey.report_id, "-o", str(page))
        return page.read_text()

    def figures(self) -> str:
        """The canonical model of the report, byte for byte, and what is known of it."""
        told = json.loads(self.ask("report", "show", self.journey.report_id, "--json"))
        return self.ask("report", "show", self.journey.report_id, "--model") + str(told["report"]["model_sha256"])

    def bundle(self, directory: Path) -> bytes:
        """Every byte of a new audit bundle that `tenet verify` finds whole."""
        self.ask("audit", "export", "-o", str(directory), who=self.journey.customer.approver)
        checked = runner.invoke(app, ["verify", str(directory)])
        assert checked.exit_code == 0, checked.output
        return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())

    def resting(self, *indexes: str) -> set[str]:
        """The views and other tables of all services' databases that hold one of these blind indexes in any row."""
        found = set()
        with psycopg.connect(self.system.superuser("postgres")) as superuser:
            names = superuser.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tenet\\_%'").fetchall()
        for (database,) in names:
            if database == LEDGER_DATABASE:
                continue  # The entries keep them: they are what the tree was built over.
            with psycopg.connect(self.system.superuser(database)) as superuser:
                tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
                for (table,) in tables:
                    query = SQL("SELECT count(*) FROM {} t WHERE t::text ~ %s").format(Identifier(table))
                    if superuser.execute(query, ("|".join(indexes),)).fetchone() != (0,):
                        found.add(f"{database}.{table}")
        return found

    def build(self, view: str) -> int:
        """The number of the view's build that is read."""
        database, _, name = view.partition(".")
        with psycopg.connect(self.system.superuser(database)) as superuser:
            query = "SELECT max(build) FROM projection_builds WHERE tenant_id = %s AND projection = %s AND active"
            (number,) = superuser.execute(query, (TENANT, name)).fetchone() or (0,)
            return int(number)

    def carried_out(self) -> int:
        """How often it is on record that an erasure was carried out."""
        query = SQL("SELECT count(*) FROM {}.events WHERE topic = %s").format(Identifier(schema_of(TenantId(TENANT))))
        with psycopg.connect(self.system.superuser(LEDGER_DATABASE)) as superuser:
            (count,) = superuser.execute(query, (ErasureCarriedOut.TOPIC,)).fetchone() or (0,)
            return int(count)

    def erased(self) -> list[dict[str, Any]]:
        """The erasures, once all of them are carried out."""
        deadline = time.monotonic() + CARRIED_OUT_LIMIT_SECONDS
        while True:
            found = json.loads(self.approve("custody", "show", "--json"))["erasures"]
            if all(each.get("carried_out") for each in found):
                return list(found)
            assert time.monotonic() < deadline, "the erasures are not carried out"
            time.sleep(0.2)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CARRIED_OUT_LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.2)


def _now() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with running_system() as running:
        yield running


@pytest.fixture
def told(system: RunningSystem, monkeypatch: pytest.MonkeyPatch) -> Told:
    async def make() -> Journey:
        async with Provider(system) as provider:
            return await travel(provider)

    monkeypatch.setenv("TENET_STATE", str(system.state))
    monkeypatch.setenv("COLUMNS", "300")
    return Told(system, asyncio.run(make()))


async def _subscribed(told: Told) -> bytes:
    """All that a consumer is sent from the beginning on."""
    customer = told.journey.customer
    async with told.system.client("ledger", customer.approver) as client:
        stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
        request = ledger_read_pb2.ReadRequest(tenant_id=TENANT)
        return b"".join([answer.SerializeToString() async for answer in client.stream(stub.Read, request, deadline=30)])


def test_what_was_erased_shows_nowhere_and_every_figure_and_proof_stays(told: Told, tmp_path: Path) -> None:
    silent = [name for name, text in told.readings().items() if CANARY not in text.lower()]
    assert silent == [], "the canary has to show before, or the test would prove nothing"
    assert CANARY.encode() in told.bundle(tmp_path / "before").lower()
    figures = told.figures()
    registered = told.journey.one("AssetRegistered")["data"]
    indexes = (registered["name_index"], *registered["address_indexes"], registered["external_id_index"] or "none")
    views = {"tenet_assets.assets", "tenet_assets.asset_index", "tenet_detections.asset_index"}
    views |= {"tenet_cases.index_assets", "tenet_cases.case_marks"}
    assert views <= told.resting(*indexes)

    keys = told.system.settings.keys_dir / "tenants" / TENANT
    shutil.copytree(keys, tmp_path / "keys")
    subjects = told.subjects()
    for subject in subjects:
        told.approve("custody", "erase", subject, "--basis", "data_subject_request", "--reason", "asked by letter")
    erasures = told.erased()

    after = told.readings()
    assert [name for name, text in after.items() if CANARY in text.lower()] == []
    assert "(erased)" in after["asset show"]
    assert "(erased)" in after["case timeline"]
    assert after["asset look-up"] == "Nothing.\n"
    assert CANARY not in told.rendering(tmp_path).lower()
    assert told.figures() == figures
    assert "Equal, byte for byte" in told.ask("report", "rebuild", told.journey.report_id)
    assert CANARY.encode() not in told.bundle(tmp_path / "after").lower()
    assert CANARY.encode() not in asyncio.run(_subscribed(told)).lower()
    # What was handed over before is beyond reach, and each erasure whose values lie in it says so.
    listed = {each["subject"] for each in erasures if each.get("unreachable_exports")}
    assert {told.of("AssetRegistered.asset_id"), told.of("CaseOpened.case_id")} <= listed
    assert CANARY.encode() in b"".join(path.read_bytes() for path in (tmp_path / "before").rglob("*") if path.is_file())

    # Blind indexes are left in the entries alone, which prove themselves by them; also once the views are built anew.
    _wait(lambda: told.resting(*indexes) == set())
    builds = {view: told.build(view) for view in views}
    for view in views:
        service, name = view.removeprefix("tenet_").split(".")
        told.ask("operations", "rebuild", service, name, who="admin")
    _wait(lambda: all(told.build(view) > build for view, build in builds.items()))
    assert told.resting(*indexes) == set()

    # A backup of the key store from before the erasures brings the keys back, until the system is up again.
    assert told.carried_out() == len(subjects)
    told.system.stop()
    shutil.rmtree(keys)
    shutil.copytree(tmp_path / "keys", keys)
    assert not any(keys.rglob("*.erased"))
    told.system.start()
    _wait(lambda: told.carried_out() == 2 * len(subjects))
    assert len(list(keys.rglob("*.erased"))) == len(subjects)
    # What was sealed since that backup was made is lost with its keys, the reasons of the erasures among it.
    shown = told.ask("asset", "show", told.of("AssetRegistered.asset_id"))
    assert "(erased)" in shown
    assert CANARY not in shown.lower()
