"""S2: pick any rule: its source, tests, author, dated life, first true positive and false share are shown; and a tenant
does without it only for a reason, by an owner, for a time."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_admin_pb2 as packs
from tenet.detections.v1 import detections_rules_admin_pb2 as admin
from tenet.detections.v1 import detections_rules_admin_pb2_grpc as admin_grpc
from tenet.detections.v1 import detections_rules_read_pb2 as read
from tenet.detections.v1 import detections_rules_read_pb2_grpc as read_grpc
from tenet.detections.v1 import detections_rules_write_pb2 as write
from tenet.detections.v1 import detections_rules_write_pb2_grpc as write_grpc

from infra.grpc import Client, RemoteError
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, Service, administers, serving, writes
from tests.services.detections.records import lines, ransom_note, shadow_copies_deleted
from tests.services.detections.test_triage_service import triage, verdict

COPIES_TEXT = """\
title: Copies Deleted
id: COPIES
status: stable
description: Somebody removes the copies.
author: Ada Example
date: 2026-10-01
license: DRL-1.1
references:
    - https://attack.mitre.org/techniques/T1490/
tags:
    - attack.t1490
logsource:
    product: windows
    category: process_creation
detection:
    it:
        Image|endswith: '\\vssadmin.exe'
    condition: it
level: high
inline_tests:
    - name: the copies go
      match: true
      event: {Channel: Microsoft-Windows-Sysmon/Operational, EventID: 1, Image: 'C:\\vssadmin.exe'}
    - name: an editor is opened
      match: false
      event: {Channel: Microsoft-Windows-Sysmon/Operational, EventID: 1, Image: 'C:\\notepad.exe'}
"""
TUNED_TEXT = COPIES_TEXT.replace("Image|endswith: '\\vssadmin.exe'", "Image|endswith|cased: '\\vssadmin.exe'")
FAILING_TEXT = COPIES_TEXT.replace("match: false", "match: true")
NOTE_TEXT = """\
title: Note Written
id: NOTE
logsource:
    product: windows
    category: file_event
detection:
    it:
        TargetFilename|contains: DECRYPT
    condition: it
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        yield started


class Desk:
    """The provider's administrator, who keeps two rules that no other test has."""

    def __init__(self, service: Service, client: Client) -> None:
        self.service, self.client = service, client
        self.copies, self.note = (str(uuid.uuid4()) for _ in range(2))

    def text(self, template: str) -> str:
        return template.replace("id: COPIES", f"id: {self.copies}").replace("id: NOTE", f"id: {self.note}")

    @classmethod
    async def of(cls, service: Service) -> "Desk":
        return cls(service, await service.client("admin"))

    async def take_over(self, reason: str = "", **texts: str) -> packs.ImportRulePackResponse:
        request = packs.ImportRulePackRequest(
            request_id=request_id(),
            name="own",
            archive=pack_of({f"rules/{name}.yml": self.text(text).encode() for name, text in texts.items()}),
            reason=reason,
        )
        answer: packs.ImportRulePackResponse = await self.client.call(administers(self.client).ImportRulePack, request)
        return answer

    async def deploy(self, pack_id: str, reason: str = "") -> int:
        request = packs.DeployRulePackRequest(request_id=request_id(), pack_id=pack_id, reason=reason)
        return int((await self.client.call(administers(self.client).DeployRulePack, request)).position)

    async def put_to_work(self, reason: str = "", **texts: str) -> int:
        imported = await self.take_over(reason, **texts)
        return await self.deploy(imported.rule_pack.pack_id, reason)

    async def retire(self, rule_id: str, **more: str) -> int:
        request = admin.RetireRuleRequest(
            **{"request_id": request_id(), "rule_id": rule_id, "reason": "It is noise.", **more}
        )
        stub = self.client.stub(admin_grpc.RulesAdminServiceStub)
        return int((await self.client.call(stub.RetireRule, request)).position)

    async def reinstate(self, rule_id: str) -> int:
        request = admin.ReinstateRuleRequest(request_id=request_id(), rule_id=rule_id, reason="We need it.")
        stub = self.client.stub(admin_grpc.RulesAdminServiceStub)
        return int((await self.client.call(stub.ReinstateRule, request)).position)


