"""RulesReadService, RulesWriteService and RulesAdminService: single rules, and what tenants do without."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_rules_admin_pb2 as admin
from tenet.detections.v1 import detections_rules_read_pb2 as read
from tenet.detections.v1 import detections_rules_write_pb2 as write

from contracts.events.base import Sealed
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.answering import PositionWithoutTenant
from infra.auth.authorisation import READERS
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import ascending, at_least, descending, equal, one_of
from infra.read_database.reader.pages import Document, Page, PageRequest
from infra.read_database.reader.queries import Reader
from services.detections.application.rule_exceptions import RuleExceptions
from services.detections.application.rule_lives import RuleLives
from services.detections.application.rule_sources import RuleSources
from services.detections.domain.commands import (
    DisableRule,
    EnableRule,
    EndRuleException,
    ExceptRule,
    ReinstateRule,
    RenewRuleException,
    RetireRule,
)
from services.detections.domain.errors import RuleUnknown
from services.detections.domain.sigma.about import about
from services.detections.projections import RULE_EXCEPTIONS, RULE_PACKS, RULE_VERDICTS, RULES
from services.detections.projections.rule_exceptions import RuleExceptionDocument
from services.detections.projections.rule_verdicts import TrackRecords
from services.detections.projections.rules import RuleDocument
from services.detections.servicer.rules_shown import (
    RULE_STATES,
    exception_message,
    record_message,
    rule_message,
    source_message,
    stage_message,
)
from services.detections.servicer.wire import named, page_request

MAX_EXCEPTIONS_SHOWN = 100
"""On a rule's page; all of them are listed by themselves."""


