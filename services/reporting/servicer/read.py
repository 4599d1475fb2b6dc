"""ReportingReadService: reports, their renderings, and the way back from a figure to its entries."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tenet.common.v1 import common_pb2 as common
from tenet.reporting.v1 import reporting_pb2 as pb
from tenet.reporting.v1 import reporting_read_pb2 as rpc

from contracts.canonical import decode, encode
from contracts.events.base import Sealed
from contracts.events.reporting import ReportPublished
from contracts.labels import Label
from infra.answering import Answering, next_page, sight
from infra.disclosure.labelled import UNLABELLED
from infra.event_store.feed import Feed
from infra.grpc import Context
from infra.read_database.reader.conditions import descending
from infra.read_database.reader.pages import Document
from services.reporting.application import Reports
from services.reporting.config import MAX_OPENED_IN_REPORT
from services.reporting.domain.errors import FigureUnknown, ReportUnknown
from services.reporting.domain.model import figures_of
from services.reporting.projections import REPORTS
from services.reporting.projections.reports import ReportRow
from services.reporting.servicer.drilling import entries_of, page_of
from services.reporting.servicer.html import render, sealed_in
from services.reporting.servicer.people import Namer, people_in
from services.reporting.servicer.wire import entry_message, report_message


class ReportingReadServicer:
    def __init__(self, answering: Answering, reports: Reports, feed: Feed, namer: Namer) -> None:
        self._answering = answering
        self._reports = reports
        self._feed = feed
        self._namer = namer

    async def GetReport(self, request: rpc.GetReportRequest, context: Context) -> rpc.GetReportResponse:
        found = await self._answering.get(REPORTS, request.report_id, request, context)
        if found is None:
            raise ReportUnknown(request.report_id)
        model = await self._reports.model(context.call.tenant_id, found.document.published.model_sha256)
        return rpc.GetReportResponse(
            report=await self._message(found, context), model=model, sight=sight(REPORTS, found.position)
        )

    async def RenderReport(self, request: rpc.RenderReportRequest, context: Context) -> rpc.RenderReportResponse:
        published = await self._reports.published(context.call.tenant_id, request.report_id)
        model = await self._model(published, context)
        fields = islice(sealed_in(model), MAX_OPENED_IN_REPORT)
        opened = await self._answering.opener.open(
            context.call, fields, purpose="render report", audience=published.audience
        )
        names = await self._namer.names(context.call, people_in(model), published.audience)
        html = await asyncio.to_thread(render, model, published.report_id, published.model_sha256, opened, names)
        return rpc.RenderReportResponse(html=html)

    async def ListReports(self, request: rpc.ListReportsRequest, context: Context) -> rpc.ListReportsResponse:
        page = await self._answering.page(REPORTS, [], [descending("published_at")], request, context)
        reports = [await self._message(item, context) for item in page.items]
        return rpc.ListReportsResponse(reports=reports, page=next_page(page))

    async def DrillFigure(self, request: rpc.DrillFigureRequest, context: Context) -> rpc.DrillFigureResponse:
        published = await self._reports.published(context.call.tenant_id, request.report_id)
        model = await self._model(published, context)
        figure = figures_of(model).get(request.figure)
        if figure is None:
            raise FigureUnknown(request.figure)
        source = model["sources"][figure["source"]]
        runs, token = page_of(source, request.page.page_token, request.page.page_size)
        entries = await entries_of(self._feed, context.call.tenant_id, runs)
        return rpc.DrillFigureResponse(
            entries=[entry_message(entry) for entry in entries],
            total=source["total"],
            figure=encode(figure),
            page=common.Page(next_page_token=token),
        )

    async def RebuildReport(self, request: rpc.RebuildReportRequest, context: Context) -> rpc.RebuildReportResponse:
        rebuilt = await self._reports.rebuild_report(context.call.tenant_id, request.report_id)
        return rpc.RebuildReportResponse(
            equal=rebuilt.sha256 == rebuilt.published_sha256,
            published_sha256=rebuilt.published_sha256,
            rebuilt_sha256=rebuilt.sha256,
            model=rebuilt.data,
        )

    async def _model(self, published: ReportPublished, context: Context) -> dict[str, Any]:
        model: dict[str, Any] = decode(await self._reports.model(context.call.tenant_id, published.model_sha256))
        return model

    async def _message(self, item: Document[ReportRow], context: Context) -> pb.Report:
        call = context.call_for(item.tenant_id)
        opened = await self._answering.opener.open(call, _words(item.document), purpose="show reports")
        return report_message(item.tenant_id, item.document, opened)


def _words(row: ReportRow) -> Iterator[tuple[Sealed, Label]]:
    for reply in row.replies:
        if reply.words is not None:
            yield reply.words, UNLABELLED
