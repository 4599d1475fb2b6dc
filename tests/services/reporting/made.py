"""Models of made-up ledgers."""

from typing import Any

from contracts.labels import Audience
from contracts.zones import TZDATA_VERSION
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.definitions import DEFINITIONS_VERSION
from services.reporting.domain.model import build, figures_of
from services.reporting.domain.period import month_bounds
from services.reporting.domain.scope import Scope
from tests.services.reporting.history import History

ZONE = "Europe/Zurich"


def scope_of(
    history: History,
    *,
    as_of: int | None = None,
    audience: Audience = Audience.CUSTOMER,
    definitions_version: str = DEFINITIONS_VERSION,
) -> Scope:
    position = len(history.entries) - 1 if as_of is None else as_of
    bounds = month_bounds(2026, 11, ZONE)
    return Scope(history.tenant_id, "November", audience, *bounds, ZONE, TZDATA_VERSION, position, definitions_version)


def chronicle_of(history: History, **more: Any) -> Chronicle:
    scope = scope_of(history, **more)
    chronicle = Chronicle(scope)
    for recorded in history.entries[: scope.as_of_position + 1]:
        chronicle.observe(recorded)
    return chronicle


def model_of(history: History, *, earlier: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return build(chronicle_of(history, **more), earlier)


def figures(history: History, **more: Any) -> dict[str, Any]:
    return figures_of(model_of(history, **more))


def positions(model: dict[str, Any], name: str) -> list[int]:
    source = model["sources"][figures_of(model)[name]["source"]]
    return [position for first, last in source["runs"] for position in range(first, last + 1)]