class RulesReadServicer:
    def __init__(
        self,
        reader: Reader,
        records: TrackRecords,
        sources: RuleSources,
        opener: Opener,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader, self._records, self._sources = reader, records, sources
        self._opener, self._clock = opener, clock

    async def GetRule(self, request: read.GetRuleRequest, context: Context) -> read.GetRuleResponse:
        if request.HasField("min_provider_position"):
            await self._reader.waited(PROVIDER, request.min_provider_position, context.deadline, RULES, RULE_PACKS)
        at = request.at_provider_position if request.HasField("at_provider_position") else None
        found = await RULES.get(self._reader, PROVIDER, request.rule_id, at=at, deadline=context.deadline)
        if found is None:
            raise RuleUnknown("There is no such rule.")
        document = found.document
        words = [(each.reason, UNLABELLED) for each in document.stages if each.reason is not None]
        opened = await self._opener.open(context.call.for_tenant(PROVIDER), words, purpose="show a rule")
        response = read.GetRuleResponse(
            rule=rule_message(document),
            source=await self._source(document, at, context),
            stages=[stage_message(each, opened) for each in document.stages],
            earlier_stages=document.earlier_stages,
        )
        if at is None:
            await self._add_tenants(request, context, document, response)
        return response

    async def ListRules(self, request: read.ListRulesRequest, context: Context) -> read.ListRulesResponse:
        if request.HasField("min_provider_position"):
            await self._reader.waited(PROVIDER, request.min_provider_position, context.deadline, RULES)
        states = [named(RULE_STATES, state).value for state in request.states]
        page = await RULES.list(
            self._reader,
            [PROVIDER],
            [
                *([one_of("state", states)] if states else []),
                *([equal("failing", True)] if request.failing_only else []),
            ],
            [ascending("title")],
            page_request(request.page),
            at=request.at_provider_position if request.HasField("at_provider_position") else None,
            deadline=context.deadline,
        )
        return read.ListRulesResponse(
            rules=[rule_message(item.document) for item in page.items],
            page=common.Page(next_page_token=page.next_token),
        )

    async def ListRuleExceptions(
        self, request: read.ListRuleExceptionsRequest, context: Context
    ) -> read.ListRuleExceptionsResponse:
        tenants = _readable(context)
        if (request.HasField("min_position") or request.HasField("at_position")) and len(tenants) != 1:
            raise PositionWithoutTenant
        if request.HasField("min_position"):
            await self._reader.waited(tenants[0], request.min_position, context.deadline, RULE_EXCEPTIONS)
        page = await self._exceptions(
            tenants,
            request.rule_id,
            page_request(request.page),
            ended=request.include_ended,
            at=request.at_position if request.HasField("at_position") else None,
            deadline=context.deadline,
        )
        return read.ListRuleExceptionsResponse(
            exceptions=await self._shown(page.items, context),
            not_ready_tenant_ids=page.not_ready,
            page=common.Page(next_page_token=page.next_token),
        )

    async def _source(self, document: RuleDocument, at: int | None, context: Context) -> read.RuleSource | None:
        text = document.text
        content = await self._sources.text(text.pack_sha256, text.path) if text else None
        if text is None or not content:
            return None
        pack = await RULE_PACKS.get(self._reader, PROVIDER, text.pack_id, at=at, deadline=context.deadline)
        return source_message(text, content, about(content), pack.document if pack else None)

    async def _add_tenants(
        self, request: read.GetRuleRequest, context: Context, document: RuleDocument, response: read.GetRuleResponse
    ) -> None:
        """What lies in the ledgers of the tenants that the caller may read."""
        tenants = _readable(context)
        if request.HasField("min_position"):
            if len(tenants) != 1:
                raise PositionWithoutTenant
            views = (RULE_VERDICTS, RULE_EXCEPTIONS)
            await self._reader.waited(tenants[0], request.min_position, context.deadline, *views)
        if not tenants:
            return
        record = await self._records.of(tenants, document.rule_id)
        response.record.CopyFrom(record_message(record))
        of_text = await self._records.of(tenants, document.rule_id, document.sha256)
        response.record_of_text.CopyFrom(record_message(of_text))
        page = await self._exceptions(
            tenants, document.rule_id, PageRequest(MAX_EXCEPTIONS_SHOWN), deadline=context.deadline
        )
        response.exceptions.extend(await self._shown(page.items, context))
        response.not_ready_tenant_ids.extend(sorted({*record.not_ready, *page.not_ready}))

    async def _exceptions(
        self,
        tenants: Sequence[TenantId],
        rule_id: str,
        page: PageRequest,
        *,
        ended: bool = False,
        at: int | None = None,
        deadline: float | None = None,
    ) -> Page[RuleExceptionDocument]:
        return await RULE_EXCEPTIONS.list(
            self._reader,
            tenants,
            [
                *([equal("rule_id", rule_id)] if rule_id else []),
                *([] if ended else [equal("ended", False), at_least("expires_at", self._clock())]),
            ],
            [descending("expires_at")],
            page,
            at=at,
            deadline=deadline,
        )

    async def _shown(
        self, items: Sequence[Document[RuleExceptionDocument]], context: Context
    ) -> list[read.RuleException]:
        """The messages, each tenant's reasons opened under the roles that the caller holds there."""
        words: dict[TenantId, list[tuple[Sealed, Label]]] = {}
        for item in items:
            words.setdefault(item.tenant_id, []).append((item.document.reason, Label.AMBER))
        opened: dict[TenantId, Opened] = {
            tenant_id: await self._opener.open(context.call_for(tenant_id), fields, purpose="list rule exceptions")
            for tenant_id, fields in words.items()
        }
        return [exception_message(item, opened[item.tenant_id], self._clock()) for item in items]


class RulesWriteServicer:
    def __init__(self, exceptions: RuleExceptions) -> None:
        self._exceptions = exceptions

    async def ExceptRule(self, request: write.ExceptRuleRequest, context: Context) -> write.ExceptRuleResponse:
        command = ExceptRule(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            rule_id=request.rule_id,
            expires_at=request.expires_at.ToDatetime(UTC),
            reason=request.reason,
        )
        exception_id, committed = await self._exceptions.except_rule(context.call, command)
        return write.ExceptRuleResponse(exception_id=exception_id, position=committed.position)

    async def RenewRuleException(
        self, request: write.RenewRuleExceptionRequest, context: Context
    ) -> write.RenewRuleExceptionResponse:
        command = RenewRuleException(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            exception_id=request.exception_id,
            expires_at=request.expires_at.ToDatetime(UTC),
            reason=request.reason,
        )
        committed = await self._exceptions.renew_rule_exception(context.call, command)
        return write.RenewRuleExceptionResponse(position=committed.position)

    async def EndRuleException(
        self, request: write.EndRuleExceptionRequest, context: Context
    ) -> write.EndRuleExceptionResponse:
        command = EndRuleException(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            exception_id=request.exception_id,
            reason=request.reason,
        )
        committed = await self._exceptions.end_rule_exception(context.call, command)
        return write.EndRuleExceptionResponse(position=committed.position)

    async def DisableRule(self, request: write.DisableRuleRequest, context: Context) -> write.DisableRuleResponse:
        command = DisableRule(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            rule_id=request.rule_id,
            expires_at=request.expires_at.ToDatetime(UTC) if request.HasField("expires_at") else None,
            reason=request.reason,
        )
        exception_id, committed = await self._exceptions.disable_rule(context.call, command)
        return write.DisableRuleResponse(exception_id=exception_id, position=committed.position)

    async def EnableRule(self, request: write.EnableRuleRequest, context: Context) -> write.EnableRuleResponse:
        command = EnableRule(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            rule_id=request.rule_id,
            reason=request.reason,
        )
        committed = await self._exceptions.enable_rule(context.call, command)
        return write.EnableRuleResponse(position=committed.position)


class RulesAdminServicer:
    def __init__(self, lives: RuleLives) -> None:
        self._lives = lives

    async def RetireRule(self, request: admin.RetireRuleRequest, context: Context) -> admin.RetireRuleResponse:
        command = RetireRule(
            tenant_id=PROVIDER, request_id=request.request_id, rule_id=request.rule_id, reason=request.reason
        )
        return admin.RetireRuleResponse(position=(await self._lives.retire_rule(context.call, command)).position)

    async def ReinstateRule(self, request: admin.ReinstateRuleRequest, context: Context) -> admin.ReinstateRuleResponse:
        command = ReinstateRule(
            tenant_id=PROVIDER, request_id=request.request_id, rule_id=request.rule_id, reason=request.reason
        )
        return admin.ReinstateRuleResponse(position=(await self._lives.reinstate_rule(context.call, command)).position)


def _readable(context: Context) -> tuple[TenantId, ...]:
    """Tenants whose verdicts the caller may read: an administrator sees rules, and nothing of what customers do."""
    return tuple(each for each in context.tenants if each != PROVIDER and context.roles_for(each) & READERS)
