"""A drawn share of verdicts is judged again by somebody who does not see the first one."""

import asyncio
import secrets
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_reviews_read_pb2 as read
from tenet.detections.v1 import (
    detections_reviews_read_pb2_grpc,
    detections_reviews_write_pb2_grpc,
)
from tenet.detections.v1 import detections_reviews_write_pb2 as pb
from tenet.detections.v1 import detections_write_pb2 as write

from contracts.events.blind_reviews import BlindReviewDrawn, BlindReviewGiven, BlindReviewShareSet
from contracts.events.subjects import Verdict
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from services.detections.domain.agreement import Agreement
from services.detections.domain.blind_review import is_drawn
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, serving, writes
from tests.services.detections.records import lines, shadow_copies_deleted

MALICIOUS, BENIGN = common.VERDICT_MALICIOUS, common.VERDICT_BENIGN_EXPECTED
SEED = "5e" * 32
LIMIT_SECONDS = 120


def test_the_draw_is_by_the_detection_alone_and_takes_about_its_share() -> None:
    ids = [f"detection-{number}" for number in range(5_000)]
    drawn = {each for each in ids if is_drawn(SEED, each, 100)}
    assert 400 < len(drawn) < 600
    assert drawn == {each for each in ids if is_drawn(SEED, each, 100)}
    assert drawn < {each for each in ids if is_drawn(SEED, each, 300)}
    assert not any(is_drawn(SEED, each, 0) for each in ids)
    assert all(is_drawn(SEED, each, 1_000) for each in ids)
    assert drawn != {each for each in ids if is_drawn("00" * 32, each, 100)}


def test_agreement_is_told_with_its_interval_and_beyond_chance() -> None:
    """The example of Cohen's kappa by which it is mostly taught: 20 and 15 of 50 agree, kappa is 0.4."""
    yes, no = Verdict.MALICIOUS, Verdict.FALSE_POSITIVE
    agreement = Agreement({(yes, yes): 20, (yes, no): 5, (no, yes): 10, (no, no): 15})
    assert (agreement.given, agreement.agreeing, agreement.permille, agreement.kappa_permille) == (50, 35, 700, 400)
    assert agreement.interval_permille == (562, 809)
    assert Agreement({(yes, yes): 3}).kappa_permille is None
    assert Agreement({(yes, no): 1, (no, yes): 1}).kappa_permille == -1_000
    assert (Agreement({}).permille, Agreement({}).interval_permille, Agreement({}).kappa_permille) == (None, None, None)


@given(st.lists(st.tuples(st.sampled_from(Verdict), st.sampled_from(Verdict)), min_size=1, max_size=50))
def test_kappa_is_what_its_definition_says(verdicts: list[tuple[Verdict, Verdict]]) -> None:
    agreement, total = Agreement.of(verdicts), len(verdicts)
    agree = Fraction(sum(first is second for first, second in verdicts), total)
    firsts, seconds = [first for first, _ in verdicts], [second for _, second in verdicts]
    chance = sum(Fraction(firsts.count(each), total) * Fraction(seconds.count(each), total) for each in Verdict)
    if chance == 1:
        assert agreement.kappa_permille is None
    else:
        assert agreement.kappa_permille == round(1_000 * (agree - chance) / (1 - chance))


