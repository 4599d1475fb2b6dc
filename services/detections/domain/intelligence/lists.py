"""A list of indicators as text, handed over for one look: one value a line, or CSV with the columns kind and value.

Blank lines and lines that begin with `#` say nothing. A list with a line that is not understood is refused as a whole,
naming the line: looking for part of a list would look like looking for all of it. Values may come "defanged", as
reports print them (`hxxp://`, `[.]`, `[:]`, `[@]`), so that nobody opens them by mistake.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contracts.labels import Label
from services.detections.config import MAX_INDICATOR_LIST_BYTES, MAX_INDICATORS_PER_LIST
from services.detections.domain.errors import IndicatorListUnreadable
from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Fired
from services.detections.domain.intelligence.indicators import Comparison, Indicator
from services.detections.domain.intelligence.matcher import Matcher
from services.detections.domain.intelligence.observables import Observable, canonical, network_of
from services.detections.domain.intelligence.watch import note_of
from services.detections.domain.matching import Ask, Match

MAX_VALUE_CHARACTERS = 2_048
MAX_LINES_NAMED = 10
NETWORK = "network"
EQUAL, WITHIN = "=", "in"
_KINDS = {kind.value: kind for kind in Observable} | {
    "ip": Observable.ADDRESS,
    "ipv4": Observable.ADDRESS,
    "ipv6": Observable.ADDRESS,
    "cidr": NETWORK,
    NETWORK: NETWORK,
    "hostname": Observable.DOMAIN,
    "md5": Observable.HASH,
    "sha1": Observable.HASH,
    "sha256": Observable.HASH,
    "sha512": Observable.HASH,
    "file": Observable.FILE_NAME,
    "filename": Observable.FILE_NAME,
}
_DEFANGED = (("[.]", "."), ("(.)", "."), ("[:]", ":"), ("[@]", "@"), ("[at]", "@"))
_FILE_ENDINGS = frozenset(
    {
        *("7z", "apk", "bat", "bin", "cab", "chm", "cmd", "cpl", "dll", "doc", "docm", "docx", "dmg", "elf", "exe"),
        *("gz", "hta", "img", "iso", "jar", "jpg", "js", "jse", "lnk", "lua", "msc", "msi", "msp", "ocx", "one", "pdf"),
        *("php", "png", "ppt", "pptm", "pptx", "ps1", "psd1", "psm1", "rar", "reg", "rtf", "scr", "sct", "sys", "tar"),
        *("tmp", "txt", "vbe", "vbs", "vhd", "vhdx", "war", "wsf", "wsh", "xla", "xlam", "xll", "xls", "xlsb", "xlsm"),
        *("xlsx", "xml"),
    }
)
"""Endings that make a name with dots a file's rather than a domain's."""


class NotAnIndicator(ValueError):
    """The text is not of the kind that it is said to be, or of none that can be told."""


@dataclass(frozen=True, slots=True)
class ListMatcher:
    """A list's indicators, each with what it fires; found in telemetry as those of our intelligence are."""

    indicators: tuple[tuple[Comparison, Fired], ...]

    def opened(self) -> Ask:
        fired = {str(place): each for place, (_, each) in enumerate(self.indicators)}
        matcher = Matcher(_indicator(str(place), comparison) for place, (comparison, _) in enumerate(self.indicators))

        def match(record: Record) -> Sequence[Match]:
            found = matcher.match(record.fields, _ANY_TIME)
            return [Match(fired[each.indicator.indicator_id], note_of(each)) for each in found]

        return match


_ANY_TIME = 0.0


def _indicator(name: str, comparison: Comparison) -> Indicator:
    """A list tells neither how long its indicators hold nor how certain they are: they hold whenever they are met."""
    return Indicator(name, "", ((comparison,),), -1.0, 1.0, 0.0, None, Label.AMBER, (), False, "")


