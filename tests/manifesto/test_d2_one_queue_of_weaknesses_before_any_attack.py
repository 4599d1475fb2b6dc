"""D2: detection before attacks: vulnerable systems, insecure changes and newcomers in one queue over all customers,
with exposure, likelihood and severity; what is not known is shown as missing, never as zero.

On a whole running system, by the commands that its people use.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tenet.common.v1 import common_pb2 as common
from typer.testing import CliRunner

from infra.cli.__main__ import app
from tests.fixtures.customers import Customer, Provider
from tests.fixtures.running_system import RunningSystem, running_system
from tests.services.assets.feeds import DOOR, VALVE, epss, kev
from tests.services.detections.records import harmless, lines

LIMIT_SECONDS = 120.0
runner = CliRunner()


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with running_system() as running:
        yield running


class People:
    """Two customers; an analyst of both and a lead, who speak through `./tenet`."""

    def __init__(self, customers: tuple[Customer, Customer], analyst: str, lead: str) -> None:
        self.clinic, self.office = customers
        self.analyst, self.lead = analyst, lead

    def run(self, *words: str, who: str = "", fails: bool = False) -> str:
        result = runner.invoke(app, [*words, "--as", who or self.analyst])
        assert (result.exit_code != 0) is fails, (words, result.output)
        return result.output

    def made(self, *words: str) -> str:
        """The identifier that a command answers."""
        return self.run(*words).strip()

    def findings(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("finding", "list", "--json", *words)).get("findings", [])
        return found

    def once(self, holds: Callable[[list[dict[str, Any]]], bool], *words: str) -> list[dict[str, Any]]:
        """The findings as soon as they are as wanted."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not holds(found := self.findings(*words)):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found


@pytest.fixture
def people(system: RunningSystem, monkeypatch: pytest.MonkeyPatch) -> People:
    name = f"t{time.monotonic_ns()}"

    async def set_up() -> People:
        async with Provider(system) as provider:
            clinic, office = await provider.onboard(f"clinic-{name}"), await provider.onboard(f"office-{name}")
            _, analyst = await provider.person("provider", common.ROLE_ANALYST, clinic.tenant_id, office.tenant_id)
            _, lead = await provider.person("provider", common.ROLE_LEAD, "provider")
            return People((clinic, office), analyst, lead)

    made = asyncio.run(set_up())
    monkeypatch.setenv("TENET_STATE", str(system.state))
    monkeypatch.setenv("COLUMNS", "300")
    return made


def send(people: People, customer: Customer, path: Path, *records: dict[str, Any]) -> None:
    path.write_bytes(lines(*records))
    with pytest.MonkeyPatch.context() as machine:
        machine.setenv("TENET_API_KEY", customer.sensor)
        result = runner.invoke(app, ["ingest", "--tenant", customer.tenant_id, str(path)])
        assert result.exit_code == 0, result.output


def test_vulnerable_systems_insecure_changes_and_newcomers_stand_in_one_queue(people: People, tmp_path: Path) -> None:
    clinic, office = people.clinic, people.office
    ward = people.made("asset", "add", "--tenant", clinic.tenant_id, "ward-1", "--value", "5")
    desk = people.made("asset", "add", "--tenant", office.tenant_id, "desk-1", "--value", "2")
    report = ("finding", "report", "--severity", "3", "--detail", "found by a scan")
    at_ward = (*report, "--tenant", clinic.tenant_id, "--asset", ward)
    valve = people.made(*at_ward, "A valve is open", "--vulnerability", VALVE, "--exposure", "internal")
    door = people.made(*report, "--tenant", office.tenant_id, "--asset", desk, "A door", "--vulnerability", DOOR)
    change = people.made(*at_ward, "Logging was switched off", "--kind", "insecure_change")
    send(people, clinic, tmp_path / "clinic.json", harmless("ward-1", 1), harmless("stranger-7", 2))
    for feed, content in (
        ("kev", kev("2026.03.02", "2026-03-02T00:00:00Z", DOOR)),
        ("epss", epss("2026-03-01", {VALVE: "0.25"})),
    ):
        (tmp_path / feed).write_bytes(content)
        people.run("vulnerability", "import", feed, str(tmp_path / feed), who=people.lead)

    def judged(found: list[dict[str, Any]]) -> bool:
        by_id = {each["finding_id"]: each for each in found}
        return len(found) == 4 and "known_exploited" in by_id[valve] and "known_exploited" in by_id[door]

    found = people.once(judged)
    by_id = {each["finding_id"]: each for each in found}
    (newcomer,) = [each for each in found if each["kind"] == "FINDING_KIND_NEWCOMER"]
    assert found[0]["finding_id"] == door, "what is exploited comes first"
    assert {each["tenant_id"] for each in found} == {clinic.tenant_id, office.tenant_id}
    assert all(each["severity_id"] == 3 for each in found)

    told = by_id[valve]
    assert (told["exposure"], told["likelihood_millionths"], told["known_exploited"], told["asset_value"]) == (
        "EXPOSURE_INTERNAL",
        250_000,
        False,
        5,
    )
    assert "missing" not in told
    assert {(each["feed"], each["version"]) for each in told["feeds"]} == {
        ("VULNERABILITY_FEED_KEV", "2026.03.02"),
        ("VULNERABILITY_FEED_EPSS", "v2026.03.01 2026-03-01"),
    }
    assert (by_id[door]["missing"], by_id[door]["asset_value"]) == (["exposure", "likelihood"], 2)
    assert by_id[change]["missing"] == ["exposure", "likelihood", "known_exploited"]
    assert newcomer["missing"] == ["exposure", "likelihood", "known_exploited", "asset_value"]
    for each in (by_id[change], newcomer):
        assert not {"exposure", "likelihood_millionths", "known_exploited"} & each.keys()

    shown = people.run("finding", "list")
    for kind, likely, exploited, value in (
        ("exposure", "0.25", "no", "5"),
        ("exposure", "?", "yes", "2"),
        ("insecure_change", "?", "?", "5"),
        ("newcomer", "?", "?", "?"),
    ):
        rows = [line.split() for line in shown.splitlines()]
        assert any(kind in row and [likely, exploited, value] == row[4:7] for row in rows), (kind, shown)
    assert "kev 2026.03.02" in shown
    page = people.run("finding", "show", "--tenant", clinic.tenant_id, newcomer["finding_id"])
    assert "stranger-7" in page
    assert "exposure, likelihood, known exploited, asset value" in page
    assert [each["finding_id"] for each in people.findings("--kind", "newcomer")] == [newcomer["finding_id"]]