class Customer:
    """A tenant with a sensor, an analyst and a lead."""

    def __init__(self, service: Service, tenant_id: str, sensor: Client, analyst: Client, lead: Client) -> None:
        self.service, self.tenant_id = service, tenant_id
        self.sensor, self.analyst, self.lead = sensor, analyst, lead

    @classmethod
    async def of(cls, service: Service) -> "Customer":
        tenant_id = str(await service.running.onboard())
        _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
        _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
        return cls(service, tenant_id, await service.sensor(tenant_id), analyst, lead)

    async def raised(self, *records: dict[str, object]) -> int:
        """How many detections these records raise, or join."""
        receipt = (await self.service.ingest(self.sensor, self.tenant_id, lines(*records))).receipt
        return int(receipt.raised + receipt.joined)

    async def judged(self, verdict_: int, *records: dict[str, object]) -> tuple[str, int]:
        """What the records raised, and where its verdict lies."""
        sent = await self.service.ingest(self.sensor, self.tenant_id, lines(*records))
        (item,) = (await triage(self.analyst, sent.position, self.tenant_id)).items
        request = verdict(self.tenant_id, item.detection_id, verdict=verdict_, rationale="Looked at.")
        answer = await self.analyst.call(writes(self.analyst).ValidateDetection, request)
        return item.detection_id, int(answer.position)

    def excepting(self, rule_id: str, *, days: float = 7, **more: Any) -> write.ExceptRuleRequest:
        return write.ExceptRuleRequest(
            **{
                "tenant_id": self.tenant_id,
                "request_id": request_id(),
                "rule_id": rule_id,
                "expires_at": stamp(self.service.foundation.clock() + timedelta(days=days)),
                "reason": "The backup does this.",
                **more,
            }
        )

    async def excepts(self, request: write.ExceptRuleRequest, by: Client | None = None) -> write.ExceptRuleResponse:
        client = by or self.analyst
        answer: write.ExceptRuleResponse = await client.call(changes(client).ExceptRule, request)
        return answer

    async def exceptions(self, *, ended: bool = False) -> list[read.RuleException]:
        head = await self.service.foundation.ledger.feed.head(self.tenant_id)  # type: ignore[arg-type]  # It is one.
        request = read.ListRuleExceptionsRequest(
            tenant_ids=[self.tenant_id], min_position=head - 1, include_ended=ended
        )
        answer = await self.analyst.call(pages(self.analyst).ListRuleExceptions, request)
        return list(answer.exceptions)


def pages(client: Client) -> read_grpc.RulesReadServiceStub:
    return client.stub(read_grpc.RulesReadServiceStub)


def changes(client: Client) -> write_grpc.RulesWriteServiceStub:
    return client.stub(write_grpc.RulesWriteServiceStub)


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


async def page(client: Client, rule_id: str, **more: Any) -> read.GetRuleResponse:
    answer: read.GetRuleResponse = await client.call(
        pages(client).GetRule, read.GetRuleRequest(rule_id=rule_id, **more)
    )
    return answer


def stages(answer: read.GetRuleResponse) -> list[str]:
    return [read.RuleStageKind.Name(each.kind).removeprefix("RULE_STAGE_KIND_").lower() for each in answer.stages]


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(RemoteError) as error:
        yield
    assert error.value.reason == reason


