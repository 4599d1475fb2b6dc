"""DetectionsReadService: answers from the read models, with sealed words opened as far as the caller may see."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tenet.detections.v1 import detections_read_pb2 as rpc

from contracts.ids import PROVIDER
from infra.answering import Answering, Words, identified, next_page, sight, sights
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened
from infra.grpc import Context
from infra.read_database.happened import Happened, past_moment
from infra.read_database.reader.conditions import (
    Condition,
    ascending,
    at_least,
    descending,
    equal,
    has,
    one_of,
)
from infra.read_database.reader.pages import Document
from services.detections.application.intelligence.watching import Watching
from services.detections.application.rule_publishers import RulePublishers
from services.detections.domain.errors import CustomerReportUnknown, DetectionUnknown
from services.detections.projections import CUSTOMER_REPORTS, DETECTIONS, RULE_PACKS, TRIAGE_QUEUE
from services.detections.projections.verdicts import TriageState
from services.detections.servicer.shown import (
    customer_report_message,
    customer_report_words,
    detection_message,
    detection_words,
    item_message,
    item_words,
    rule_pack_message,
    rule_publisher_message,
)
from services.detections.servicer.wire import STATES, named

D = TypeVar("D")
M = TypeVar("M")


class DetectionsReadServicer:
    def __init__(
        self,
        answering: Answering,
        happened: Happened,
        watching: Watching,
        publishers: RulePublishers,
    ) -> None:
        self._answering, self._happened, self._watching = answering, happened, watching
        self._publishers = publishers

    async def GetDetection(self, request: rpc.GetDetectionRequest, context: Context) -> rpc.GetDetectionResponse:
        found = await self._answering.get(DETECTIONS, request.detection_id, request, context)
        if found is not None and request.HasField("as_happened_at"):
            moment = past_moment(request.as_happened_at, context.call.now)
            found = await self._happened.get(DETECTIONS, found.tenant_id, found.key, moment, known_at=found.position)
        if found is None:
            raise DetectionUnknown("There is no such detection.")
        messages = await self._shown([found], context, "show detections", detection_words, detection_message)
        known = self._watching.techniques
        return rpc.GetDetectionResponse(
            detection=messages[0],
            sight=sight(DETECTIONS, found.position),
            technique_names={each: known[each].name for each in messages[0].techniques if each in known},
        )

    async def ListDetections(self, request: rpc.ListDetectionsRequest, context: Context) -> rpc.ListDetectionsResponse:
        where = identified(request)
        if request.states:
            where.append(_states(request.states))
        if request.HasField("rule_id"):
            where.append(equal("rule_id", request.rule_id))
        if request.HasField("asset_id"):
            where.append(has("asset_ids", request.asset_id))
        if request.HasField("min_severity_id"):
            where.append(at_least("severity_id", request.min_severity_id))
        page = await self._answering.page(DETECTIONS, where, [descending("raised_at")], request, context)
        return rpc.ListDetectionsResponse(
            detections=await self._shown(page.items, context, "list detections", detection_words, detection_message),
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def ListTriageQueue(
        self, request: rpc.ListTriageQueueRequest, context: Context
    ) -> rpc.ListTriageQueueResponse:
        waiting = [STATES[TriageState.OPEN], STATES[TriageState.CLAIMED]]
        where = [_states(request.states or waiting)]
        if request.HasField("min_severity_id"):
            where.append(at_least("severity_id", request.min_severity_id))
        if request.HasField("rule_id"):
            where.append(equal("rule_id", request.rule_id))
        if request.HasField("claimed_by"):
            where.append(equal("claimed_by", request.claimed_by))
        order = [descending("priority"), ascending("raised_at")]
        page = await self._answering.page(TRIAGE_QUEUE, where, order, request, context)
        return rpc.ListTriageQueueResponse(
            items=await self._shown(page.items, context, "triage", item_words, item_message),
            sights=sights(page),
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def ListRulePacks(self, request: rpc.ListRulePacksRequest, context: Context) -> rpc.ListRulePacksResponse:
        where = [equal("deployed", True)] if request.deployed_only else []
        page = await self._answering.page(RULE_PACKS, where, [descending("imported_at")], request, context)
        return rpc.ListRulePacksResponse(
            rule_packs=[rule_pack_message(item.document) for item in page.items],
            page=next_page(page),
        )

    async def ListRulePublishers(
        self, request: rpc.ListRulePublishersRequest, context: Context
    ) -> rpc.ListRulePublishersResponse:
        state = await self._publishers.known(request.at_position if request.HasField("at_position") else None)
        known = [state.by_key[key] for key in sorted(state.by_key)]
        words = [(each.reason, UNLABELLED) for each in known]
        opened = await self._answering.opener.open(
            context.call.for_tenant(PROVIDER), words, purpose="list rule publishers"
        )
        return rpc.ListRulePublishersResponse(publishers=[rule_publisher_message(each, opened) for each in known])

    async def GetCustomerReport(
        self, request: rpc.GetCustomerReportRequest, context: Context
    ) -> rpc.GetCustomerReportResponse:
        found = await self._answering.get(CUSTOMER_REPORTS, request.customer_report_id, request, context)
        if found is None:
            raise CustomerReportUnknown("There is no such report.")
        messages = await self._shown(
            [found], context, "show customer reports", customer_report_words, customer_report_message
        )
        return rpc.GetCustomerReportResponse(customer_report=messages[0], sight=sight(CUSTOMER_REPORTS, found.position))

    async def ListCustomerReports(
        self, request: rpc.ListCustomerReportsRequest, context: Context
    ) -> rpc.ListCustomerReportsResponse:
        where = [_states(request.states)] if request.states else []
        page = await self._answering.page(CUSTOMER_REPORTS, where, [descending("filed_at")], request, context)
        return rpc.ListCustomerReportsResponse(
            customer_reports=await self._shown(
                page.items, context, "list customer reports", customer_report_words, customer_report_message
            ),
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    async def _shown(
        self,
        items: Sequence[Document[D]],
        context: Context,
        purpose: str,
        words_of: Callable[[D], Words],
        message_of: Callable[[Document[D], Opened], M],
    ) -> list[M]:
        """The messages of these documents, each tenant's words opened under the roles that the caller holds there."""
        opened = await self._answering.opened(items, words_of, context, purpose)
        return [message_of(item, opened[item.tenant_id]) for item in items]


def _states(states: Sequence[int]) -> Condition:
    return one_of("state", [named(STATES, state).value for state in states])
