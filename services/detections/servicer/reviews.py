"""BlindReviewsReadService and BlindReviewsWriteService: a drawn share of verdicts is judged by a second person."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_reviews_read_pb2 as read
from tenet.detections.v1 import detections_reviews_write_pb2 as write

from contracts.events.blind_reviews import BlindReviewGiven
from contracts.ids import TenantId
from infra.answering import Answering, Words, next_page
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, ascending, at_least, descending, equal, not_equal, one_of
from infra.read_database.reader.pages import MAX_PAGE_SIZE, Document, PageRequest
from services.detections.application.blind_reviewing import BlindReviewing
from services.detections.config import MAX_REVIEWS_COMPARED
from services.detections.domain.agreement import Agreement
from services.detections.domain.commands import GiveBlindReview, RuleShareInput, SetBlindReviewShare
from services.detections.projections import BLIND_REVIEWS, DETECTIONS
from services.detections.projections.blind_reviews import BlindReviewDocument, ReviewState
from services.detections.projections.detections import DetectionDocument
from services.detections.servicer.shown import detection_message, detection_words
from services.detections.servicer.wire import VERDICTS, named, timestamp

STATES = {state: read.BlindReviewState.Value(f"BLIND_REVIEW_STATE_{state.name}") for state in ReviewState}
UNKNOWN = common.Verdict.VERDICT_UNSPECIFIED
WAITING = equal("state", ReviewState.WAITING.value)
GIVEN = equal("state", ReviewState.GIVEN.value)


class BlindReviewsReadServicer:
    def __init__(self, answering: Answering, reviewing: BlindReviewing) -> None:
        self._answering, self._reviewing = answering, reviewing

    async def ListBlindReviewQueue(
        self, request: read.ListBlindReviewQueueRequest, context: Context
    ) -> read.ListBlindReviewQueueResponse:
        await self._answering.waited(request, context, BLIND_REVIEWS, DETECTIONS)
        where = [WAITING, not_equal("validator_id", context.call.actor.id)]
        page = await self._answering.page(BLIND_REVIEWS, where, [ascending("drawn_at")], request, context)
        found = await self._unjudged(page.items, context)
        opened = await self._answering.opened(list(found.values()), detection_words, context, "blind review")
        # A detection that is not shown yet, since its view is behind that of the reviews, is there at the next look.
        items = [
            read.BlindReviewItem(
                review_id=item.document.review_id,
                drawn_at=timestamp(item.document.drawn_at),
                detection=detection_message(detection, opened[item.tenant_id]),
            )
            for item in page.items
            if (detection := found.get((item.tenant_id, item.document.detection_id))) is not None
        ]
        return read.ListBlindReviewQueueResponse(items=items, not_ready_tenant_ids=page.not_ready, page=next_page(page))

    async def GetBlindReviewShare(
        self, request: read.GetBlindReviewShareRequest, context: Context
    ) -> read.GetBlindReviewShareResponse:
        sampling = await self._reviewing.sampling(context.call.tenant_id)
        return read.GetBlindReviewShareResponse(
            share_permille=sampling.share_permille,
            rules=[
                read.BlindReviewRuleShare(rule_id=rule_id, share_permille=share)
                for rule_id, share in sampling.rules.items()
            ],
            set_position=sampling.position if sampling.position >= 0 else None,
        )

    async def ListBlindReviews(
        self, request: read.ListBlindReviewsRequest, context: Context
    ) -> read.ListBlindReviewsResponse:
        page = await self._answering.page(BLIND_REVIEWS, [GIVEN], [descending("given_at")], request, context)
        opened = await self._answering.opened(page.items, _words, context, "list blind reviews")
        return read.ListBlindReviewsResponse(
            blind_reviews=[_message(item.document, opened[item.tenant_id]) for item in page.items],
            page=next_page(page),
        )

    async def GetVerdictAgreement(
        self, request: read.GetVerdictAgreementRequest, context: Context
    ) -> read.GetVerdictAgreementResponse:
        await self._answering.waited(request, context, BLIND_REVIEWS)
        own = [equal("rule_id", request.rule_id)] if request.rule_id else []
        since = [at_least("given_at", request.since.ToDatetime(UTC))] if request.HasField("since") else []
        given = await self._all([GIVEN, *own, *since], context)
        waiting = await self._all([WAITING, *own], context)
        agreement = Agreement.of(
            (each.first_verdict, each.verdict) for each in given if each.first_verdict and each.verdict
        )
        low, high = agreement.interval_permille or (None, None)
        return read.GetVerdictAgreementResponse(
            waiting=len(waiting),
            given=agreement.given,
            agreeing=agreement.agreeing,
            agreement_permille=agreement.permille,
            low_permille=low,
            high_permille=high,
            kappa_permille=agreement.kappa_permille,
            pairs=[
                read.VerdictPair(first=VERDICTS[first], second=VERDICTS[second], count=count)
                for (first, second), count in sorted(agreement.pairs.items())
            ],
        )

    async def _unjudged(
        self, items: Sequence[Document[BlindReviewDocument]], context: Context
    ) -> Mapping[tuple[TenantId, str], Document[DetectionDocument]]:
        """The detections of these reviews, without what the first person did and said."""
        keys = sorted({item.document.detection_id for item in items})
        if not keys:
            return {}
        tenants = sorted({item.tenant_id for item in items})
        page = await DETECTIONS.list(
            self._answering.reader,
            tenants,
            [one_of("key", keys)],
            page=PageRequest(MAX_PAGE_SIZE),
            deadline=context.deadline,
        )
        unjudged = {"validation": None, "claimed_by": None}
        return {
            (each.tenant_id, each.key): replace(each, document=each.document.model_copy(update=unjudged))
            for each in page.items
        }

    async def _all(self, where: Sequence[Condition], context: Context) -> list[BlindReviewDocument]:
        """The latest, up to MAX_REVIEWS_COMPARED."""
        found: list[BlindReviewDocument] = []
        token = ""
        while len(found) < MAX_REVIEWS_COMPARED:
            page = await BLIND_REVIEWS.list(
                self._answering.reader,
                [context.call.tenant_id],
                where,
                [descending("given_at")],
                PageRequest(MAX_PAGE_SIZE, token),
                deadline=context.deadline,
            )
            found += [item.document for item in page.items]
            token = page.next_token
            if not token:
                break
        return found[:MAX_REVIEWS_COMPARED]


class BlindReviewsWriteServicer:
    def __init__(self, reviewing: BlindReviewing) -> None:
        self._reviewing = reviewing

    async def SetBlindReviewShare(
        self, request: write.SetBlindReviewShareRequest, context: Context
    ) -> write.SetBlindReviewShareResponse:
        command = SetBlindReviewShare(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            share_permille=request.share_permille,
            rules=tuple(
                RuleShareInput(rule_id=each.rule_id, share_permille=each.share_permille) for each in request.rules
            ),
            reason=request.reason,
        )
        committed = await self._reviewing.set_blind_review_share(context.call, command)
        return write.SetBlindReviewShareResponse(position=committed.position)

    async def GiveBlindReview(
        self, request: write.GiveBlindReviewRequest, context: Context
    ) -> write.GiveBlindReviewResponse:
        command = GiveBlindReview(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            review_id=request.review_id,
            verdict=named(VERDICTS, request.verdict),
            confidence_percent=request.confidence_percent,
            rationale=request.rationale,
        )
        committed = await self._reviewing.give_blind_review(context.call, command)
        agrees = any(each.event.agrees for each in committed.recorded if isinstance(each.event, BlindReviewGiven))
        return write.GiveBlindReviewResponse(agrees=agrees, position=committed.position)


def _words(document: BlindReviewDocument) -> Words:
    if document.rationale is not None:
        yield document.rationale, UNLABELLED


def _message(document: BlindReviewDocument, opened: Opened) -> read.BlindReview:
    return read.BlindReview(
        review_id=document.review_id,
        detection_id=document.detection_id,
        rule_id=document.rule_id,
        state=STATES[document.state],
        validation_position=document.validation_position,
        validator_id=document.validator_id,
        first_verdict=VERDICTS[document.first_verdict] if document.first_verdict else UNKNOWN,
        reviewer_id=document.reviewer_id or "",
        verdict=VERDICTS[document.verdict] if document.verdict else UNKNOWN,
        confidence_percent=document.confidence_percent or 0,
        rationale=opened.text(document.rationale) if document.rationale else None,
        agrees=document.verdict is document.first_verdict,
        drawn_at=timestamp(document.drawn_at),
        given_at=timestamp(document.given_at),
        given_position=document.given_position or 0,
    )