async def test_a_rules_page_shows_its_source_tests_author_first_true_positive_and_false_share(
    service: Service,
) -> None:
    desk = await Desk.of(service)
    position = await desk.put_to_work("A gang does this since October.", copies=COPIES_TEXT, note=NOTE_TEXT)
    clinic, shop = await Customer.of(service), await Customer.of(service)
    detection_id, validated = await clinic.judged(common.VERDICT_MALICIOUS, shadow_copies_deleted("A", 1))
    await clinic.judged(common.VERDICT_FALSE_POSITIVE, shadow_copies_deleted("B", 2))
    await clinic.judged(common.VERDICT_MALICIOUS, shadow_copies_deleted("C", 3))
    _, last = await clinic.judged(common.VERDICT_BENIGN_EXPECTED, shadow_copies_deleted("D", 4))
    _, elsewhere = await shop.judged(common.VERDICT_FALSE_POSITIVE, shadow_copies_deleted("E", 5))

    shown = await page(clinic.analyst, desk.copies, min_provider_position=position, min_position=last)
    assert (shown.rule.title, shown.rule.level, shown.rule.state) == (
        "Copies Deleted",
        "high",
        read.RULE_STATE_DEPLOYED,
    )
    source = shown.source
    assert source.text == desk.text(COPIES_TEXT)
    assert (source.author, source.license, source.written, source.status) == (
        "Ada Example",
        "DRL-1.1",
        "2026-10-01",
        "stable",
    )
    assert list(source.references) == ["https://attack.mitre.org/techniques/T1490/"]
    assert list(source.techniques) == ["T1490"]
    assert list(source.tests) == ["the copies go", "an editor is opened"]
    assert (shown.rule.trial.passed, shown.rule.trial.failed) == (2, 0)
    assert stages(shown) == ["researched", "tested", "deployed"]
    assert {each.reason.value for each in shown.stages if each.HasField("reason")} == {
        "A gang does this since October."
    }
    assert all(each.principal_id and each.recorded_at.seconds for each in shown.stages)

    record = shown.record
    assert (record.detections, record.true_positives, record.false_positives, record.other_verdicts) == (4, 2, 1, 1)
    # 2 of 3: Wilson's interval at 95 % is 0.2077 to 0.9385.
    assert (record.precision_permille, record.precision_low_permille, record.precision_high_permille) == (666, 207, 939)
    first = record.first_true_positive
    assert (first.tenant_id, first.detection_id, first.validation_position) == (
        clinic.tenant_id,
        detection_id,
        validated,
    )

    others = await page(shop.analyst, desk.copies, tenant_ids=[shop.tenant_id], min_position=elsewhere)
    assert (others.record.true_positives, others.record.false_positives, others.record.precision_permille) == (0, 1, 0)
    assert not others.record.HasField("first_true_positive")
    assert clinic.tenant_id not in str(others)
    with refused("TENANT_UNKNOWN"):
        await page(shop.analyst, desk.copies, tenant_ids=[clinic.tenant_id])

    untried = await page(clinic.analyst, desk.note)
    assert not untried.rule.HasField("trial")
    assert not untried.record.HasField("precision_permille")
    with refused("RULE_UNKNOWN"):
        await page(clinic.analyst, "no-such-rule")


async def test_who_may_see_a_rule_and_what_of_it(service: Service) -> None:
    desk, customer = await Desk.of(service), await Customer.of(service)
    position = await desk.put_to_work("Between us.", copies=COPIES_TEXT)
    await customer.judged(common.VERDICT_MALICIOUS, shadow_copies_deleted("A", 1))
    _, viewer = await service.person(ROLE.ROLE_CUSTOMER_VIEWER, customer.tenant_id, home=customer.tenant_id)
    seen = await page(viewer, desk.copies, min_provider_position=position)
    assert seen.source.text == desk.text(COPIES_TEXT)
    assert {each.reason.withheld for each in seen.stages if each.HasField("reason")} == {True}
    by_admin = await page(desk.client, desk.copies)
    assert by_admin.source.text == desk.text(COPIES_TEXT)
    assert not by_admin.HasField("record")
    assert not by_admin.exceptions
    with refused("ROLE_MISSING"):
        await page(customer.sensor, desk.copies)


async def test_a_rules_life_is_dated_and_shown_as_it_was_known_and_retiring_takes_effect(service: Service) -> None:
    desk, customer = await Desk.of(service), await Customer.of(service)
    first = await desk.put_to_work("New.", copies=COPIES_TEXT, note=NOTE_TEXT)
    tuned = await desk.put_to_work("Less noise.", copies=TUNED_TEXT, note=NOTE_TEXT)
    assert await customer.raised(shadow_copies_deleted("A", 1)) == 1
    retired = await desk.retire(desk.copies, request_id="retired-once-1")
    assert await desk.retire(desk.copies, request_id="retired-once-1") == retired
    assert await customer.raised(shadow_copies_deleted("B", 2), ransom_note("B", 3)) == 1
    for refusal in (desk.retire(desk.copies), customer.excepts(customer.excepting(desk.copies))):
        with refused("RULE_RETIRED"):
            await refusal
    await desk.put_to_work("Again.", copies=COPIES_TEXT, note=NOTE_TEXT)
    assert await customer.raised(shadow_copies_deleted("C", 4)) == 0
    reinstated = await desk.reinstate(desk.copies)
    assert await customer.raised(shadow_copies_deleted("D", 5)) == 1
    with refused("RULE_NOT_RETIRED"):
        await desk.reinstate(desk.copies)
    dropped = await desk.put_to_work("No more notes.", copies=COPIES_TEXT)
    assert await customer.raised(ransom_note("E", 6)) == 0
    for refusal in (desk.retire(desk.note), customer.excepts(customer.excepting(desk.note))):
        with refused("RULE_NOT_DEPLOYED"):
            await refusal

    new, better = ["researched", "tested", "deployed"], ["researched", "tested", "tuned"]
    for position, wanted, state in (
        (first, new, read.RULE_STATE_DEPLOYED),
        (tuned, [*new, *better], read.RULE_STATE_DEPLOYED),
        (retired, [*new, *better, "retired"], read.RULE_STATE_RETIRED),
    ):
        known = await page(customer.analyst, desk.copies, at_provider_position=position)
        assert (stages(known), known.rule.state) == (wanted, state)
        assert not known.HasField("record")
    now = await page(customer.analyst, desk.copies, min_provider_position=dropped)
    # The last pack brings the first text again, which ran already.
    assert stages(now) == [*new, *better, "retired", "reinstated", "researched", "tested"]
    assert now.stages[-3].position == reinstated
    assert now.source.text == desk.text(COPIES_TEXT)
    gone = await page(customer.analyst, desk.note, min_provider_position=dropped)
    assert (stages(gone)[-1], gone.rule.state) == ("dropped", read.RULE_STATE_RETIRED)
    request = read.ListRulesRequest(states=[read.RULE_STATE_DEPLOYED], min_provider_position=dropped)
    assert [rule.rule_id for rule in (await desk.client.call(pages(desk.client).ListRules, request)).rules] == [
        desk.copies
    ]