def read_list(text: str) -> tuple[Comparison, ...]:
    """Each indicator once, in the order of the list. Raises IndicatorListUnreadable, which names the lines."""
    if len(text.encode("utf-8", "replace")) > MAX_INDICATOR_LIST_BYTES:
        raise _unreadable(f"The list has more than {MAX_INDICATOR_LIST_BYTES} bytes.")
    found: dict[Comparison, None] = {}
    wrong: list[tuple[int, str]] = []
    for number, line in _lines(text):
        try:
            found[_read(line)] = None
        except (NotAnIndicator, csv.Error) as error:
            wrong.append((number, str(error)))
    if wrong:
        named = "; ".join(f"line {number}: {reason}" for number, reason in wrong[:MAX_LINES_NAMED])
        more = f"; and {len(wrong) - MAX_LINES_NAMED} more" if len(wrong) > MAX_LINES_NAMED else ""
        raise _unreadable(f"Not understood: {named}{more}.", lines=len(wrong))
    if not found:
        raise _unreadable("The list names no indicator.")
    if len(found) > MAX_INDICATORS_PER_LIST:
        raise _unreadable(f"The list names more than {MAX_INDICATORS_PER_LIST} indicators.")
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, numbered from 1; a header of CSV is none."""
    said = [(number, line.strip()) for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)]
    told = [(number, line) for number, line in said if line and not line.startswith("#")]
    header = bool(told) and [part.strip().lower() for part in told[0][1].split(",")] == ["kind", "value"]
    return iter(told[1:] if header else told)


def _read(line: str) -> Comparison:
    """A kind before the first comma makes the line CSV; no value has such a beginning by itself."""
    before, comma, _ = line.partition(",")
    kind = _KINDS.get(before.strip().strip('"').lower())
    if not comma or kind is None:
        return _of_any_kind(_plain(line))
    cells = next(csv.reader([line], strict=True, skipinitialspace=True))
    if len(cells) != 2:
        raise NotAnIndicator("a line of CSV is `kind,value`")
    return _of_kind(kind, _plain(cells[1]))


def _plain(text: str) -> str:
    value = text.strip()
    for written, meant in _DEFANGED:
        value = value.replace(written, meant)
    if not value or len(value) > MAX_VALUE_CHARACTERS:
        raise NotAnIndicator(f"a value has 1 to {MAX_VALUE_CHARACTERS} characters")
    return re.sub(r"^hxxp", "http", value, flags=re.IGNORECASE)


def _of_kind(kind: str, value: str) -> Comparison:
    if kind == NETWORK:
        network = network_of(value)
        if network is None:
            raise NotAnIndicator("this is no network in CIDR notation")
        return Comparison(Observable.ADDRESS, WITHIN, network.compressed)
    observable = Observable(kind)
    text = canonical(observable, value)
    if text is None or (observable is Observable.FILE_NAME and set(text) & set("/\\")):
        raise NotAnIndicator(f"this is no {kind.replace('_', ' ')}")
    return Comparison(observable, EQUAL, text)


def _of_any_kind(value: str) -> Comparison:
    """Of the first kind that the value's shape allows."""
    for kind, looks_so in _SHAPES:
        if looks_so(value):
            try:
                return _of_kind(kind, value)
            except NotAnIndicator:
                continue
    raise NotAnIndicator("its kind cannot be told; write `kind,value`")


def _names_a_file(value: str) -> bool:
    return "." in value and value.rpartition(".")[2].lower() in _FILE_ENDINGS


_SHAPES: Sequence[tuple[str, Callable[[str], bool]]] = (
    (Observable.URL, lambda value: "://" in value),
    (Observable.ADDRESS, lambda value: "." in value or ":" in value),
    (NETWORK, lambda value: "/" in value),
    (Observable.HASH, str.isalnum),
    (Observable.EMAIL, lambda value: "@" in value),
    (Observable.FILE_NAME, _names_a_file),
    (Observable.DOMAIN, lambda value: "." in value and not value.rpartition(".")[2].isdigit()),
)


def _unreadable(message: str, lines: int = 0) -> IndicatorListUnreadable:
    return IndicatorListUnreadable(message, metadata={"lines": str(lines)} if lines else {})
