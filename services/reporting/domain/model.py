"""The whole report as one canonical JSON value: a function of the chronicle, which is one of the ledger up to a
position.

It holds sealed references, never their words, and no time but those of the ledger's entries, so that whoever builds it
again from the same entries gets the same bytes. Renderings are made from it and from nothing else.
"""

from typing import Any

from contracts.canonical import canonical
from contracts.errors import FailedPrecondition
from contracts.events.base import instant
from services.reporting.domain.chronicle import Chronicle, Mark
from services.reporting.domain.definitions import definitions_of, promises_told
from services.reporting.domain.figures import FigureMaker, Json
from services.reporting.domain.metrics import (
    actions,
    cases,
    coverage,
    durations,
    findings,
    funnel,
    mandates,
    needs,
    promises,
    verdicts,
)
from services.reporting.domain.metrics.cases import UNLABELLED, sealed_json
from services.reporting.domain.restatement import restated

SCHEMA = "tenet.report.v1"
SUMMARY = (
    "funnel.detections",
    "funnel.confirmed",
    "cases.opened",
    "actions.all.verified",
    "durations.contain_final",
    "sensors.uptime",
    "findings.exploited_open_at_end",
    "needs.open",
)
"""The figures that a reader sees first."""
SUMMARY_OF_PROMISES = ("promises.kept_share",)
MAX_ROWS = 1_000
"""Most rows that one section or list of a report shows; further ones are counted, and are in its figures too."""
MAX_CASES = 200


class LedgerNotRead(FailedPrecondition):
    """The chronicle does not reach the report's last entry."""

    reason = "LEDGER_NOT_READ"


def build(chronicle: Chronicle, earlier: Json | None = None) -> Json:
    """The model. `earlier` is that of the report that this one restates (see `restates`). Raises LedgerNotRead."""
    if not chronicle.complete or chronicle.as_of is None:
        raise LedgerNotRead("The ledger was not read up to the report's last entry.")
    scope = chronicle.scope
    make = FigureMaker(Mark(scope.as_of_position, chronicle.as_of))
    waiting, since = needs.rows(chronicle, make)
    sections = [
        _section("needs", needs.figures(make, waiting, since), waiting),
        _section("mandates", mandates.figures(chronicle, make), mandates.rows(chronicle, make)),
        _section("funnel", funnel.figures(chronicle, make)),
        _section("durations", durations.figures(chronicle, make)),
        *_promised(chronicle, make),
        _section("cases", cases.figures(chronicle, make), cases.rows(chronicle, make), MAX_CASES),
        _section("actions", actions.figures(chronicle, make)),
        _section("findings", findings.figures(chronicle, make)),
        _section("verdicts", verdicts.figures(chronicle, make), verdicts.rule_rows(chronicle, make)),
        _section("watch", coverage.figures(chronicle, make), coverage.sensor_rows(chronicle, make)),
        _section("telemetry", [], coverage.volume_rows(chronicle, make)),
    ]
    model: Json = {
        "schema": SCHEMA,
        "definitions_version": scope.definitions_version,
        "tenant_id": scope.tenant_id,
        "title": scope.title,
        "audience": scope.audience.value,
        "period": _period(chronicle),
        "as_of": {"position": scope.as_of_position, "recorded_at": instant(chronicle.as_of)},
        "provisional": chronicle.as_of < scope.period_to,
        "summary": [*SUMMARY, *(SUMMARY_OF_PROMISES if promises_told(scope.definitions_version) else ())],
        "sections": sections,
        "limits": _limits(chronicle, make),
        "replies": _replies(chronicle, make),
        "restates": None,
        "doubtful": make.doubtful,
        "definitions": definitions_of(scope.definitions_version),
    }
    used = _sources_in(model)
    model["sources"] = {key: source for key, source in make.sources.sets.items() if key in used}
    if earlier is not None:
        model["restates"] = restated(earlier, model, restates(chronicle))
    return model


def model_bytes(model: Json) -> bytes:
    return canonical(model)


def restates(chronicle: Chronicle) -> tuple[str, str] | None:
    """The latest earlier report on the same period for the same audience: its identifier and its model's SHA-256."""
    scope = chronicle.scope
    same = [
        publication.event
        for publication in chronicle.publications.by_id.values()
        if (publication.event.period_from, publication.event.period_to) == (scope.period_from, scope.period_to)
        and publication.event.audience is scope.audience
    ]
    return (same[-1].report_id, same[-1].model_sha256) if same else None


def figures_of(model: Json) -> dict[str, Json]:
    """Every figure of a model by its id, those within rows too."""
    found: dict[str, Json] = {}
    for section in model["sections"]:
        holders: list[Any] = [section, *section["rows"]]
        for holder in holders:
            found |= {figure["id"]: figure for figure in holder.get("figures", [])}
    return found


def _section(name: str, figures: list[Json], rows: list[Json] | None = None, limit: int = MAX_ROWS) -> Json:
    shown = (rows or [])[:limit]
    return {"id": name, "figures": figures, "rows": shown, "rows_omitted": len(rows or []) - len(shown)}


def _promised(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Nothing in reports by earlier definitions, which are built again byte for byte."""
    if not promises_told(chronicle.scope.definitions_version):
        return []
    return [
        _section("promises", promises.figures(chronicle, make), promises.rows(chronicle, make)),
        _section("expertise", promises.expertise_figures(chronicle, make), promises.expertise_rows(chronicle, make)),
    ]


def _sources_in(value: Any) -> set[str]:
    """The keys of all sources that something in a model refers to."""
    if isinstance(value, list):
        return {key for item in value for key in _sources_in(item)}
    if not isinstance(value, dict):
        return set()
    found = {key for name, item in value.items() if name != "source" for key in _sources_in(item)}
    return found | {value["source"]} if isinstance(value.get("source"), str) else found


def _period(chronicle: Chronicle) -> Json:
    scope = chronicle.scope
    return {
        "from": instant(scope.period_from),
        "to": instant(scope.period_to),
        "time_zone": scope.time_zone,
        "tzdata_version": scope.tzdata_version,
        "counts_by": "recorded_at",
    }


def _limits(chronicle: Chronicle, make: FigureMaker) -> Json:
    """What this report does not claim: assets that nothing watches, and times in which a sensor was not heard."""
    unwatched, blind = coverage.unwatched(chronicle), coverage.blind_periods(chronicle, make)
    return {
        "unwatched": [
            {
                "asset_id": asset.id,
                "name": sealed_json(asset.name, UNLABELLED),
                "asset_class": asset.asset_class.value,
                "value": asset.value,
                "source": make.sources.add([asset.registered.position]),
            }
            for asset in unwatched[:MAX_ROWS]
        ],
        "unwatched_total": len(unwatched),
        "blind": blind[:MAX_ROWS],
        "blind_total": len(blind),
        "never_heard_from": [] if chronicle.watch.volumes else ["telemetry"],
        "no_sensor": not chronicle.watch.sensors,
    }


def _replies(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """Earlier reports and what the customer said of them; both stay on record."""
    replies = [
        {
            "report_id": publication.event.report_id,
            "title": publication.event.title,
            "published_position": publication.published.position,
            "actor_id": reply.actor_id,
            "figure": reply.figure,
            "words": sealed_json(reply.words, UNLABELLED) if reply.words else None,
            "recorded_at": instant(reply.mark.at),
            "source": make.sources.add([reply.mark.position]),
        }
        for publication in chronicle.publications.by_id.values()
        for reply in publication.replies
    ]
    return replies[-MAX_ROWS:]
