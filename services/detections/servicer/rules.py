"""RulesReadService, RulesWriteService and RulesAdminService: single rules, and what tenants do without."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tenet.detections.v1 import detections_rules_admin_pb2 as admin
from tenet.detections.v1 import detections_rules_read_pb2 as read
from tenet.detections.v1 import detections_rules_write_pb2 as write

from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.answering import Answering, Words, next_page
from infra.auth.authorisation import READERS
from infra.disclosure.labelled import UNLABELLED
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, ascending, at_least, descending, equal, one_of
from infra.read_database.reader.pages import Document, PageRequest
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
from services.detections.servicer.wire import named

MAX_EXCEPTIONS_SHOWN = 100
"""On a rule's page; all of them are listed by themselves."""


class RulesReadServicer:
    def __init__(
        self,
        answering: Answering,
        records: TrackRecords,
        sources: RuleSources,
        clock: Callable[[], datetime],
    ) -> None:
        self._answering, self._records, self._sources, self._clock = answering, records, sources, clock

    async def GetRule(self, request: read.GetRuleRequest, context: Context) -> read.GetRuleResponse:
        found = await self._answering.of_provider.get(RULES, request.rule_id, request, context)
        if found is None:
            raise RuleUnknown("There is no such rule.")
        document = found.document
        words = [(each.reason, UNLABELLED) for each in document.stages if each.reason is not None]
        opened = await self._answering.opener.open(context.call.for_tenant(PROVIDER), words, purpose="show a rule")
        response = read.GetRuleResponse(
            rule=rule_message(document),
            source=await self._source(document, request, context),
            stages=[stage_message(each, opened) for each in document.stages],
            earlier_stages=document.earlier_stages,
        )
        if not request.HasField("at_provider_position"):
            await self._add_tenants(request, context, document, response)
        return response

    async def ListRules(self, request: read.ListRulesRequest, context: Context) -> read.ListRulesResponse:
        states = [named(RULE_STATES, state).value for state in request.states]
        where = [
            *([one_of("state", states)] if states else []),
            *([equal("failing", True)] if request.failing_only else []),
        ]
        page = await self._answering.of_provider.page(RULES, where, [ascending("title")], request, context)
        return read.ListRulesResponse(rules=[rule_message(item.document) for item in page.items], page=next_page(page))

    async def ListRuleExceptions(
        self, request: read.ListRuleExceptionsRequest, context: Context
    ) -> read.ListRuleExceptionsResponse:
        where = [
            *([equal("rule_id", request.rule_id)] if request.rule_id else []),
            *([] if request.include_ended else self._standing),
        ]
        readable = self._answering.over(_readable(context))
        page = await readable.page(RULE_EXCEPTIONS, where, [descending("expires_at")], request, context)
        return read.ListRuleExceptionsResponse(
            exceptions=await self._shown(page.items, context),
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )

    @property
    def _standing(self) -> list[Condition]:
        """Of exceptions that count now."""
        return [equal("ended", False), at_least("expires_at", self._clock())]

    async def _source(
        self, document: RuleDocument, request: read.GetRuleRequest, context: Context
    ) -> read.RuleSource | None:
        text = document.text
        content = await self._sources.text(text.pack_sha256, text.path) if text else None
        if text is None or not content:
            return None
        pack = await self._answering.of_provider.get(RULE_PACKS, text.pack_id, request, context)
        return source_message(text, content, about(content), pack.document if pack else None)

    async def _add_tenants(
        self, request: read.GetRuleRequest, context: Context, document: RuleDocument, response: read.GetRuleResponse
    ) -> None:
        """What lies in the ledgers of the tenants that the caller may read."""
        tenants = _readable(context)
        await self._answering.over(tenants).waited(request, context, RULE_VERDICTS, RULE_EXCEPTIONS)
        if not tenants:
            return
        record = await self._records.of(tenants, document.rule_id)
        response.record.CopyFrom(record_message(record))
        of_text = await self._records.of(tenants, document.rule_id, document.sha256)
        response.record_of_text.CopyFrom(record_message(of_text))
        page = await RULE_EXCEPTIONS.list(
            self._answering.reader,
            tenants,
            [equal("rule_id", document.rule_id), *self._standing],
            [descending("expires_at")],
            PageRequest(MAX_EXCEPTIONS_SHOWN),
            deadline=context.deadline,
        )
        response.exceptions.extend(await self._shown(page.items, context))
        response.not_ready_tenant_ids.extend(sorted({*record.not_ready, *page.not_ready}))

    async def _shown(
        self, items: Sequence[Document[RuleExceptionDocument]], context: Context
    ) -> list[read.RuleException]:
        opened = await self._answering.opened(items, _words, context, "list rule exceptions")
        return [exception_message(item, opened[item.tenant_id], self._clock()) for item in items]


def _words(document: RuleExceptionDocument) -> Words:
    yield document.reason, Label.AMBER


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