async def test_a_rule_that_fails_its_own_tests_is_named_and_not_put_to_work(service: Service) -> None:
    desk = await Desk.of(service)
    imported = await desk.take_over(copies=FAILING_TEXT, note=NOTE_TEXT)
    assert list(imported.failing_rule_ids) == [desk.copies]
    with refused("RULE_TESTS_FAILED"):
        await desk.deploy(imported.rule_pack.pack_id)
    request = read.ListRulesRequest(failing_only=True, min_provider_position=imported.position)
    (failing,) = (await desk.client.call(pages(desk.client).ListRules, request)).rules
    assert [(each.name, each.reason) for each in failing.trial.named] == [("an editor is opened", "It does not match.")]
    assert failing.state == read.RULE_STATE_RESEARCHED


async def test_what_a_tenant_excepts_raises_nothing_there_at_once_is_counted_and_fires_again(service: Service) -> None:
    desk = await Desk.of(service)
    await desk.put_to_work(copies=COPIES_TEXT, note=NOTE_TEXT)
    customer, other = await Customer.of(service), await Customer.of(service)
    request = customer.excepting(desk.copies)
    added = await customer.excepts(request)
    assert await customer.excepts(request) == added
    with refused("RULE_EXCEPTED"):
        await customer.excepts(customer.excepting(desk.copies))
    both = (shadow_copies_deleted("A", 1), shadow_copies_deleted("B", 2), ransom_note("A", 3))
    assert await customer.raised(*both) == 1
    assert await other.raised(*both) == 3
    (shown,) = await customer.exceptions()
    assert (shown.exception_id, shown.rule_id, shown.matches, shown.standing) == (
        added.exception_id,
        desk.copies,
        2,
        True,
    )
    assert (shown.reason.value, shown.disabled) == ("The backup does this.", False)
    assert await other.exceptions(ended=True) == []
    assert not (await page(other.analyst, desk.copies)).exceptions
    assert [each.tenant_id for each in (await page(customer.analyst, desk.copies)).exceptions] == [customer.tenant_id]

    renew = write.RenewRuleExceptionRequest(
        tenant_id=customer.tenant_id,
        request_id=request_id(),
        exception_id=added.exception_id,
        expires_at=stamp(service.foundation.clock() + timedelta(days=30)),
        reason="The backup goes on.",
    )
    await customer.lead.call(changes(customer.lead).RenewRuleException, renew)
    (renewed,) = await customer.exceptions()
    assert (renewed.renewals, renewed.reason.value) == (1, "The backup goes on.")
    assert renewed.owner_id != shown.owner_id
    end = write.EndRuleExceptionRequest(
        tenant_id=customer.tenant_id, request_id=request_id(), exception_id=added.exception_id, reason="It moved."
    )
    await customer.analyst.call(changes(customer.analyst).EndRuleException, end)
    assert await customer.raised(shadow_copies_deleted("C", 4)) == 1
    assert await customer.exceptions() == []
    (ended,) = await customer.exceptions(ended=True)
    assert (ended.matches, ended.standing, ended.HasField("ended_position")) == (2, False, True)
    end.request_id = request_id()
    with refused("RULE_EXCEPTION_UNKNOWN"):
        await customer.analyst.call(changes(customer.analyst).EndRuleException, end)