@dataclass
class Desk:
    """A tenant with a detection that an analyst has judged, and the people around."""

    service: Service
    tenant_id: str
    lead: Client
    first: Client
    second: Client
    position: int = -1
    """Of the latest second verdict."""

    async def share(self, permille: int, rules: dict[str, int] | None = None, by: Client | None = None) -> int:
        stub = (by or self.lead).stub(detections_reviews_write_pb2_grpc.BlindReviewsWriteServiceStub)
        shares = [read.BlindReviewRuleShare(rule_id=key, share_permille=each) for key, each in (rules or {}).items()]
        request = pb.SetBlindReviewShareRequest(
            tenant_id=self.tenant_id, request_id=request_id(), share_permille=permille, rules=shares, reason="quality"
        )
        return int((await (by or self.lead).call(stub.SetBlindReviewShare, request)).position)

    async def raised(self) -> str:
        sensor = await self.service.sensor(self.tenant_id)
        host = f"desk-{secrets.token_hex(4)}"
        answer = await self.service.ingest(sensor, self.tenant_id, lines(shadow_copies_deleted(host, 1)))
        assert answer.receipt.raised == 1
        events = await self.service.foundation.ledger.feed.read(TenantId(self.tenant_id), answer.position, 1)
        return str(events[0].event.detection_id)

    async def judged(self, detection_id: str, verdict: int = MALICIOUS) -> int:
        request = write.ValidateDetectionRequest(
            tenant_id=self.tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            verdict=verdict,  # type: ignore[arg-type]  # a value of the enum
            confidence_percent=80,
            rationale="the first rationale",
        )
        return int((await self.first.call(writes(self.first).ValidateDetection, request)).position)

    async def queue(self, client: Client, wanted: int = 1) -> list[read.BlindReviewItem]:
        """The queue, once it has as many items as are wanted."""
        stub = client.stub(detections_reviews_read_pb2_grpc.BlindReviewsReadServiceStub)
        request = read.ListBlindReviewQueueRequest(tenant_ids=[self.tenant_id])
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                items = list((await client.call(stub.ListBlindReviewQueue, request, deadline=60)).items)
                if len(items) == wanted:
                    return items
                await asyncio.sleep(0.1)

    async def give(self, client: Client, review_id: str, verdict: int = MALICIOUS, **changes: object) -> bool:
        fields = {
            "tenant_id": self.tenant_id,
            "request_id": request_id(),
            "review_id": review_id,
            "verdict": verdict,
            "confidence_percent": 70,
            "rationale": "as I see it",
        }
        stub = client.stub(detections_reviews_write_pb2_grpc.BlindReviewsWriteServiceStub)
        answer = await client.call(stub.GiveBlindReview, pb.GiveBlindReviewRequest(**(fields | changes)))
        self.position = answer.position
        return bool(answer.agrees)

    async def agreement(self, client: Client, **changes: object) -> read.GetVerdictAgreementResponse:
        stub = client.stub(detections_reviews_read_pb2_grpc.BlindReviewsReadServiceStub)
        fields = {"tenant_id": self.tenant_id, "min_position": self.position}
        request = read.GetVerdictAgreementRequest(**(fields | changes))
        answer: read.GetVerdictAgreementResponse = await client.call(stub.GetVerdictAgreement, request, deadline=60)
        return answer

    async def events(self, kind: type, wanted: int = 0) -> list[object]:
        """Once there are as many as are wanted."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                events = await self.service.foundation.ledger.feed.read(TenantId(self.tenant_id), 0, 1_000)
                found = [each.event for each in events if isinstance(each.event, kind)]
                if len(found) >= wanted:
                    return found
                await asyncio.sleep(0.1)


@pytest.fixture
async def desk(with_rules: Service) -> Desk:
    service = with_rules
    tenant_id = await service.running.onboard()
    people = [(await service.person(role, tenant_id))[1] for role in (ROLE.ROLE_LEAD, *[ROLE.ROLE_ANALYST] * 2)]
    return Desk(service, tenant_id, *people)


async def refused(call: object) -> str:
    with pytest.raises(RemoteError) as refusal:
        await call  # type: ignore[misc]
    return refusal.value.reason


async def test_a_second_analyst_judges_what_was_drawn_without_seeing_the_first_verdict(desk: Desk) -> None:
    await desk.share(1_000)
    detection_id = await desk.raised()
    await desk.judged(detection_id)
    (item,) = await desk.queue(desk.second)
    assert await desk.queue(desk.first, 0) == []
    assert item.detection.detection_id == detection_id
    assert item.detection.evidence[0].summary.value
    assert not item.detection.HasField("validation")
    assert item.detection.claimed_by == ""
    assert "first rationale" not in str(item)
    assert await refused(desk.give(desk.first, item.review_id)) == "SECOND_ANALYST_NEEDED"
    assert await desk.give(desk.second, item.review_id, BENIGN) is False
    assert await refused(desk.give(desk.lead, item.review_id)) == "ALREADY_REVIEWED"
    await desk.queue(desk.second, 0)
    (given,) = await desk.events(BlindReviewGiven)
    assert isinstance(given, BlindReviewGiven)
    assert (given.first_verdict, given.verdict, given.agrees) == (Verdict.MALICIOUS, Verdict.BENIGN_EXPECTED, False)
    # The first verdict stands as it stood.
    await desk.judged(await desk.raised())
    (item,) = await desk.queue(desk.second)
    assert await desk.give(desk.second, item.review_id) is True
    told = await desk.agreement(desk.lead)
    assert (told.given, told.agreeing, told.waiting, told.agreement_permille) == (2, 1, 0, 500)
    assert (told.low_permille, told.high_permille, told.kappa_permille) == (94, 906, 0)
    assert len(told.pairs) == 2
    rule_id = item.detection.rule.rule_id
    assert (await desk.agreement(desk.lead, rule_id=rule_id)).given == 2
    assert (await desk.agreement(desk.lead, rule_id="another")).given == 0


async def test_the_seed_is_sealed_recorded_and_new_with_every_share(desk: Desk) -> None:
    await desk.share(1_000)
    await desk.share(500)
    openings = desk.service.foundation.ledger.openings
    seeds = []
    for event in await desk.events(BlindReviewShareSet):
        assert isinstance(event, BlindReviewShareSet)
        seeds.append((await openings.open(TenantId(desk.tenant_id), [event.seed]))[event.seed])
    assert len(set(seeds)) == 2
    detection_id = await desk.raised()
    await desk.judged(detection_id)
    wanted = int(is_drawn(str(seeds[1]), detection_id, 500))
    assert len(await desk.events(BlindReviewDrawn, wanted)) == wanted


async def test_a_share_of_a_rule_goes_before_that_of_the_tenant_and_none_draws_nothing(desk: Desk) -> None:
    detection_id = await desk.raised()
    await desk.judged(detection_id)
    assert await desk.events(BlindReviewDrawn) == []
    await desk.share(1_000)
    other = await desk.raised()
    await desk.judged(other)
    (item,) = await desk.queue(desk.second)
    await desk.share(1_000, {item.detection.rule.rule_id: 0})
    await desk.judged(await desk.raised())
    assert len(await desk.events(BlindReviewDrawn)) == 1
    stub = desk.lead.stub(detections_reviews_read_pb2_grpc.BlindReviewsReadServiceStub)
    shown = await desk.lead.call(stub.GetBlindReviewShare, read.GetBlindReviewShareRequest(tenant_id=desk.tenant_id))
    assert (shown.share_permille, shown.rules[0].share_permille) == (1_000, 0)


async def test_a_verdict_that_is_withdrawn_is_not_reviewed_and_its_successor_draws_the_same_lot(desk: Desk) -> None:
    await desk.share(1_000)
    detection_id = await desk.raised()
    position = await desk.judged(detection_id)
    (item,) = await desk.queue(desk.second)
    withdrawal = write.WithdrawDetectionValidationRequest(
        tenant_id=desk.tenant_id,
        request_id=request_id(),
        detection_id=detection_id,
        validation_position=position,
        reason="a mistake",
    )
    await desk.first.call(writes(desk.first).WithdrawDetectionValidation, withdrawal)
    await desk.queue(desk.second, 0)
    assert await refused(desk.give(desk.second, item.review_id)) == "NOT_VALIDATED"
    await desk.judged(detection_id, BENIGN)
    (again,) = await desk.queue(desk.second)
    assert again.review_id != item.review_id
    assert await refused(desk.give(desk.second, item.review_id)) == "VALIDATION_CHANGED"


async def test_wrong_roles_other_tenants_and_unknown_reviews_are_refused(desk: Desk) -> None:
    await desk.share(1_000)
    await desk.judged(await desk.raised())
    (item,) = await desk.queue(desk.second)
    assert await refused(desk.share(10, by=desk.second)) == "ROLE_MISSING"
    _, stranger = await desk.service.person(ROLE.ROLE_ANALYST, await desk.service.running.onboard())
    _, viewer = await desk.service.person(ROLE.ROLE_CUSTOMER_VIEWER, desk.tenant_id, home=desk.tenant_id)
    foreign = await refused(desk.give(stranger, item.review_id))
    assert foreign == await refused(desk.give(stranger, item.review_id, tenant_id="nobody-at-all"))
    assert await refused(desk.give(viewer, item.review_id)) == "ROLE_MISSING"
    assert await refused(desk.give(desk.second, "blind_review-nothing")) == "BLIND_REVIEW_UNKNOWN"
    duplicate = common.VERDICT_DUPLICATE
    assert await refused(desk.give(desk.second, item.review_id, duplicate)) == "VERDICT_UNSUITABLE"
    assert await refused(desk.give(desk.second, item.review_id, rationale=" ")) == "RATIONALE_MISSING"


async def test_a_second_delivery_and_a_restart_draw_and_take_nothing_twice(desk: Desk) -> None:
    await desk.share(1_000)
    await desk.judged(await desk.raised())
    (item,) = await desk.queue(desk.second)
    same = request_id()
    assert await desk.give(desk.second, item.review_id, request_id=same) is True
    assert await desk.give(desk.second, item.review_id, request_id=same) is True
    async with serving(desk.service.platform, desk.service.running):
        await desk.judged(await desk.raised())
        await desk.queue(desk.second)
        assert len(await desk.events(BlindReviewDrawn)) == 2
    assert len(await desk.events(BlindReviewGiven)) == 1
