"""IntelligenceReadService and IntelligenceWriteService: what is known of attackers, and where it comes from."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_intelligence_pb2 as pb
from tenet.detections.v1 import detections_intelligence_read_pb2 as read
from tenet.detections.v1 import detections_intelligence_write_pb2 as write

from contracts.events.intelligence import FetchKind, ImportMode, IntelligenceFormat
from contracts.ids import TenantId
from contracts.labels import Label
from infra.grpc import Context
from services.detections.application.intelligence.fetching import Fetching, kind_of
from services.detections.application.intelligence.importing import Content, Importing
from services.detections.application.intelligence.watching import Watching
from services.detections.domain.commands import RetireIntelligenceSource, ScheduleIntelligenceFetch
from services.detections.domain.errors import IntelligenceSourceUnknown
from services.detections.domain.intelligence.indicators import Clause, Indicator, Technique
from services.detections.domain.intelligence.matcher import Matcher
from services.detections.domain.intelligence.sources import Source
from services.detections.servicer.wire import LABELS, named, timestamp

MODES = {mode: pb.ImportMode.Value(f"IMPORT_MODE_{mode.name}") for mode in ImportMode}
FORMATS = {each: pb.IntelligenceFormat.Value(f"INTELLIGENCE_FORMAT_{each.name}") for each in IntelligenceFormat}
KINDS = {kind: pb.IntelligenceFetchKind.Value(f"INTELLIGENCE_FETCH_KIND_{kind.name}") for kind in FetchKind}
PAGE = 50


class IntelligenceReadServicer:
    def __init__(self, importing: Importing, clock: Callable[[], datetime]) -> None:
        self._importing, self._clock = importing, clock

    async def ListIntelligenceSources(
        self, request: read.ListIntelligenceSourcesRequest, context: Context
    ) -> read.ListIntelligenceSourcesResponse:
        tenant_id = context.call.tenant_id
        state, _ = await self._importing.sources_of(tenant_id, _at(request))
        return read.ListIntelligenceSourcesResponse(
            sources=[source_message(tenant_id, each) for _, each in sorted(state.by_name.items())]
        )

    async def ListIndicators(
        self, request: read.ListIndicatorsRequest, context: Context
    ) -> read.ListIndicatorsResponse:
        tenant_id, now = context.call.tenant_id, self._clock().timestamp()
        state, _ = await self._importing.sources_of(tenant_id, _at(request))
        source = state.by_name.get(request.source)
        if source is None or source.imported is None:
            raise IntelligenceSourceUnknown("There is no such source of intelligence.")
        content = await self._importing.set_of(tenant_id, source.imported.set_sha256)
        found: Iterable[Indicator] = (each for _, each in sorted(content.indicators.items()))
        if request.value:
            found = await asyncio.to_thread(_found_by, list(found), request.value)
        if not request.include_ended:
            found = (each for each in found if each.live(now))
        if request.page.page_token:
            found = (each for each in found if each.indicator_id > request.page.page_token)
        size = request.page.page_size or PAGE
        shown = [each for each, _ in zip(found, range(size + 1), strict=False)]
        more = shown[size - 1].indicator_id if len(shown) > size else ""
        return read.ListIndicatorsResponse(
            indicators=[_indicator_message(request.source, each, now) for each in shown[:size]],
            page=common.Page(next_page_token=more),
        )

    async def ListTechniques(
        self, request: read.ListTechniquesRequest, context: Context
    ) -> read.ListTechniquesResponse:
        tenant_id, wanted = context.call.tenant_id, set(request.technique_ids)
        state, _ = await self._importing.sources_of(tenant_id, _at(request))
        found: dict[str, tuple[Technique, Source]] = {}
        for source in sorted(state.at_work, key=lambda each: each.position):
            if source.imported is not None and source.imported.techniques:
                content = await self._importing.set_of(tenant_id, source.imported.set_sha256)
                found |= {key: (each, source) for key, each in content.techniques.items()}
        return read.ListTechniquesResponse(
            techniques=[
                pb.Technique(
                    technique_id=each.technique_id,
                    name=each.name,
                    tactics=each.tactics,
                    revoked=each.revoked,
                    source=source.name,
                    version=source.imported.version if source.imported else 0,
                )
                for key, (each, source) in sorted(found.items())
                if not wanted or key in wanted
            ]
        )


class IntelligenceWriteServicer:
    def __init__(self, importing: Importing, fetching: Fetching, watching: Watching) -> None:
        self._importing, self._fetching, self._watching = importing, fetching, watching

    async def ImportIntelligence(
        self, request: write.ImportIntelligenceRequest, context: Context
    ) -> write.ImportIntelligenceResponse:
        content = Content(
            source=request.source,
            mode=named(MODES, request.mode) if request.mode else ImportMode.REPLACE,
            label=named(LABELS, request.label) if request.label else Label.AMBER,
            data=request.content,
            sha256=request.sha256,
        )
        taken = await self._importing.import_intelligence(context.call, content)
        # This process matches with it on return; others follow within seconds.
        await self._watching.catch_up()
        source = await self._source(context.call.tenant_id, request.source)
        return write.ImportIntelligenceResponse(source=source, position=taken.committed.position)

    async def RetireIntelligenceSource(
        self, request: write.RetireIntelligenceSourceRequest, context: Context
    ) -> write.RetireIntelligenceSourceResponse:
        command = RetireIntelligenceSource(
            tenant_id=context.call.tenant_id, request_id=request.request_id, source=request.source
        )
        committed = await self._importing.retire_intelligence_source(context.call, command)
        await self._watching.catch_up()
        return write.RetireIntelligenceSourceResponse(position=committed.position)

    async def ScheduleIntelligenceFetch(
        self, request: write.ScheduleIntelligenceFetchRequest, context: Context
    ) -> write.ScheduleIntelligenceFetchResponse:
        command = ScheduleIntelligenceFetch(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            source=request.source,
            url=request.url,
            credential=request.credential or None,
            interval_minutes=request.interval_minutes,
            label=named(LABELS, request.label) if request.label else Label.AMBER,
            kind=named(KINDS, request.kind) if request.kind else kind_of(request.url),
        )
        self._fetching.check(command)
        committed = await self._importing.schedule_intelligence_fetch(context.call, command)
        return write.ScheduleIntelligenceFetchResponse(position=committed.position)

    async def FetchIntelligence(
        self, request: write.FetchIntelligenceRequest, context: Context
    ) -> write.FetchIntelligenceResponse:
        position = await self._fetching.fetch_intelligence(context.call, request.source)
        await self._watching.catch_up()
        source = await self._source(context.call.tenant_id, request.source)
        return write.FetchIntelligenceResponse(source=source, position=position)

    async def _source(self, tenant_id: TenantId, name: str) -> pb.IntelligenceSource:
        state, _ = await self._importing.sources_of(tenant_id)
        return source_message(tenant_id, state.named(name))


def source_message(tenant_id: TenantId, source: Source) -> pb.IntelligenceSource:
    message = pb.IntelligenceSource(tenant_id=tenant_id, source=source.name, retired=source.retired)
    if source.fetch is not None:
        message.fetch.url = source.fetch.url
        message.fetch.credential = source.fetch.credential or ""
        message.fetch.interval_minutes = source.fetch.interval_minutes
        message.fetch.label = LABELS[source.fetch.label]
        message.fetch.refusal = source.refusal or ""
        message.fetch.kind = KINDS[source.fetch.kind]
    event = source.imported
    if event is not None:
        message.MergeFrom(
            pb.IntelligenceSource(
                version=event.version,
                format=FORMATS[event.format],
                content_sha256=event.content_sha256,
                set_sha256=event.set_sha256,
                objects=event.objects,
                indicators=event.indicators,
                standing=event.standing,
                revoked=event.revoked,
                kept_back=event.kept_back,
                techniques=event.techniques,
                attack_version=event.attack_version or "",
                refused=[pb.RefusedObject(object_id=each.object_id, reason=each.reason) for each in event.refused],
                refused_total=event.refused_total,
                position=source.position,
                cursor=source.cursor or "",
            )
        )
    return message


def _at(
    request: read.ListIntelligenceSourcesRequest | read.ListIndicatorsRequest | read.ListTechniquesRequest,
) -> int | None:
    return request.at_position if request.HasField("at_position") else None


def _found_by(indicators: list[Indicator], value: str) -> list[Indicator]:
    matcher = Matcher(indicators)
    found = {each.indicator.indicator_id: each.indicator for each in matcher.look_up("hashes", value)}
    for name in ("image", "commandline", "user", "mutex", "targetobject"):
        found |= {each.indicator.indicator_id: each.indicator for each in matcher.look_up(name, value)}
    return [found[key] for key in sorted(found)]


def _indicator_message(source: str, each: Indicator, now: float) -> pb.Indicator:
    return pb.Indicator(
        indicator_id=each.indicator_id,
        source=source,
        name=each.name,
        patterns=[_words(clause) for clause in each.clauses],
        valid_from=_moment(each.valid_from),
        valid_until=_moment(each.valid_until) if each.valid_until is not None else None,
        ends_at=_moment(each.end) if each.end > 0 else None,
        live=each.live(now),
        revoked=each.revoked,
        confidence_percent=each.confidence,
        decayed_percent=each.confidence_at(now),
        label=LABELS[each.label],
        techniques=each.techniques,
    )


def _words(clause: Clause) -> str:
    return " and ".join(f"{each.observable.value} {each.operator} {each.value}" for each in clause)


def _moment(seconds: float) -> Timestamp | None:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