async def test_an_exception_ends_by_itself_and_is_bounded(service: Service) -> None:
    desk = await Desk.of(service)
    await desk.put_to_work(copies=COPIES_TEXT)
    customer = await Customer.of(service)
    for days in (-1, 91):
        with refused("RULE_EXCEPTION_TOO_LONG"):
            await customer.excepts(customer.excepting(desk.copies, days=days))
    without_end = customer.excepting(desk.copies)
    without_end.ClearField("expires_at")
    with refused("MALFORMED_REQUEST"):
        await customer.excepts(without_end)
    soon = service.foundation.clock() + timedelta(seconds=6)
    await customer.excepts(customer.excepting(desk.copies, expires_at=stamp(soon)))
    before = await customer.raised(shadow_copies_deleted("A", 1))
    in_time = service.foundation.clock() < soon  # A slow machine may have sent it too late to be excepted.
    assert before == 0 or not in_time
    while service.foundation.clock() < soon:
        await asyncio.sleep(0.1)
    assert await customer.raised(shadow_copies_deleted("B", 2)) == 1
    assert await customer.exceptions() == []


async def test_a_rule_is_disabled_by_a_lead_until_it_is_enabled_and_a_restart_changes_nothing(
    platform: Platform,
) -> None:
    await platform.prepare()
    async with platform.running() as running:
        async with serving(platform, running) as service:
            desk = await Desk.of(service)
            await desk.put_to_work(copies=COPIES_TEXT, note=NOTE_TEXT)
            await desk.retire(desk.note)
            customer = await Customer.of(service)
            disable = write.DisableRuleRequest(
                tenant_id=customer.tenant_id, request_id=request_id(), rule_id=desk.copies, reason="Not here."
            )
            with refused("ROLE_MISSING"):
                await customer.analyst.call(changes(customer.analyst).DisableRule, disable)
            await customer.lead.call(changes(customer.lead).DisableRule, disable)
            tenant_id, key = customer.tenant_id, await service.sensor_key(customer.tenant_id)
        async with serving(platform, running) as service:
            _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
            _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
            sensor = await running.machine_client(service.port, key)
            customer = Customer(service, tenant_id, sensor, analyst, lead)
            assert await customer.raised(shadow_copies_deleted("A", 1), ransom_note("A", 2)) == 0
            (shown,) = await customer.exceptions()
            assert (shown.disabled, shown.HasField("expires_at"), shown.matches) == (True, False, 1)
            enable = write.EnableRuleRequest(
                tenant_id=tenant_id, request_id=request_id(), rule_id=desk.copies, reason="Here again."
            )
            await lead.call(changes(lead).EnableRule, enable)
            assert await customer.raised(shadow_copies_deleted("B", 3)) == 1
            enable.request_id = request_id()
            with refused("RULE_NOT_DISABLED"):
                await lead.call(changes(lead).EnableRule, enable)


async def test_only_the_tenants_analysts_and_leads_do_without_a_rule(service: Service) -> None:
    desk = await Desk.of(service)
    await desk.put_to_work(copies=COPIES_TEXT)
    customer, other = await Customer.of(service), await Customer.of(service)
    _, approver = await service.person(ROLE.ROLE_CUSTOMER_APPROVER, customer.tenant_id, home=customer.tenant_id)
    _, auditor = await service.person(ROLE.ROLE_AUDITOR, customer.tenant_id)
    for client, reason in (
        (approver, "ROLE_MISSING"),
        (auditor, "ROLE_MISSING"),
        (customer.sensor, "ROLE_MISSING"),
        (other.analyst, "TENANT_UNKNOWN"),
    ):
        with refused(reason):
            await customer.excepts(customer.excepting(desk.copies), by=client)
    for client in (customer.lead, approver):
        stub = client.stub(admin_grpc.RulesAdminServiceStub)
        with refused("ROLE_MISSING"):
            await client.call(
                stub.RetireRule, admin.RetireRuleRequest(request_id=request_id(), rule_id=desk.copies, reason="Noise.")
            )
    with refused("RULE_UNKNOWN"):
        await customer.excepts(customer.excepting("no-such-rule"))
