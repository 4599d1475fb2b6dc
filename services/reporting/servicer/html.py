"""A report's model as one HTML page that asks nothing of the network: style inside, no script, no image from elsewhere.

Everything shown comes from the model and from the sealed words opened for this reader; Jinja escapes all of it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from contracts.events.base import Sealed
from contracts.labels import Label
from contracts.zones import zone_of
from infra.disclosure.opener import Opened, Withheld
from infra.event_store.openings import Erased
from services.reporting.domain.headlines import headline
from services.reporting.domain.model import figures_of
from services.reporting.servicer.plain_words import (
    OWNERS,
    TITLES,
    amount,
    bytes_text,
    duration_text,
    positions_text,
    spaced,
    who,
)

Json = dict[str, Any]

_ENVIRONMENT = Environment(
    loader=PackageLoader("services.reporting.servicer"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sealed_in(value: Any) -> Iterator[tuple[Sealed, Label]]:
    """Every sealed reference within a model, with its label."""
    if isinstance(value, dict):
        if "sealed" in value and "label" in value:
            yield _sealed(value), Label(value["label"])
        for item in value.values():
            yield from sealed_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from sealed_in(item)


def render(
    model: Json, report_id: str, model_sha256: str, opened: Opened, names: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """The page in UTF-8. The same model, opened words and names of principals give the same bytes."""
    template = _ENVIRONMENT.get_template("report.html.j2")
    page = _Page(model, opened, names)
    text = template.render(
        model=model,
        report_id=report_id,
        model_sha256=model_sha256,
        page=page,
        section={section["id"]: section for section in model["sections"]},
        titles=TITLES,
        spaced=spaced,
        who=page.who,
    )
    return text.encode()


class _Page:
    """What the template asks: figures by id, words by reference, and how each kind of value is written."""

    def __init__(self, model: Json, opened: Opened, names: Mapping[str, str]) -> None:
        self._model = model
        self._names = names
        self._opened = opened
        self._zone: ZoneInfo = zone_of(model["period"]["time_zone"])
        self.figures = figures_of(model)
        self._numbers = {name: number for number, name in enumerate(self.figures, start=1)}

    def figure(self, name: str) -> Json:
        return self.figures[name]

    def number(self, name: str) -> int:
        """The footnote of a figure, the same wherever it stands."""
        return self._numbers[name]

    def value(self, figure: Json) -> str:
        return amount(figure["value"], figure["unit"])

    def duration(self, milliseconds: int | None) -> str:
        return duration_text(milliseconds)

    def bytes(self, value: int | None) -> str:
        return bytes_text(value)

    def part(self, figure: Json, whole: Json) -> int:
        """A figure's share of another in percent, for the length of a bar; 0 where either is not known."""
        if not figure["value"] or not whole["value"]:
            return 0
        return int(min(100, 100 * figure["value"] // whole["value"]))

    def positions(self, source: str) -> str:
        return positions_text(self._model["sources"][source])

    def time(self, text: str | None) -> Markup:
        """An instant in the report's time zone, with the exact one in UTC beside it for machines."""
        if text is None:
            return Markup("–")
        at = datetime.fromisoformat(text).astimezone(self._zone)
        return Markup('<time datetime="{}">{:%d %b %Y, %H:%M:%S}</time>').format(text, at)

    def day(self, text: str) -> str:
        return f"{datetime.fromisoformat(text).astimezone(self._zone):%d %B %Y, %H:%M}"

    def words(self, reference: Json | None) -> Markup:
        """Opened words, or why they are not shown. Line breaks stay."""
        if reference is None:
            return Markup("–")
        match self._opened.of(_sealed(reference)):
            case Erased():
                return Markup('<span class="gone">erased</span>')
            case Withheld():
                return Markup('<span class="gone">withheld ({})</span>').format(reference["label"])
            case str() as value:
                return Markup('<span class="words">{}</span>').format(value)

    def topic(self, topic: str) -> str:
        """What an entry says, from its topic alone."""
        return headline(topic, {})

    def owner(self, owner: Json | None) -> Markup:
        if owner is None:
            return Markup("–")
        if "sealed" in owner:
            return self.words(owner)
        if "role" in owner:
            return escape(OWNERS.get(owner["role"], spaced(owner["role"])))
        return Markup('<span title="{}">{}</span>').format(owner["principal_id"], self.who(owner["principal_id"]))

    def who(self, identifier: str) -> str:
        return who(identifier, self._names)


def _sealed(reference: Json) -> Sealed:
    return Sealed(**reference["sealed"])
