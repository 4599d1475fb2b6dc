"""The HTML rendering: self-contained, accessible, true to the model, and silent about what its reader may not see."""

import re
from html.parser import HTMLParser

from contracts.labels import Audience, may_see
from infra.disclosure.opener import Opened
from infra.event_store.openings import Erased
from services.reporting.domain.model import figures_of
from services.reporting.servicer.html import render, sealed_in
from services.reporting.servicer.plain_words import amount
from tests.services.reporting import clinic
from tests.services.reporting.history import History
from tests.services.reporting.made import model_of

NARROW_COLUMNS = 3
"""A table of no more fits a telephone; one of more is scrolled by itself, and not the page with it."""
VOID = {"meta", "br", "link", "img", "hr", "input"}


class _Page(HTMLParser):
    """Collects what the assertions ask, and that every element is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.header_cells_without_scope = 0
        self.wide_tables_that_overflow = 0
        self._columns, self._scrolls = 0, list[bool]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.attributes += named.items()
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named["href"])
        if tag == "th" and "scope" not in named:
            self.header_cells_without_scope += 1
        if tag == "div":
            self._scrolls.append(named.get("class") == "wide")
        self._columns = 0 if tag == "tr" else self._columns + (tag in ("th", "td"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "div":
            self._scrolls.pop()
        if tag == "tr":
            self.wide_tables_that_overflow += self._columns > NARROW_COLUMNS and not any(self._scrolls)


def page_of(history: History, audience: Audience = Audience.CUSTOMER) -> str:
    model = model_of(history, audience=audience)
    shown = {(sealed.event_id, sealed.path) for sealed, label in sealed_in(model) if may_see(label, audience)}
    words = {reference: text for reference, text in history.words.items() if reference in shown}
    return render(model, "report-1", "a" * 64, Opened(words)).decode()


def test_a_page_asks_nothing_of_the_network_and_runs_nothing() -> None:
    page = _Page(page_of(clinic.month()))
    assert not [value for name, value in page.attributes if name in {"src", "srcset", "action", "onclick", "onload"}]
    assert all(link.startswith("#") for link in page.links)
    text = page_of(clinic.month())
    assert not re.search(r"https?://|url\(|@import|<script|<iframe", text)
    assert "default-src 'none'" in text


def test_a_page_is_well_formed_and_can_be_walked_by_its_headings_and_tables() -> None:
    text = page_of(clinic.month())
    page = _Page(text)
    assert page.open == []
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert page.header_cells_without_scope == 0
    assert '<html lang="en">' in text


def test_no_table_makes_a_page_wider_than_a_telephone() -> None:
    assert not _Page(page_of(clinic.month())).wide_tables_that_overflow


def test_cases_of_one_title_are_told_apart_by_where_they_are() -> None:
    page = page_of(clinic.month())
    (story,) = re.findall(r'<ul class="stories">(.*?)</ul>', page, re.DOTALL)
    assert re.search(r'<small>on <span class="words">ward-7</span>( and \d+ more)?</small>', story)


def test_every_figure_stands_in_the_appendix_with_its_value_and_its_entries() -> None:
    history = clinic.month()
    text = page_of(history)
    for name, figure in figures_of(model_of(history)).items():
        row = re.search(rf'<tr id="f\d+">(?:(?!</tr>).)*>{re.escape(name)}<(?:(?!</tr>).)*</tr>', text, re.DOTALL)
        assert row, name
        assert amount(figure["value"], figure["unit"]) in row.group(), name


def test_words_are_escaped_and_shown_by_label() -> None:
    history = clinic.month()
    for_customer, for_us = page_of(history), page_of(history, Audience.INVESTIGATORS)
    assert "withheld (TLP:RED)" in for_customer
    assert "The source named a" not in for_customer
    assert "The source named a &lt;b&gt;person&lt;/b&gt;." in for_us
    assert "Ransomware on the wards" in for_customer


def test_partners_of_the_customer_see_no_name_of_an_asset() -> None:
    text = page_of(clinic.month(), Audience.CUSTOMER_PARTNERS)
    assert "Ada Keller" not in text
    assert "withheld (TLP:AMBER+STRICT)" in text


def test_an_erased_word_is_said_to_be_erased() -> None:
    history = clinic.month()
    words = dict.fromkeys(history.words, Erased.ERASED)
    text = render(model_of(history), "report-1", "a" * 64, Opened(words)).decode()
    assert '<span class="gone">erased</span>' in text
    assert "Ransomware on the wards" not in text


def test_a_page_of_an_almost_empty_ledger_says_what_it_does_not_claim() -> None:
    history = History()
    clinic.asset(history, "asset-1")
    text = page_of(history)
    assert "No sensor is registered" in text
    assert "quiet is not the same as safe" in text
    assert "not known" in text
    assert "No case was worked on" in text


def test_a_restated_report_shows_the_differences() -> None:
    history = clinic.month()
    earlier = model_of(history)
    clinic.fix_finding(history, "finding-2")
    model = model_of(history, earlier=earlier)
    text = render(model, "report-2", "a" * 64, Opened({})).decode()
    assert "What changed since the earlier report" in text
    assert "findings.open_at_end" in text