def test_a_host_that_nobody_registered_is_a_newcomer_once_until_it_is_registered(
    people: People, tmp_path: Path
) -> None:
    clinic, office = people.clinic, people.office
    people.made("asset", "add", "--tenant", clinic.tenant_id, "ward-1", "--address", "10.0.0.7")
    batch = tmp_path / "batch.json"
    send(people, clinic, batch, harmless("WARD-1.clinic.example", 1), harmless("10.0.0.7", 2), harmless("10.0.0.8", 3))
    send(people, clinic, batch, harmless("stranger-7", 4))
    newcomers = ("--kind", "newcomer")
    found = people.once(lambda found: len(found) == 2, *newcomers)
    assert {each["detail"]["value"] for each in found} == {"stranger-7", "10.0.0.8"}
    assert {each["tenant_id"] for each in found} == {clinic.tenant_id}
    assert {each["source"] for each in found} == {"telemetry:windows"}
    named = next(each["finding_id"] for each in found if each["detail"]["value"] == "stranger-7")

    # Again, in another batch and from another customer: the one is the same host, the other is somebody else's.
    send(people, clinic, batch, harmless("Stranger-7", 5), harmless("stranger-8", 6))
    send(people, office, batch, harmless("stranger-7", 7))
    found = people.once(lambda found: len(found) == 4, *newcomers)
    assert sum(each["tenant_id"] == office.tenant_id for each in found) == 1

    asset = people.made("asset", "add", "--tenant", clinic.tenant_id, "stranger-7", "--address", "10.0.0.8")
    left = people.once(lambda found: len(found) == 2, *newcomers)
    assert {each["detail"]["value"] for each in left if each["tenant_id"] == clinic.tenant_id} == {"stranger-8"}
    assert sum(each["tenant_id"] == office.tenant_id for each in left) == 1
    fixed = next(each for each in people.findings("--all", *newcomers) if each["finding_id"] == named)
    assert (fixed["state"], fixed["fix_verified_asset_ids"]) == ("FINDING_STATE_FIXED", [asset])


def test_the_lists_that_findings_are_judged_by_are_fetched_on_a_schedule_that_shows_what_went_wrong(
    people: People,
) -> None:
    feeds = "vulnerability"
    # This deployment names no network of its own that may be fetched from.
    refused = people.run(feeds, "schedule", "kev", "https://10.0.0.1/kev.json", who=people.lead, fails=True)
    assert "FETCH_ADDRESS_REFUSED" in refused
    people.run(feeds, "schedule", "kev", "http://localhost:1/kev.json", "--every", "30", who=people.lead)
    assert "FETCH_ADDRESS_REFUSED" in people.run(feeds, "fetch", "kev", who=people.lead, fails=True)
    told = people.run(feeds, "feeds", who=people.lead)
    assert "every 30 min from http://localhost:1/kev.json; the last fetch was refused: FETCH_ADDRESS_REFUSED" in told
    people.run(feeds, "unschedule", "kev", who=people.lead)
    assert "localhost" not in people.run(feeds, "feeds", who=people.lead)
    assert "FEED_NOT_SCHEDULED" in people.run(feeds, "unschedule", "kev", who=people.lead, fails=True)
